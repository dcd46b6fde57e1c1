#include "runtime/peers/node_id.hpp"

#include <array>
#include <string_view>

namespace distflow::runtime {

std::string make_node_id(io::Backend& backend) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::array<std::byte, 8> bytes{};
  backend.fill_random(bytes);
  std::string id;
  for (const std::byte byte : bytes) {
    id += digits[std::to_integer<std::size_t>(byte >> 4)];
    id += digits[std::to_integer<std::size_t>(byte & std::byte{15})];
  }
  return id;
}

}  // namespace distflow::runtime
