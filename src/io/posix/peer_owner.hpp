// The PeerOwnerLookup (io/peer_owner.hpp) of the system that a program runs on. Answered once per system, in its
// folder.
//
// Stateless; any thread.
#pragma once

#include <memory>

#include "base/log.hpp"
#include "io/peer_owner.hpp"

namespace distflow::io::platform {

/// A look-up for one loop. `log` must outlive it. Opens nothing yet.
std::unique_ptr<PeerOwnerLookup> make_peer_owner_lookup(const base::Log& log);

}  // namespace distflow::io::platform
