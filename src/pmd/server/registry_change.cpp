// What a registration would make of an entry, and what it would count for.
#include <algorithm>
#include <utility>

#include "pmd/server/registry.hpp"

namespace distflow::pmd {
namespace {

// What an allocation costs besides its size; and what an entry costs besides its own: the list's links, places in two
// indices that are a quarter full at least, and one in the order of expiry.
constexpr std::size_t kPerAllocation = 16;
constexpr std::size_t kPerEntry = 32 + 2 * 4 * 16 + 64;
constexpr std::size_t kPerListed = 24;  // beside its text

std::size_t heap_size(const std::string& text) {
  const bool lies_inside = text.capacity() <= std::string().capacity();
  return lies_inside ? 0 : text.capacity() + 1 + kPerAllocation;
}

/// Bytes of memory that the entry of `node` takes, with `text` in it and all that belongs to it.
std::size_t bytes_of(const protocol::NodeInfo& node, const protocol::NodeText& text) {
  std::size_t bytes = sizeof(Registry::Entry) + kPerEntry + text.heap_size();
  bytes += text.json().size() + kPerListed;
  bytes += heap_size(node.node_id) + heap_size(node.host);
  if (node.alias) bytes += heap_size(*node.alias);
  if (node.caps) {
    bytes += node.caps->size() * sizeof(protocol::Caps::value_type);
    for (const std::string& cap : *node.caps) bytes += heap_size(cap);
  }
  if (!node.groups.empty()) bytes += node.groups.capacity() * sizeof(protocol::Groups::value_type) + kPerAllocation;
  for (const std::string& group : node.groups) bytes += heap_size(group);
  bytes += node.meta.size() * sizeof(protocol::Meta::value_type);
  for (const auto& [key, value] : node.meta) bytes += heap_size(key) + heap_size(value);
  return bytes;
}

/// Long enough for anybody, and far from where adding it to a time would not fit.
constexpr std::int64_t kTtlMaxMs = std::int64_t{365} * 24 * 60 * 60 * 1000;

std::optional<base::Duration> ttl_of(const protocol::Registration& registration) {
  if (!registration.ttl_ms) return std::nullopt;
  return base::milliseconds(std::min(*registration.ttl_ms, kTtlMaxMs));
}

}  // namespace

Registry::Change Registry::change_of(OwnerId owner, protocol::Registration registration, base::WallMs wall) {
  Change change;
  change.owner = owner;
  change.ttl = ttl_of(registration);
  change.node = std::move(registration.node);
  change.node.last_heartbeat_ms = wall;
  change.secret = std::move(registration.secret);
  change.text.write(change.node);
  change.bytes = bytes_of(change.node, change.text) + heap_size(change.secret);
  return change;
}

std::optional<Registry::Change> Registry::regrouped(OwnerId owner, std::string_view node_id,
                                                    const protocol::GroupChange& groups, base::WallMs wall) const {
  const Entry* entry = find_own(owner, node_id);
  if (entry == nullptr) return std::nullopt;
  protocol::Registration registration{.node = entry->node, .secret = entry->secret};
  protocol::Groups& own = registration.node.groups;
  const auto is_in = [](const protocol::Groups& in, const std::string& name) {
    return std::find(in.begin(), in.end(), name) != in.end();
  };
  for (const std::string& name : groups.join) {
    if (!is_in(own, name)) own.push_back(name);
  }
  std::erase_if(own, [&](const std::string& name) { return is_in(groups.leave, name); });
  Change change = change_of(owner, std::move(registration), wall);
  change.ttl = entry->ttl_declared;
  change.user = entry->user;
  return change;
}

}  // namespace distflow::pmd
