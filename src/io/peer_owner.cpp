#include "io/peer_owner.hpp"

namespace distflow::io {

const char* to_text(OwnerStatus status) noexcept {
  switch (status) {
    case OwnerStatus::known: return "the owner is known";
    case OwnerStatus::not_found: return "the other end is not in this network namespace, or is gone";
    case OwnerStatus::listener: return "the other end is not in this network namespace, where a listener has its port";
    case OwnerStatus::other_connection: return "the system answered for another connection";
    case OwnerStatus::opening: return "the connection is not established yet";
    case OwnerStatus::not_accepted: return "the other end has not accepted the connection yet";
    case OwnerStatus::ending: return "the other end has closed the connection";
    case OwnerStatus::other_user_namespace: return "the owner of the other end is not in this user namespace";
    case OwnerStatus::not_connected: return "this end is not connected";
    case OwnerStatus::no_answer: return "the system did not answer";
    case OwnerStatus::cannot_ask: return "the system cannot be asked";
  }
  return "unknown";
}

bool is_local(const PeerOwner& owner, const Address& peer) noexcept {
  switch (owner.status()) {
    case OwnerStatus::known:
    case OwnerStatus::opening:
    case OwnerStatus::not_accepted:
    case OwnerStatus::ending:
    case OwnerStatus::other_user_namespace: return true;
    case OwnerStatus::not_found:
    case OwnerStatus::listener:
    case OwnerStatus::other_connection:
    case OwnerStatus::not_connected: return false;
    case OwnerStatus::no_answer:
    case OwnerStatus::cannot_ask: break;
  }
  return peer.is_loopback();
}

}  // namespace distflow::io
