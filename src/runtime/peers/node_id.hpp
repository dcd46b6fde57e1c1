// The names that nodes give themselves: 16 hexadecimal digits of the system's randomness.
//
// Use: const std::string id = make_node_id(reactor.backend());
#pragma once

#include <string>

#include "io/backend.hpp"

namespace distflow::runtime {

/// Not to be guessed by others.
[[nodiscard]] std::string make_node_id(io::Backend& backend);

}  // namespace distflow::runtime
