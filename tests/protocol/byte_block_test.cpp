#include "protocol/byte_block.hpp"

#include <gtest/gtest.h>

#include <string>

namespace distflow::protocol {
namespace {

std::string all_bytes() {
  std::string bytes;
  for (int c = 0; c < 256; ++c) bytes += static_cast<char>(c);
  return bytes;
}

TEST(ByteBlock, every_byte_is_judged_alike_with_and_without_vector_instructions) {
  const std::string bytes = all_bytes();
  for (std::size_t at = 0; at + 16 <= bytes.size(); ++at) {
    const Block16 block(bytes.data() + at);
    const PortableBlock16 portable(bytes.data() + at);
    EXPECT_EQ(block.equal('"').bits(), portable.equal('"').bits());
    EXPECT_EQ(block.equal('\xFF').bits(), portable.equal('\xFF').bits());
    EXPECT_EQ(block.masked_equal('\xD9', '\x59').bits(), portable.masked_equal('\xD9', '\x59').bits());
    EXPECT_EQ(block.above('"').bits(), portable.above('"').bits());
    EXPECT_EQ(block.at_most(9).bits(), portable.at_most(9).bits());
    EXPECT_EQ(block.at_most(0x80).bits(), portable.at_most(0x80).bits());
  }
}

template <class Block>
class ByteBlockOf : public ::testing::Test {};
using Blocks = ::testing::Types<PortableBlock16, Block16>;
TYPED_TEST_SUITE(ByteBlockOf, Blocks);

TYPED_TEST(ByteBlockOf, bit_i_is_byte_i) {
  const TypeParam block("\"23456789abcde\"x");
  EXPECT_EQ(block.equal('"').bits(), 1u << 0 | 1u << 14);
  EXPECT_TRUE(block.equal('"').any());
  EXPECT_FALSE(block.equal('"').all());
  EXPECT_FALSE(block.equal('?').any());
  EXPECT_TRUE(block.above('!').all());
}

TYPED_TEST(ByteBlockOf, four_blocks_side_by_side_make_one_number_in_which_bit_i_is_byte_i) {
  for (std::size_t at = 0; at < 64; ++at) {
    for (const std::size_t other : {at, (at * 7 + 3) % 64}) {
      std::string bytes(64, '.');
      bytes[at] = bytes[other] = '"';
      const auto quotes = [&](std::size_t i) { return TypeParam(bytes.data() + 16 * i).equal('"'); };
      EXPECT_EQ(TypeParam::Lanes::join(quotes(0), quotes(1), quotes(2), quotes(3)),
                std::uint64_t{1} << at | std::uint64_t{1} << other);
    }
  }
}

TYPED_TEST(ByteBlockOf, lanes_are_joined_lane_by_lane) {
  const TypeParam block("aabbccddeeffgghh");
  EXPECT_EQ((block.equal('a') | block.equal('h')).bits(), 0xC003u);
  EXPECT_EQ((block.above('a') & block.at_most('b')).bits(), 0x000Cu);
  EXPECT_EQ(block.above('a').but_not(block.above('b')).bits(), 0x000Cu);
}

TYPED_TEST(ByteBlockOf, digits_make_their_number) {
  const TypeParam zeros("0000000000000000");
  EXPECT_EQ(TypeParam("1234567890123456").minus(zeros).joined_digits(), 1234567890123456u);
  EXPECT_EQ(TypeParam("0000000000000007").minus(zeros).joined_digits(), 7u);
  EXPECT_EQ(TypeParam("9999999999999999").minus(zeros).joined_digits(), 9999999999999999u);
  EXPECT_EQ(TypeParam("9000000080000000").minus(zeros).joined_digits(), 9000000080000000u);
}

}  // namespace
}  // namespace distflow::protocol
