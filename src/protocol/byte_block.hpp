// Sixteen bytes looked at together: which of them are what is sought, and what number sixteen digits make.
//
// Values; any thread. The only place that names a processor's vector instructions: Block16 is the best form that the
// compiler was told of, and PortableBlock16 answers the same everywhere.
//
// Use: const Block16 block(p);   // p[0..15] must be readable
//      std::uint32_t found = (block.equal('"') | block.equal('\\')).bits();   // bit i for byte i
#pragma once

#include <cstdint>
#include <cstring>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace distflow::protocol {

class PortableBlock16 {
 public:
  /// A truth for each byte.
  class Lanes {
   public:
    explicit Lanes(std::uint32_t bits) : bits_(bits) {}
    [[nodiscard]] std::uint32_t bits() const { return bits_; }
    [[nodiscard]] bool any() const { return bits_ != 0; }
    [[nodiscard]] bool all() const { return bits_ == 0xFFFF; }
    friend Lanes operator|(Lanes a, Lanes b) { return Lanes(a.bits_ | b.bits_); }
    friend Lanes operator&(Lanes a, Lanes b) { return Lanes(a.bits_ & b.bits_); }
    [[nodiscard]] Lanes but_not(Lanes other) const { return Lanes(bits_ & ~other.bits_); }

   private:
    std::uint32_t bits_;
  };

  explicit PortableBlock16(const char* at) { std::memcpy(bytes_, at, sizeof bytes_); }

  [[nodiscard]] Lanes equal(char c) const {
    return where([c](char byte) { return byte == c; });
  }
  /// Bytes that equal `value` in the bits of `mask`.
  [[nodiscard]] Lanes masked_equal(char mask, char value) const {
    return where([=](char byte) { return (byte & mask) == value; });
  }
  /// Bytes above `c` as signed numbers: those beyond ASCII are above none of ASCII.
  [[nodiscard]] Lanes above(signed char c) const {
    return where([c](char byte) { return static_cast<signed char>(byte) > c; });
  }
  /// Bytes that are at most `c` as unsigned numbers.
  [[nodiscard]] Lanes at_most(unsigned char c) const {
    return where([c](char byte) { return static_cast<unsigned char>(byte) <= c; });
  }
  /// Byte by byte, modulo 256.
  [[nodiscard]] PortableBlock16 minus(const PortableBlock16& other) const {
    PortableBlock16 result = *this;
    for (unsigned i = 0; i < sizeof bytes_; ++i) result.bytes_[i] = static_cast<char>(bytes_[i] - other.bytes_[i]);
    return result;
  }
  /// The number whose decimal digits the bytes are, as values 0 to 9.
  [[nodiscard]] std::uint64_t joined_digits() const {
    std::uint64_t number = 0;
    for (const char digit : bytes_) number = number * 10 + static_cast<std::uint64_t>(digit);
    return number;
  }

 private:
  template <class Test>
  [[nodiscard]] Lanes where(Test test) const {
    std::uint32_t mask = 0;
    for (unsigned i = 0; i < sizeof bytes_; ++i) mask |= static_cast<std::uint32_t>(test(bytes_[i])) << i;
    return Lanes(mask);
  }

  char bytes_[16];
};

#if defined(__SSE2__)

class Sse2Block16 {
 public:
  class Lanes {
   public:
    explicit Lanes(__m128i lanes) : lanes_(lanes) {}
    [[nodiscard]] std::uint32_t bits() const { return static_cast<std::uint32_t>(_mm_movemask_epi8(lanes_)); }
    [[nodiscard]] bool any() const { return bits() != 0; }
    [[nodiscard]] bool all() const { return bits() == 0xFFFF; }
    friend Lanes operator|(Lanes a, Lanes b) { return Lanes(_mm_or_si128(a.lanes_, b.lanes_)); }
    friend Lanes operator&(Lanes a, Lanes b) { return Lanes(_mm_and_si128(a.lanes_, b.lanes_)); }
    [[nodiscard]] Lanes but_not(Lanes other) const { return Lanes(_mm_andnot_si128(other.lanes_, lanes_)); }

   private:
    __m128i lanes_;
  };

  explicit Sse2Block16(const char* at) : bytes_(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at))) {}

  [[nodiscard]] Lanes equal(char c) const { return Lanes(_mm_cmpeq_epi8(bytes_, _mm_set1_epi8(c))); }
  [[nodiscard]] Lanes masked_equal(char mask, char value) const {
    return Lanes(_mm_cmpeq_epi8(_mm_and_si128(bytes_, _mm_set1_epi8(mask)), _mm_set1_epi8(value)));
  }
  [[nodiscard]] Lanes above(signed char c) const { return Lanes(_mm_cmpgt_epi8(bytes_, _mm_set1_epi8(c))); }
  [[nodiscard]] Lanes at_most(unsigned char c) const {
    return Lanes(_mm_cmpeq_epi8(_mm_subs_epu8(bytes_, _mm_set1_epi8(static_cast<char>(c))), _mm_setzero_si128()));
  }
  [[nodiscard]] Sse2Block16 minus(const Sse2Block16& other) const {
    return Sse2Block16(_mm_sub_epi8(bytes_, other.bytes_));
  }
  [[nodiscard]] std::uint64_t joined_digits() const {
    // Neighbours are joined to pairs, pairs to fours, fours to eights; the first digit lies lowest.
    const __m128i tens = _mm_set1_epi32(10 | 1 << 16);
    const __m128i hundreds = _mm_set1_epi32(100 | 1 << 16);
    const __m128i ten_thousands = _mm_set1_epi32(10'000 | 1 << 16);
    const __m128i zero = _mm_setzero_si128();
    const __m128i pairs = _mm_packs_epi32(_mm_madd_epi16(_mm_unpacklo_epi8(bytes_, zero), tens),
                                          _mm_madd_epi16(_mm_unpackhi_epi8(bytes_, zero), tens));
    const __m128i fours = _mm_madd_epi16(pairs, hundreds);
    const __m128i eights = _mm_madd_epi16(_mm_packs_epi32(fours, fours), ten_thousands);
    std::uint64_t both = 0;
    _mm_storel_epi64(reinterpret_cast<__m128i*>(&both), eights);
    return (both & 0xFFFFFFFF) * 100'000'000 + (both >> 32);
  }

 private:
  explicit Sse2Block16(__m128i bytes) : bytes_(bytes) {}

  __m128i bytes_;
};

using Block16 = Sse2Block16;

#else

using Block16 = PortableBlock16;

#endif

}  // namespace distflow::protocol
