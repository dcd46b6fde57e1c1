// What a connection asks for when it registers a node: what a store of registrations decides.
//
// A value; any thread.
// Use: Claim kept = claim;  // copied: nothing in it refers to anything else
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/time.hpp"
#include "protocol/pmd_node.hpp"

namespace distflow::pmd {

/// Names a connection. Never used twice.
using OwnerId = std::uint64_t;
/// Owns the nodes that the store has announced, which others registered. It has no share of its own: only the bounds of
/// the whole registry hold for it.
inline constexpr OwnerId kStoreOwner = UINT64_MAX;

/// A user of this machine, as the kernel says of a connection; nothing where it does not say.
using UserId = std::optional<std::uint32_t>;

struct Claim {
  OwnerId owner = 0;
  UserId user = {};              ///< of the owner
  protocol::NodeInfo node = {};  ///< as it will be listed; its heartbeat is the time of the claim
  /// A claim that repeats it may take the nodeId from another connection; empty: none may. Compared in a time that does
  /// not depend on what the two have in common, as Registry::judge() does.
  std::string secret = {};
  std::optional<base::Duration> ttl = {};  ///< as declared
  std::size_t bytes = 0;                   ///< of the registry's memory that the node will count for
};

}  // namespace distflow::pmd
