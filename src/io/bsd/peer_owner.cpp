// macOS and the BSDs report the owner of a Unix socket's other end (getpeereid(3)), and of a TCP connection's none.
#include "io/posix/peer_owner.hpp"

namespace distflow::io::platform {

std::unique_ptr<PeerOwnerLookup> make_peer_owner_lookup(const base::Log&) {
  return std::make_unique<NoPeerOwnerLookup>();
}

}  // namespace distflow::io::platform
