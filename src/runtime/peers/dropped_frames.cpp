#include "runtime/peers/dropped_frames.hpp"

#include <algorithm>
#include <array>
#include <new>
#include <string>
#include <string_view>

#include "framing/frame.hpp"
#include "protocol/envelope.hpp"
#include "runtime/counters/dead_letters.hpp"

namespace distflow::runtime {
namespace {

/// Bytes of a message's frame, at most, that are not bytes of its letter: the sender's nodeId and the keys.
constexpr std::size_t kAroundMax = protocol::kIdSizeMax + 128;

/// A whole frame, its header included: from `begin` in the first of the pieces on.
struct FrameAt {
  std::span<const io::Piece> pieces;
  std::size_t begin;
  std::size_t size;
};

/// Calls `visit(frame)` for each whole frame of the pieces that does not lie as a whole in their first `bytes_sent`
/// bytes. Ends at what is no whole frame. Takes time for each piece and frame once.
template <class Visit>
void for_each_dropped(std::span<const io::Piece> pieces, std::size_t bytes_sent, Visit visit) {
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

/// The body of a frame, in one piece; copied into `joined` when it lies in several.
std::string_view body_of(const FrameAt& frame, std::string& joined) {
  joined.clear();
  const std::size_t size = frame.size - framing::kHeaderSize;
  std::string_view whole;
  for_each_part(frame, framing::kHeaderSize, size, [&](std::string_view part) {
    if (part.size() == size) {
      whole = part;
    } else {
      joined += part;
    }
  });
  return whole.empty() ? std::string_view(joined) : whole;
}

enum class Worth {
  none,       ///< no message to one node
  too_large,  ///< for all the room that there is
  kept,
};

/// Told by the frame's end alone, however large it is: behind the time of a request, a reply or a published message
/// there is more. What looks like a message and is none is passed over later.
Worth worth_of(const FrameAt& frame, std::size_t bytes_max) {
  constexpr std::string_view key = R"(,"timestamp":)";
  std::array<char, protocol::kEnvelopeSuffixSizeMax> text{};
  const std::size_t body = frame.size - framing::kHeaderSize;
  const std::size_t wanted = std::min(body, text.size());
  std::size_t size = 0;
  for_each_part(frame, frame.size - wanted, wanted, [&](std::string_view part) {
    std::copy(part.begin(), part.end(), text.begin() + static_cast<std::ptrdiff_t>(size));
    size += part.size();
  });
  std::string_view end(text.data(), size);
  if (!end.ends_with('}')) return Worth::none;
  end.remove_suffix(1);
  while (!end.empty() && end.back() >= '0' && end.back() <= '9') end.remove_suffix(1);
  if (!end.ends_with(key)) return Worth::none;
  return body > bytes_max && body - bytes_max > kAroundMax ? Worth::too_large : Worth::kept;
}

}  // namespace

void keep_dropped(const Traffic& traffic, Counter SendCounters::*reason, std::span<const io::Piece> pieces,
                  std::size_t bytes_sent, std::string_view name) noexcept {
  DeadLetters* const letters = traffic.dead_letters;
  if (letters == nullptr || !letters->keeps(reason)) return;
  std::size_t count = 0;
  for_each_dropped(pieces, bytes_sent, [&](const FrameAt& frame) {
    const Worth worth = worth_of(frame, letters->bytes_max());
    if (worth == Worth::kept) ++count;
    if (worth == Worth::too_large) letters->note_not_kept();
  });
  std::size_t passed_over = count - std::min(count, letters->letters_max());
  letters->note_displaced(passed_over);
  std::string joined;
  for_each_dropped(pieces, bytes_sent, [&](const FrameAt& frame) {
    if (worth_of(frame, letters->bytes_max()) != Worth::kept) return;
    if (passed_over > 0) {
      --passed_over;
      return;
    }
    try {
      letters->add_frame(traffic, reason, body_of(frame, joined), name);
    } catch (const std::bad_alloc&) {
      letters->note_not_kept();
    }
  });
}

}  // namespace distflow::runtime
