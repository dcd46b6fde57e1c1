// The names that nodes give themselves: 16 hexadecimal digits of the system's randomness.
//
// Use: const std::string id = make_node_id(reactor.backend());
#pragma once

#include <string>
#include <string_view>

#include "io/backend.hpp"

namespace distflow::runtime {

/// Not to be guessed by others.
[[nodiscard]] std::string make_node_id(io::Backend& backend);

/// Whether it has that form. Nodes of both languages name themselves so; an alias may look like one.
[[nodiscard]] bool looks_like_node_id(std::string_view name);

}  // namespace distflow::runtime
