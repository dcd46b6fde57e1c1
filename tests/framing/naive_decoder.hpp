// What a frame decoder is to give, found the slow way: the judge of the real one.
//
// Use: EXPECT_EQ(frames, decode_naively(stream, frame_size_max).bodies);
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace distflow::test {

struct NaiveResult {
  std::vector<std::string> bodies;
  bool is_too_long = false;      ///< ended by a frame beyond the limit
  std::size_t partial_size = 0;  ///< bytes of the incomplete frame at the end
  friend bool operator==(const NaiveResult&, const NaiveResult&) = default;
};

inline NaiveResult decode_naively(std::string_view stream, std::uint32_t frame_size_max) {
  NaiveResult result;
  while (stream.size() >= 4) {
    std::uint64_t size = 0;
    for (int i = 0; i < 4; ++i) size = size * 256 + static_cast<unsigned char>(stream[static_cast<std::size_t>(i)]);
    if (size > frame_size_max) {
      result.is_too_long = true;
      return result;
    }
    if (stream.size() < 4 + size) break;
    result.bodies.emplace_back(stream.substr(4, size));
    stream.remove_prefix(4 + size);
  }
  result.partial_size = stream.size();
  return result;
}

/// `body` as a frame.
inline std::string framed(std::string_view body) {
  std::string frame;
  for (int shift = 24; shift >= 0; shift -= 8) frame.push_back(static_cast<char>((body.size() >> shift) & 0xff));
  return frame.append(body);
}

}  // namespace distflow::test
