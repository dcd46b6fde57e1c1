#include "runtime/peers/dropped_frames.hpp"

#include <algorithm>
#include <array>
#include <new>
#include <string>
#include <string_view>

#include "protocol/envelope.hpp"
#include "protocol/pmd_node.hpp"
#include "runtime/counters/dead_letters.hpp"
#include "runtime/peers/queued_frames.hpp"

namespace distflow::runtime {
namespace {

/// Bytes of a message's frame, at most, that are not bytes of its letter: the sender's nodeId and the keys.
constexpr std::size_t kAroundMax = protocol::kIdSizeMax + 128;

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

/// Whether it is addressed to a topic: told by its beginning, behind the sender's name.
bool is_published(const FrameAt& frame) {
  constexpr std::string_view from = R"({"from":")";
  constexpr std::string_view to = R"(","to":")";
  std::array<char, from.size() + protocol::kIdSizeMax + to.size() + protocol::kTopicPrefix.size()> text{};
  const std::size_t wanted = std::min(frame.size - framing::kHeaderSize, text.size());
  std::size_t size = 0;
  for_each_part(frame, framing::kHeaderSize, wanted, [&](std::string_view part) {
    std::copy(part.begin(), part.end(), text.begin() + static_cast<std::ptrdiff_t>(size));
    size += part.size();
  });
  std::string_view rest(text.data(), size);
  if (!rest.starts_with(from)) return false;
  rest.remove_prefix(from.size());
  while (!rest.empty() && rest.front() != '"')
    rest.remove_prefix(std::min<std::size_t>(rest.front() == '\\' ? 2 : 1, rest.size()));
  if (!rest.starts_with(to)) return false;
  return rest.substr(to.size()).starts_with(protocol::kTopicPrefix);
}

/// Told by the frame's end and beginning, however large it is: behind the time of a request or a reply there is more,
/// and a published message is for a topic. What looks like a message and is none is passed over later.
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
  if (!end.ends_with(key) || is_published(frame)) return Worth::none;
  return body > bytes_max && body - bytes_max > kAroundMax ? Worth::too_large : Worth::kept;
}

}  // namespace

void keep_dropped(const Traffic& traffic, Counter SendCounters::*reason, std::span<const io::Piece> pieces,
                  std::size_t bytes_sent, std::string_view name) noexcept {
  DeadLetters* const letters = traffic.dead_letters;
  if (letters == nullptr || !letters->keeps(reason)) return;
  std::size_t count = 0;
  for_each_frame(pieces, bytes_sent, [&](const FrameAt& frame) {
    const Worth worth = worth_of(frame, letters->bytes_max());
    if (worth == Worth::kept) ++count;
    if (worth == Worth::too_large) letters->note_not_kept();
  });
  std::size_t passed_over = count - std::min(count, letters->letters_max());
  letters->note_displaced(passed_over);
  std::string joined;
  for_each_frame(pieces, bytes_sent, [&](const FrameAt& frame) {
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
