#include "framing/frame.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string_view>

namespace distflow::framing {
namespace {

TEST(FrameHeader, is_the_length_big_endian) {
  std::array<char, kHeaderSize> header{};
  write_header(header.data(), 0x01020304);
  EXPECT_EQ(std::string_view(header.data(), header.size()), "\x01\x02\x03\x04");
  EXPECT_EQ(read_header("\x00\x00\x01\x80"), 0x180U);
}

TEST(FrameHeader, every_length_is_read_as_it_was_written) {
  for (const std::uint32_t size : {0U, 1U, 255U, 256U, 0x7FFFFFFFU, 0x80000000U, 0xFFFFFFFFU}) {
    std::array<char, kHeaderSize> header{};
    write_header(header.data(), size);
    EXPECT_EQ(read_header(header.data()), size);
  }
}

}  // namespace
}  // namespace distflow::framing
