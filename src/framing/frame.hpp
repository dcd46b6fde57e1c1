// The frame of every connection: a 4-byte big-endian length, then that many bytes.
//
// Values and pure functions; any thread.
// Use: write_header(out, body.size()); std::memcpy(out + kHeaderSize, body.data(), body.size());
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/chunk_pool.hpp"

namespace distflow::framing {

inline constexpr std::size_t kHeaderSize = 4;

namespace detail {
static_assert(std::endian::native == std::endian::little || std::endian::native == std::endian::big);
constexpr std::uint32_t big_endian(std::uint32_t value) {
  return std::endian::native == std::endian::little ? __builtin_bswap32(value) : value;
}
}  // namespace detail

/// Writes kHeaderSize bytes to `out`.
inline void write_header(char* out, std::uint32_t body_size) {
  const std::uint32_t wire = detail::big_endian(body_size);
  std::memcpy(out, &wire, kHeaderSize);
}

/// The length that the kHeaderSize bytes at `header` announce.
inline std::uint32_t read_header(const char* header) {
  std::uint32_t wire = 0;
  std::memcpy(&wire, header, kHeaderSize);
  return detail::big_endian(wire);
}

/// A frame that came. `body` lies in `chunk`; to keep it beyond the decoder's run, take a lease of `chunk`.
struct Frame {
  std::string_view body;
  base::Chunk* chunk = nullptr;
};

}  // namespace distflow::framing
