#include "protocol/node_text.hpp"

#include <cstring>
#include <string>
#include <utility>

#include "protocol/json_write.hpp"

namespace distflow::protocol {

NodeText::NodeText(NodeText&& other) noexcept { *this = std::move(other); }

NodeText& NodeText::operator=(NodeText&& other) noexcept {
  size_ = std::exchange(other.size_, 0);
  heartbeat_at_ = std::exchange(other.heartbeat_at_, 0);
  heartbeat_size_ = std::exchange(other.heartbeat_size_, 0);
  large_ = std::move(other.large_);
  if (!large_) std::memcpy(small_.data(), other.small_.data(), size_);
  return *this;
}

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
