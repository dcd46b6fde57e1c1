// The JSON of a NodeInfo, kept ready in one stretch of memory: to answer with it is to copy it.
//
// A resource; one thread at a time.
//   1. json() is what append_node() writes of the node that was written last.
//   2. The text of most nodes lies in the object itself: to read it costs no second look-up in memory.
//   3. What stands before the heartbeat is not written again by write_heartbeat() of as many digits.
// Use: NodeText text; text.write(node); ... reply += text.json();
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "protocol/pmd_node.hpp"

namespace distflow::protocol {

class NodeText {
 public:
  NodeText() = default;
  /// The text is the new one's; the other has none.
  NodeText(NodeText&& other) noexcept;
  NodeText& operator=(NodeText&& other) noexcept;
  ~NodeText() = default;

  void write(const NodeInfo& node);
  /// Only the heartbeat has changed. False when that takes a write() of the node: there are more or fewer digits.
  [[nodiscard]] bool write_heartbeat(std::int64_t last_heartbeat_ms);

  /// Valid until the next write.
  [[nodiscard]] std::string_view json() const { return {large_ ? large_.get() : small_.data(), size_}; }
  /// The members before the heartbeat: those that name the node.
  [[nodiscard]] std::string_view before_heartbeat() const { return json().substr(0, heartbeat_at_); }
  /// Bytes of memory beside the object.
  [[nodiscard]] std::size_t heap_size() const { return large_ ? size_ : 0; }

 private:
  /// Room for a node that has names and capabilities as a runtime gives them, and no meta.
  static constexpr std::size_t kSmallSize = 192;

  std::uint32_t size_ = 0;
  std::uint32_t heartbeat_at_ = 0;
  std::uint32_t heartbeat_size_ = 0;
  std::unique_ptr<char[]> large_;  // null when the text is small
  std::array<char, kSmallSize> small_;
};

}  // namespace distflow::protocol
