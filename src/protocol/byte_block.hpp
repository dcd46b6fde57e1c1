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
#elif defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
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
    /// Of four blocks that lie side by side: bit i for byte i.
    [[nodiscard]] static std::uint64_t join(Lanes a, Lanes b, Lanes c, Lanes d) {
      return a.bits() | std::uint64_t{b.bits()} << 16U | std::uint64_t{c.bits()} << 32U |
             std::uint64_t{d.bits()} << 48U;
    }

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
    /// Of four blocks that lie side by side: bit i for byte i.
    [[nodiscard]] static std::uint64_t join(Lanes a, Lanes b, Lanes c, Lanes d) {
      return a.bits() | std::uint64_t{b.bits()} << 16U | std::uint64_t{c.bits()} << 32U |
             std::uint64_t{d.bits()} << 48U;
    }

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

#elif defined(__ARM_NEON) && defined(__aarch64__)

class NeonBlock16 {
 public:
  class Lanes {
   public:
    explicit Lanes(uint8x16_t lanes) : lanes_(lanes) {}
    [[nodiscard]] std::uint32_t bits() const {
      // Added up, a half's lanes are a byte.
      const uint8x16_t placed = this->placed();
      return vaddv_u8(vget_low_u8(placed)) | static_cast<std::uint32_t>(vaddv_u8(vget_high_u8(placed))) << 8U;
    }
    [[nodiscard]] bool any() const { return vmaxvq_u8(lanes_) != 0; }
    [[nodiscard]] bool all() const { return vminvq_u8(lanes_) != 0; }
    friend Lanes operator|(Lanes a, Lanes b) { return Lanes(vorrq_u8(a.lanes_, b.lanes_)); }
    friend Lanes operator&(Lanes a, Lanes b) { return Lanes(vandq_u8(a.lanes_, b.lanes_)); }
    [[nodiscard]] Lanes but_not(Lanes other) const { return Lanes(vbicq_u8(lanes_, other.lanes_)); }
    [[nodiscard]] static std::uint64_t join(Lanes a, Lanes b, Lanes c, Lanes d) {
      // Neighbours are added up three times, in all four at once: eight lanes, each with its own bit, make a byte.
      const uint8x16_t pairs = vpaddq_u8(vpaddq_u8(a.placed(), b.placed()), vpaddq_u8(c.placed(), d.placed()));
      return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(pairs, pairs)), 0);
    }

   private:
    /// Each lane that is set keeps the bit of its place within its half.
    [[nodiscard]] uint8x16_t placed() const {
      alignas(16) static constexpr std::uint8_t k_places[16] = {1, 2, 4, 8, 16, 32, 64, 128,
                                                                1, 2, 4, 8, 16, 32, 64, 128};
      return vandq_u8(lanes_, vld1q_u8(k_places));
    }

    uint8x16_t lanes_;  // each all ones or zero
  };

  explicit NeonBlock16(const char* at) : bytes_(vld1q_u8(reinterpret_cast<const std::uint8_t*>(at))) {}

  [[nodiscard]] Lanes equal(char c) const { return Lanes(vceqq_u8(bytes_, all_of(c))); }
  [[nodiscard]] Lanes masked_equal(char mask, char value) const {
    return Lanes(vceqq_u8(vandq_u8(bytes_, all_of(mask)), all_of(value)));
  }
  [[nodiscard]] Lanes above(signed char c) const { return Lanes(vcgtq_s8(vreinterpretq_s8_u8(bytes_), vdupq_n_s8(c))); }
  [[nodiscard]] Lanes at_most(unsigned char c) const { return Lanes(vcleq_u8(bytes_, vdupq_n_u8(c))); }
  [[nodiscard]] NeonBlock16 minus(const NeonBlock16& other) const {
    return NeonBlock16(vsubq_u8(bytes_, other.bytes_));
  }
  [[nodiscard]] std::uint64_t joined_digits() const {
    // Neighbours are joined to pairs, pairs to fours, fours to eights; the first digit lies lowest.
    static constexpr std::uint8_t k_tens[16] = {10, 1, 10, 1, 10, 1, 10, 1, 10, 1, 10, 1, 10, 1, 10, 1};
    static constexpr std::uint16_t k_hundreds[8] = {100, 1, 100, 1, 100, 1, 100, 1};
    static constexpr std::uint32_t k_ten_thousands[4] = {10'000, 1, 10'000, 1};
    const uint16x8_t pairs = vpaddlq_u8(vmulq_u8(bytes_, vld1q_u8(k_tens)));
    const uint32x4_t fours = vpaddlq_u16(vmulq_u16(pairs, vld1q_u16(k_hundreds)));
    const uint64x2_t eights = vpaddlq_u32(vmulq_u32(fours, vld1q_u32(k_ten_thousands)));
    return vgetq_lane_u64(eights, 0) * 100'000'000 + vgetq_lane_u64(eights, 1);
  }

 private:
  explicit NeonBlock16(uint8x16_t bytes) : bytes_(bytes) {}
  static uint8x16_t all_of(char c) { return vdupq_n_u8(static_cast<std::uint8_t>(c)); }

  uint8x16_t bytes_;
};

using Block16 = NeonBlock16;

#else

using Block16 = PortableBlock16;

#endif

}  // namespace distflow::protocol
