// A PeerInfo in one piece of memory: a process keeps one for each node of the registry, whether it talks to it or not.
//
// A value that is moved, not copied.
//   1. Takes 40 bytes, its texts, 8 bytes for each entry of `meta`, and 4 for each group; a PeerInfo takes 184 and an
//      allocation for each text.
//   2. unpack() gives the PeerInfo again, and is() compares with one.
// Use: PackedInfo packed(info); packed.alias(); PeerInfo again = packed.unpack();
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>

#include <distflow/message.hpp>

namespace distflow::base {

class PackedInfo {
 public:
  /// May throw std::bad_alloc.
  explicit PackedInfo(const PeerInfo& info);

  [[nodiscard]] std::string_view node_id() const { return {text_.get(), node_id_size_}; }
  /// Empty for a node without one.
  [[nodiscard]] std::string_view alias() const { return {text_.get() + node_id_size_, alias_size_}; }
  [[nodiscard]] std::string_view host() const { return {text_.get() + node_id_size_ + alias_size_, host_size_}; }
  [[nodiscard]] std::uint16_t port() const { return port_; }

  /// Calls `visit(name)` for each group, in their order.
  template <class Visit>
  void for_each_group(Visit visit) const {
    const char* at = groups();
    for (std::uint32_t i = 0; i < group_count_; ++i) {
      std::uint32_t size = 0;
      std::memcpy(&size, at, sizeof(size));
      visit(std::string_view(at + sizeof(size), size));
      at += sizeof(size) + size;
    }
  }
  [[nodiscard]] bool has_group(std::string_view name) const {
    bool has_it = false;
    for_each_group([&](std::string_view group) { has_it = has_it || group == name; });
    return has_it;
  }

  /// May throw std::bad_alloc.
  [[nodiscard]] PeerInfo unpack() const;
  [[nodiscard]] bool is(const PeerInfo& info) const;

 private:
  template <class Visit>
  void for_each_meta(Visit visit) const;
  [[nodiscard]] const char* groups() const { return host().data() + host_size_ + meta_size_; }

  std::unique_ptr<char[]> text_;  // nodeId, alias, host; of each entry of meta its name and value behind their sizes;
                                  // each group behind its size
  std::int64_t last_heartbeat_;
  std::uint32_t node_id_size_;
  std::uint32_t alias_size_;
  std::uint32_t host_size_;
  std::uint32_t meta_size_;  // of its part of the text
  std::uint16_t group_count_;
  std::uint16_t port_;
};

}  // namespace distflow::base
