// What must hold of a directory between two turns; for the simulator and tests, and linked into nothing else.
#include "runtime/peers/directory.hpp"

namespace distflow::runtime {

const char* Directory::broken_invariant() const {
  std::size_t count = 0;
  const char* broken = nullptr;
  peers_.for_each([&](const Peer& peer) {
    ++count;
    if (by_id_.find(peer.info.node_id()) != &peer) broken = "the nodeId of a peer does not lead to it";
    // A suspect's may: another has had its alias meanwhile, and has left.
    if (peer.info.alias().empty() || peer.is_suspect) return;
    if (by_alias_.find(peer.info.alias()) == nullptr) broken = "the alias of a peer leads to nobody";
  });
  if (broken == nullptr && count != by_id_.size()) broken = "a nodeId leads to a peer that has left";
  return broken;
}

}  // namespace distflow::runtime
