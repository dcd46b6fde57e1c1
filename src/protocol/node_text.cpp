#include "protocol/node_text.hpp"

#include <cstring>
#include <string>

#include "protocol/json_write.hpp"

namespace distflow::protocol {

void NodeText::write(const NodeInfo& node) {
  std::string json;
  const NodeSlices slices = append_node(json, node);
  size_ = static_cast<std::uint32_t>(json.size());
  heartbeat_at_ = static_cast<std::uint32_t>(slices.heartbeat_at);
  heartbeat_size_ = static_cast<std::uint32_t>(slices.heartbeat_size);
  large_ = json.size() > kSmallSize ? std::make_unique<char[]>(json.size()) : nullptr;
  std::memcpy(large_ ? large_.get() : small_.data(), json.data(), json.size());
}

bool NodeText::write_heartbeat(std::int64_t last_heartbeat_ms) {
  std::string digits;
  append_json_integer(digits, last_heartbeat_ms);
  if (digits.size() != heartbeat_size_) return false;
  std::memcpy((large_ ? large_.get() : small_.data()) + heartbeat_at_, digits.data(), digits.size());
  return true;
}

}  // namespace distflow::protocol
