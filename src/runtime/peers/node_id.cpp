#include "runtime/peers/node_id.hpp"

#include <array>
#include <string_view>

namespace distflow::runtime {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";
constexpr std::size_t kBytes = 8;

}  // namespace

std::string make_node_id(io::Backend& backend) {
  std::array<std::byte, kBytes> bytes{};
  backend.fill_random(bytes);
  std::string id;
  for (const std::byte byte : bytes) {
    id += kDigits[std::to_integer<std::size_t>(byte >> 4)];
    id += kDigits[std::to_integer<std::size_t>(byte & std::byte{15})];
  }
  return id;
}

bool looks_like_node_id(std::string_view name) {
  return name.size() == 2 * kBytes && name.find_first_not_of(kDigits) == std::string_view::npos;
}

}  // namespace distflow::runtime
