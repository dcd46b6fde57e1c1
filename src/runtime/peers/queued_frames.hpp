// Going through the frames of a connection's queue, for what is dropped or leaves late.
//
// Pure; loop thread.
// Use: for_each_frame(queue.filled(), 0, [](const FrameAt& frame) { ... });
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "framing/frame.hpp"
#include "io/operation.hpp"

namespace distflow::runtime {

/// A whole frame, its header included: from `begin` in the first of the pieces on.
struct FrameAt {
  std::span<const io::Piece> pieces;
  std::size_t begin;
  std::size_t size;
};

/// Calls `visit(frame)` for each whole frame of the pieces that does not lie as a whole in their first `bytes_sent`
/// bytes. Ends at what is no whole frame. Takes time for each piece and frame once.
template <class Visit>
void for_each_frame(std::span<const io::Piece> pieces, std::size_t bytes_sent, Visit visit) {
  std::size_t before = 0;  // bytes of the pieces before this one
  std::size_t at = 0;      // the next frame
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const io::Piece piece = pieces[i];
    while (at < before + piece.size()) {
      const std::size_t begin = at - before;
      if (piece.size() - begin < framing::kHeaderSize) return;
      const std::size_t size = framing::kHeaderSize + framing::read_header(piece.data() + begin);
      at += size;
      if (at > bytes_sent) visit(FrameAt{pieces.subspan(i), begin, size});
    }
    before += piece.size();
  }
}

/// Calls `take(part)` for so many bytes of a frame from there on, in the parts that they lie in.
template <class Take>
void for_each_part(const FrameAt& frame, std::size_t offset, std::size_t size, Take take) {
  std::size_t begin = frame.begin + offset;
  for (const io::Piece& piece : frame.pieces) {
    if (begin >= piece.size()) {
      begin -= piece.size();
      continue;
    }
    const std::string_view part = piece.substr(begin, size);
    take(part);
    size -= part.size();
    if (size == 0) return;
    begin = 0;
  }
}

}  // namespace distflow::runtime
