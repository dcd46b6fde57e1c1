#include "runtime/peers/dropped_frames.hpp"

#include <algorithm>
#include <new>
#include <string>
#include <string_view>

#include "framing/frame.hpp"
#include "runtime/counters/dead_letters.hpp"

namespace distflow::runtime {
namespace {

/// Calls `visit(begin, size)` for each whole frame of the pieces, its header included: where it begins, counted from
/// the first piece on. Ends at what is no whole frame.
template <class Visit>
void for_each_frame(std::span<const io::Piece> pieces, Visit visit) {
  std::size_t before = 0;  // bytes of the pieces before this one
  std::size_t at = 0;      // the next frame
  for (const io::Piece& piece : pieces) {
    while (at < before + piece.size()) {
      const std::size_t rest = before + piece.size() - at;
      if (rest < framing::kHeaderSize) return;
      const std::size_t size = framing::kHeaderSize + framing::read_header(piece.data() + (at - before));
      visit(at, size);
      at += size;
    }
    before += piece.size();
  }
}

/// So many bytes from there on, in one piece; copied into `joined` when they lie in several.
std::string_view bytes_at(std::span<const io::Piece> pieces, std::size_t begin, std::size_t size, std::string& joined) {
  joined.clear();
  for (const io::Piece& piece : pieces) {
    if (begin >= piece.size()) {
      begin -= piece.size();
      continue;
    }
    const std::string_view here = piece.substr(begin, size - joined.size());
    if (here.size() == size) return here;
    joined += here;
    if (joined.size() == size) break;
    begin = 0;
  }
  return joined;
}

}  // namespace

void keep_dropped(const Traffic& traffic, Counter SendCounters::*reason, std::span<const io::Piece> pieces,
                  std::size_t bytes_sent, std::string_view name) noexcept {
  DeadLetters* const letters = traffic.dead_letters;
  if (letters == nullptr || !letters->keeps(reason)) return;
  std::size_t dropped = 0;
  for_each_frame(pieces, [&](std::size_t begin, std::size_t size) {
    if (begin + size > bytes_sent) ++dropped;
  });
  std::size_t passed_over = dropped - std::min(dropped, letters->letters_max());
  letters->note_displaced(passed_over);
  std::string joined;
  for_each_frame(pieces, [&](std::size_t begin, std::size_t size) {
    if (begin + size <= bytes_sent) return;
    if (passed_over > 0) {
      --passed_over;
      return;
    }
    try {
      const std::size_t body = size - framing::kHeaderSize;
      letters->add_frame(traffic, reason, bytes_at(pieces, begin + framing::kHeaderSize, body, joined), name);
    } catch (const std::bad_alloc&) {
      letters->note_not_kept();
    }
  });
}

}  // namespace distflow::runtime
