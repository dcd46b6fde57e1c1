// Who owns the other end of a TCP connection, on Linux: asked of sock_diag, by a descriptor of this side's end.
//
// One thread at a time. The netlink socket is opened by the first question. If it cannot be, every answer is cannot_ask
// from then on, and the log says why, once, at debug.
//
// Why a descriptor and not two addresses: between a connection and the question about it, its addresses may have gone
// to another one. A user connects, sends, and resets the connection; what he has sent can still be read. His port is
// free at once. If another user then connects from that port, the kernel finds his socket at the very addresses of the
// first connection, established and with an inode. Therefore an owner counts only if this side's end is established
// when the answer has come. Then it has been so all the time, and no other connection can have had its addresses.
//
// What is asked holds for the namespaces in which this process was when the socket was opened: a program that moves to
// another network or user namespace does so before it starts a node.
#pragma once

#include <optional>

#include "base/log.hpp"
#include "io/linux/sock_diag_socket.hpp"
#include "io/peer_owner.hpp"

namespace distflow::io {

class SockDiagLookup final : public PeerOwnerLookup {
 public:
  /// `log` must outlive this.
  explicit SockDiagLookup(const base::Log& log) : log_(log) {}

  [[nodiscard]] PeerOwner owner_of_peer(int fd) noexcept override;

 private:
  void open() noexcept;

  const base::Log& log_;
  bool is_opened_ = false;  // or cannot be
  std::optional<SockDiagSocket> socket_;
};

}  // namespace distflow::io
