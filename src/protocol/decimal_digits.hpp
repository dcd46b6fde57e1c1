// Writes and reads numbers as decimal digits, eight at a time: the numbers that each request has.
//
// Pure functions; any thread.
//   1. What is written is what std::to_chars() writes: no leading zeros.
// Use: end = write_decimal(end, id);    // with room for 20 bytes
#pragma once

#include <bit>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace distflow::protocol {

/// Bytes that write_decimal() may write to, at most.
inline constexpr std::size_t kDecimalSizeMax = 20;

namespace detail {

inline constexpr std::uint32_t kEightDigits = 100'000'000;

/// The eight digits of a number below kEightDigits, as values 0 to 9 in the bytes of the result; the first digit is the
/// lowest byte. The halves of each part are taken apart in all parts at once: eight digits, fours, twos.
constexpr std::uint64_t digits_of(std::uint32_t number) noexcept {
  const std::uint32_t high = number / 10'000;
  std::uint64_t parts = high | static_cast<std::uint64_t>(number - high * 10'000) << 32;
  // x * 5243 >> 19 is x / 100 for each x below 10,000; x * 103 >> 10 is x / 10 for each x below 100.
  std::uint64_t tops = parts * 5243 >> 19 & 0x0000'007F'0000'007F;
  parts = tops | (parts - tops * 100) << 16;
  tops = parts * 103 >> 10 & 0x000F'000F'000F'000F;
  return tops | (parts - tops * 10) << 8;
}

/// The lowest byte first, on any machine.
inline void store(char* out, std::uint64_t bytes) noexcept {
  if constexpr (std::endian::native == std::endian::little) {
    std::memcpy(out, &bytes, sizeof bytes);  // compilers do not make one store of the loop
  } else {
    for (int i = 0; i < 8; ++i) out[i] = static_cast<char>(bytes >> 8 * i);
  }
}

}  // namespace detail

/// Writes the number's digits, and returns where they end. `out` has room for kDecimalSizeMax bytes.
inline char* write_decimal(char* out, std::uint64_t number) noexcept {
  constexpr std::uint64_t zeros = 0x3030'3030'3030'3030;  // eight times '0'
  constexpr std::uint64_t eight = detail::kEightDigits;
  if (number < eight) {
    const std::uint64_t digits = detail::digits_of(static_cast<std::uint32_t>(number));
    const int leading = std::countr_zero(digits | std::uint64_t{1} << 56) / 8;  // of eight at least one is written
    detail::store(out, (digits | zeros) >> 8 * leading);
    return out + (8 - leading);
  }
  if (number / eight < eight && number >= eight * (eight / 10)) [[likely]] {  // sixteen digits, as ids have
    detail::store(out, detail::digits_of(static_cast<std::uint32_t>(number / eight)) | zeros);
    detail::store(out + 8, detail::digits_of(static_cast<std::uint32_t>(number % eight)) | zeros);
    return out + 16;
  }
  return std::to_chars(out, out + kDecimalSizeMax, number).ptr;
}

/// The number that the `count` digits before `end` are, one to eight. Eight bytes before `end` must be readable.
inline std::uint32_t read_short_decimal(const char* end, std::size_t count) noexcept {
  if constexpr (std::endian::native == std::endian::little) {
    std::uint64_t digits = 0;  // the first of eight lies lowest; what is before them becomes zeros
    std::memcpy(&digits, end - 8, 8);
    digits = (digits & 0x0F0F'0F0F'0F0F'0F0F) >> 8 * (8 - count) << 8 * (8 - count);
    digits = (digits * 10 + (digits >> 8)) & 0x00FF'00FF'00FF'00FF;
    digits = (digits * 100 + (digits >> 16)) & 0x0000'FFFF'0000'FFFF;
    return static_cast<std::uint32_t>(digits * 10'000 + (digits >> 32));
  } else {
    std::uint32_t number = 0;
    for (const char* p = end - count; p != end; ++p) number = number * 10 + static_cast<std::uint32_t>(*p - '0');
    return number;
  }
}

}  // namespace distflow::protocol
