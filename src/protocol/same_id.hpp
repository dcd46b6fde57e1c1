// Whether two nodeIds are the same: asked several times of each request, and of each message.
//
// A pure function; any thread.
// Use: if (is_same_id(envelope.to, node_id)) ...
#pragma once

#include <cstddef>
#include <cstring>
#include <string_view>

namespace distflow::protocol {

/// Ids are 16 bytes, nearly always: those are compared without a call.
inline bool is_same_id(std::string_view a, std::string_view b) noexcept {
  constexpr std::size_t k_usual_size = 16;
  if (a.size() != b.size()) return false;
  if (a.size() == k_usual_size) [[likely]]
    return std::memcmp(a.data(), b.data(), k_usual_size) == 0;
  return a == b;
}

}  // namespace distflow::protocol
