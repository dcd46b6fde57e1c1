// SipHash (Aumasson and Bernstein, 2012): a hash of text under a key. Without the key an attacker cannot choose texts
// that collide, so that a table of names from outside stays as fast as it is.
//
// A value; any thread.
//   1. Equal keys give equal hashes on every machine.
// Use: const SipHash hash(random_key); std::uint64_t place = hash("name") & mask;
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace distflow::base {

/// Unpredictable bits.
using SipKey = std::array<std::uint64_t, 2>;

/// Its rounds for each word and at the end. 1 and 3 are the authors' advice for tables; 2 and 4 are for messages.
template <int kWordRounds, int kEndRounds>
class BasicSipHash {
 public:
  explicit BasicSipHash(const SipKey& key) : key_(key) {}

  std::uint64_t operator()(std::string_view text) const {
    State state(key_);
    const char* word = text.data();
    const char* const words_end = word + text.size() / kWordSize * kWordSize;
    for (; word != words_end; word += kWordSize) state.take(load<std::uint64_t>(word));
    // The last word has what is left over, and the size in its highest byte.
    state.take(left_over(text) | std::uint64_t{text.size()} << 56);
    return state.finish();
  }

 private:
  static constexpr std::size_t kWordSize = 8;

  class State {
   public:
    explicit State(const SipKey& key)
        : a_(key[0] ^ 0x736f6d6570736575),
          b_(key[1] ^ 0x646f72616e646f6d),
          c_(key[0] ^ 0x6c7967656e657261),
          d_(key[1] ^ 0x7465646279746573) {}

    void take(std::uint64_t word) {
      d_ ^= word;
      mix(kWordRounds);
      a_ ^= word;
    }
    std::uint64_t finish() {
      c_ ^= 0xff;
      mix(kEndRounds);
      return a_ ^ b_ ^ c_ ^ d_;
    }

   private:
    void mix(int rounds) {
      for (int i = 0; i < rounds; ++i) {
        a_ += b_;
        c_ += d_;
        b_ = std::rotl(b_, 13) ^ a_;
        d_ = std::rotl(d_, 16) ^ c_;
        a_ = std::rotl(a_, 32) + d_;
        c_ += b_;
        d_ = std::rotl(d_, 21) ^ a_;
        b_ = std::rotl(b_, 17) ^ c_;
        c_ = std::rotl(c_, 32);
      }
    }

    std::uint64_t a_;
    std::uint64_t b_;
    std::uint64_t c_;
    std::uint64_t d_;
  };

  /// The bytes behind the last whole word, the first of them lowest. Without a loop, whose end would be guessed wrong.
  static std::uint64_t left_over(std::string_view text) {
    const std::size_t size = text.size() % kWordSize;
    if (size == 0) return 0;
    const char* const end = text.data() + text.size();
    if (text.size() > kWordSize) return load<std::uint64_t>(end - kWordSize) >> 8 * (kWordSize - size);
    if (size >= 4) return load<std::uint32_t>(end - size) | load<std::uint32_t>(end - 4) << 8 * (size - 4);
    const auto byte = [&](std::size_t at) { return std::uint64_t{static_cast<unsigned char>(text[at])} << 8 * at; };
    return byte(0) | byte(size / 2) | byte(size - 1);
  }

  template <class Number>
  static std::uint64_t load(const char* bytes) {
    Number number = 0;
    std::memcpy(&number, bytes, sizeof number);
    if constexpr (std::endian::native == std::endian::little) return number;
    return sizeof number == 8 ? __builtin_bswap64(number) : __builtin_bswap32(static_cast<std::uint32_t>(number));
  }

  SipKey key_;
};

using SipHash = BasicSipHash<1, 3>;

}  // namespace distflow::base
