#include "runtime/peers/queued_requests.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>

#include "protocol/envelope.hpp"
#include "runtime/peers/queued_frames.hpp"

namespace distflow::runtime {
namespace {

constexpr std::string_view kPayload = R"(,"payload":)";
constexpr std::string_view kTimestamp = R"(,"timestamp":)";
constexpr std::string_view kAsk = R"(,"ask":)";
constexpr std::string_view kMs = R"(,"ms":)";
constexpr std::size_t kDigitsMax = 20;
/// Behind its payload a request has no more than this.
constexpr std::size_t kEndMax =
    kTimestamp.size() + kAsk.size() + kMs.size() + 3 * kDigitsMax + protocol::kEnvelopeSuffixSizeMax;

/// What is behind the payload of a request.
struct RequestEnd {
  std::string_view before_ms;  // up to the number of ms, that excluded
  std::uint64_t id = 0;
  std::int64_t ms = 0;
  std::size_t ms_size = 0;  // of the number, with the white space behind it
};

/// Takes a number off the end, with what is before it: false when that is not there.
bool take_number(std::string_view& text, std::string_view key, std::string_view& digits) {
  std::size_t size = 0;
  while (size < text.size() && text[text.size() - 1 - size] >= '0' && text[text.size() - 1 - size] <= '9') ++size;
  digits = text.substr(text.size() - size);
  text.remove_suffix(size);
  if (size == 0 || !text.ends_with(key)) return false;
  text.remove_suffix(key.size());
  return true;
}

/// Of the last bytes of a frame; none when it is no request. No payload looks so: it is before the time.
std::optional<RequestEnd> read_request_end(std::string_view text) {
  if (!text.ends_with('}')) return std::nullopt;
  const std::size_t end = text.size() - 1;
  std::string_view rest = text.substr(0, end);
  while (rest.ends_with(' ')) rest.remove_suffix(1);
  std::string_view ms;
  std::string_view id;
  std::string_view timestamp;
  const bool is_request =
      take_number(rest, kMs, ms) && take_number(rest, kAsk, id) && take_number(rest, kTimestamp, timestamp);
  if (!is_request) return std::nullopt;
  const auto begin = static_cast<std::size_t>(ms.data() - text.data());
  RequestEnd found{.before_ms = text.substr(rest.size(), begin - rest.size()), .ms_size = end - begin};
  std::from_chars(id.data(), id.data() + id.size(), found.id);
  std::from_chars(ms.data(), ms.data() + ms.size(), found.ms);
  return found;
}

/// So many of the last bytes of a frame.
std::string_view copy_end(const FrameAt& frame, std::array<char, kEndMax>& text) {
  const std::size_t wanted = std::min(frame.size - framing::kHeaderSize, text.size());
  std::size_t size = 0;
  for_each_part(frame, frame.size - wanted, wanted, [&](std::string_view part) {
    std::memcpy(text.data() + size, part.data(), part.size());
    size += part.size();
  });
  return {text.data(), size};
}

/// The text, white space, and the end of an object: from there on to the frame's end.
void write_end(const FrameAt& frame, std::size_t offset, std::string_view text) {
  for_each_part(frame, offset, frame.size - offset, [&](std::string_view part) {
    char* const out = const_cast<char*>(part.data());  // NOLINT(cppcoreguidelines-pro-type-const-cast): see the header
    const std::size_t count = std::min(part.size(), text.size());
    std::memcpy(out, text.data(), count);
    std::memset(out + count, ' ', part.size() - count);
    text.remove_prefix(count);
  });
  for_each_part(frame, frame.size - 1, 1,
                [](std::string_view part) { *const_cast<char*>(part.data()) = '}'; });  // NOLINT: as above
}

/// Where the payload of a frame to that peer begins, its key included.
std::size_t payload_offset(std::string_view prefix) {
  return framing::kHeaderSize + prefix.size() - (prefix.ends_with(kPayload) ? kPayload.size() : 0);
}

}  // namespace

void restamp_requests(std::span<const io::Piece> pieces, std::string_view prefix,
                      base::Delegate<std::int64_t(std::uint64_t id)> ms_left) noexcept {
  for_each_frame(pieces, 0, [&](const FrameAt& frame) {
    std::array<char, kEndMax> text;  // filled up to what copy_end() says
    const std::optional<RequestEnd> request = read_request_end(copy_end(frame, text));
    if (!request || request->ms == 0) return;
    const std::int64_t left = ms_left(request->id);
    if (left >= request->ms) return;
    std::array<char, kDigitsMax> digits{};
    const char* const end = std::to_chars(digits.data(), digits.data() + digits.size(), left).ptr;
    const std::string_view number(digits.data(), static_cast<std::size_t>(end - digits.data()));
    if (left > 0) return write_end(frame, frame.size - 1 - request->ms_size, number);
    std::array<char, kEndMax> over{};
    std::memcpy(over.data(), request->before_ms.data(), request->before_ms.size());
    over[request->before_ms.size()] = '0';
    write_end(frame, payload_offset(prefix), {over.data(), request->before_ms.size() + 1});
  });
}

}  // namespace distflow::runtime
