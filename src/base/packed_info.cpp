#include "base/packed_info.hpp"

#include <array>
#include <cstring>

namespace distflow::base {
namespace {

/// Of a name of `meta` and of its value. They stand wherever the text before them ends.
using Sizes = std::array<std::uint32_t, 2>;

std::uint32_t size_of(const std::string& text) { return static_cast<std::uint32_t>(text.size()); }

std::size_t packed_meta_size(const PeerInfo& info) {
  std::size_t size = 0;
  for (const auto& [name, value] : info.meta) size += sizeof(Sizes) + name.size() + value.size();
  return size;
}

std::size_t packed_size(const PeerInfo& info) {
  std::size_t size = info.node_id.size() + info.alias.size() + info.host.size() + packed_meta_size(info);
  for (const std::string& group : info.groups) size += sizeof(std::uint32_t) + group.size();
  return size;
}

char* put(char* out, std::string_view text) { return out + text.copy(out, text.size()); }

}  // namespace

PackedInfo::PackedInfo(const PeerInfo& info)
    : text_(std::make_unique_for_overwrite<char[]>(packed_size(info))),
      last_heartbeat_(info.last_heartbeat),
      node_id_size_(size_of(info.node_id)),
      alias_size_(size_of(info.alias)),
      host_size_(size_of(info.host)),
      meta_size_(static_cast<std::uint32_t>(packed_meta_size(info))),
      group_count_(static_cast<std::uint16_t>(info.groups.size())),
      port_(info.port) {
  char* out = put(put(put(text_.get(), info.node_id), info.alias), info.host);
  for (const auto& [name, value] : info.meta) {
    const Sizes sizes{size_of(name), size_of(value)};
    std::memcpy(out, sizes.data(), sizeof(sizes));
    out = put(put(out + sizeof(sizes), name), value);
  }
  for (const std::string& group : info.groups) {
    const std::uint32_t size = size_of(group);
    std::memcpy(out, &size, sizeof(size));
    out = put(out + sizeof(size), group);
  }
}

/// Calls `visit(name, value)` for each entry of `meta`, in the order of their names.
template <class Visit>
void PackedInfo::for_each_meta(Visit visit) const {
  const char* at = host().data() + host_size_;
  while (at < groups()) {
    Sizes sizes{};
    std::memcpy(sizes.data(), at, sizeof(sizes));
    const std::string_view name(at + sizeof(sizes), sizes[0]);
    const std::string_view value(name.data() + name.size(), sizes[1]);
    visit(name, value);
    at = value.data() + value.size();
  }
}

PeerInfo PackedInfo::unpack() const {
  PeerInfo info{.node_id = std::string(node_id()),
                .alias = std::string(alias()),
                .host = std::string(host()),
                .port = port_,
                .last_heartbeat = last_heartbeat_};
  for_each_meta([&info](std::string_view name, std::string_view value) { info.meta.emplace(name, value); });
  for_each_group([&info](std::string_view group) { info.groups.emplace_back(group); });
  return info;
}

bool PackedInfo::is(const PeerInfo& info) const {
  if (node_id() != info.node_id || alias() != info.alias || host() != info.host) return false;
  if (port_ != info.port || last_heartbeat_ != info.last_heartbeat || group_count_ != info.groups.size()) return false;
  if (meta_size_ != packed_meta_size(info)) return false;
  auto other = info.meta.begin();
  bool is_same = true;
  for_each_meta([&](std::string_view name, std::string_view value) {
    is_same = is_same && other != info.meta.end() && name == other->first && value == other->second;
    if (is_same) ++other;
  });
  is_same = is_same && other == info.meta.end();
  auto group = info.groups.begin();
  for_each_group([&](std::string_view name) { is_same = is_same && name == *group++; });
  return is_same;
}

}  // namespace distflow::base
