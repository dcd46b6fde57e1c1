// distflow's frames by a template: written by copying what stands around the payload, read by comparing it.
//
//   length  {"from":"7021c0138e13d26a","to":"00000000000051c4","payload":VALUE,"timestamp":1795375753755}
//   0       4        13                29      37              53         65
//
// Any thread. Nothing is looked for: where the payload begins and ends follows from the frame's size, and that it is
// JSON is not checked. So this is what frames cost at least, and not what reading them costs a node.
// Use: char* end = writer.write(at, payload); frame = read_frame({begin, size}); handle(frame.payload);
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "bench/contestant/contestant.hpp"

namespace distflow::bench {

inline constexpr std::size_t kHeaderSize = 4;
inline constexpr std::string_view kPrefix = R"({"from":"7021c0138e13d26a","to":"00000000000051c4","payload":)";
inline constexpr std::string_view kSuffix = R"(,"timestamp":1795375753755})";
inline constexpr std::size_t kIdSize = 16;
inline constexpr std::size_t kTimeSize = 13;
inline constexpr std::size_t kFrameSizeMin = kHeaderSize + kPrefix.size() + kSuffix.size();

/// The size of the frame that begins at `at`, header included.
inline std::size_t frame_size_at(const char* at) {
  std::uint32_t body = 0;
  std::memcpy(&body, at, sizeof body);
  return kHeaderSize + __builtin_bswap32(body);
}

/// What a message's handler is given.
struct ReadyFrame {
  std::string_view from;
  std::string_view to;
  std::string_view payload;
  std::string_view timestamp;
};

class FrameWriter {
 public:
  FrameWriter() { std::memcpy(suffix_, kSuffix.data(), kSuffix.size()); }

  /// The time of all frames from now on.
  void set_time(std::uint64_t unix_ms) {
    for (std::size_t i = kSuffix.size() - 2; i > kSuffix.size() - 2 - kTimeSize; --i, unix_ms /= 10) {
      suffix_[i] = static_cast<char>('0' + unix_ms % 10);
    }
  }

  /// Writes a frame of kFrameSizeMin + payload.size() bytes, and returns where it ends.
  char* write(char* at, std::string_view payload) const {
    const auto body = static_cast<std::uint32_t>(kPrefix.size() + payload.size() + kSuffix.size());
    const std::uint32_t header = __builtin_bswap32(body);
    std::memcpy(at, &header, kHeaderSize);
    std::memcpy(at + kHeaderSize, kPrefix.data(), kPrefix.size());
    at += kHeaderSize + kPrefix.size();
    std::memcpy(at, payload.data(), payload.size());
    std::memcpy(at + payload.size(), suffix_, kSuffix.size());
    return at + payload.size() + kSuffix.size();
  }

 private:
  char suffix_[kSuffix.size()];
};

/// Reads a whole frame in place. What does not fit the template ends the process.
inline ReadyFrame read_frame(std::string_view frame) {
  constexpr std::size_t from_at = 9;
  constexpr std::size_t to_at = from_at + kIdSize + 8;
  constexpr std::size_t to_end = to_at + kIdSize;
  const auto fits = [](const char* at, std::string_view text, std::size_t from, std::size_t end) {
    return std::memcmp(at + from, text.data() + from, end - from) == 0;
  };
  const char* const prefix = frame.data() + kHeaderSize;
  const char* const suffix = frame.data() + frame.size() - kSuffix.size();
  const std::size_t time_at = kSuffix.size() - 1 - kTimeSize;
  const bool is_ours = fits(prefix, kPrefix, 0, from_at) && fits(prefix, kPrefix, from_at + kIdSize, to_at) &&
                       fits(prefix, kPrefix, to_end, kPrefix.size()) && fits(suffix, kSuffix, 0, time_at) &&
                       suffix[kSuffix.size() - 1] == '}';
  if (!is_ours) [[unlikely]]
    give_up("a frame is not of the template");
  return {.from = {prefix + from_at, kIdSize},
          .to = {prefix + to_at, kIdSize},
          .payload = {prefix + kPrefix.size(), frame.size() - kFrameSizeMin},
          .timestamp = {suffix + time_at, kTimeSize}};
}

}  // namespace distflow::bench
