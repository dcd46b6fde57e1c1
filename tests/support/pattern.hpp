// Bytes for tests that send many.
#pragma once

#include <cstdint>
#include <string>

namespace distflow::test {

/// Bytes of which no two stretches look alike.
inline std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  std::uint32_t state = 1;
  for (char& byte : bytes) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<char>(state >> 24);
  }
  return bytes;
}

}  // namespace distflow::test
