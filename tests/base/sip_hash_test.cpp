#include "base/sip_hash.hpp"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <set>
#include <string>

namespace distflow::base {
namespace {

constexpr SipKey kKey{0x0706050403020100, 0x0f0e0d0c0b0a0908};

std::string counting(std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) text += static_cast<char>(i);
  return text;
}

// The example of the authors' paper, appendix A, and the first of the vectors that come with their program.
TEST(SipHash, is_the_authors_function) {
  const BasicSipHash<2, 4> hash(kKey);
  EXPECT_EQ(hash(counting(15)), 0xa129ca6149be45e5);
  constexpr std::array<std::uint64_t, 10> by_size{
      0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a, 0x85676696d7fb7e2d, 0xcf2794e0277187b7,
      0x18765564cd99a68d, 0xcbc9466e58fee3ce, 0xab0200f58b01d137, 0x93f5f5799a932462, 0x9e0082df0ba9e4b0};
  for (std::size_t size = 0; size < by_size.size(); ++size) EXPECT_EQ(hash(counting(size)), by_size[size]) << size;
}

// A text that ends in zeros differs from a shorter one in its size alone, which stands in the highest byte.
TEST(SipHash, takes_each_byte_where_it_stands_whatever_the_size) {
  const SipHash hash(kKey);
  for (std::size_t size = 1; size < 20; ++size) {
    std::set<std::uint64_t> seen{hash(std::string(size, '\0'))};
    for (std::size_t at = 0; at < size; ++at) {
      for (int bit = 0; bit < 8; ++bit) {
        std::string text(size, '\0');
        text[at] = static_cast<char>(1 << bit);
        seen.insert(hash(text));
      }
    }
    EXPECT_EQ(seen.size(), 1 + 8 * size) << size;
  }
}

TEST(SipHash, depends_on_every_byte_of_the_text_and_on_its_size) {
  const SipHash hash(kKey);
  std::set<std::uint64_t> seen;
  std::size_t count = 0;
  for (std::size_t size = 0; size < 40; ++size, ++count) seen.insert(hash(std::string(size, '\0')));
  for (std::size_t at = 0; at < 40; ++at, ++count) {
    std::string text(40, '\0');
    text[at] = '\x80';
    seen.insert(hash(text));
  }
  EXPECT_EQ(seen.size(), count);
}

TEST(SipHash, under_another_key_is_another_function) {
  const SipHash one(kKey);
  const SipHash other({kKey[0], kKey[1] ^ 1});
  for (std::size_t size = 0; size < 40; ++size) {
    const int differing = std::popcount(one(counting(size)) ^ other(counting(size)));
    EXPECT_GT(differing, 8) << size;
  }
}

}  // namespace
}  // namespace distflow::base
