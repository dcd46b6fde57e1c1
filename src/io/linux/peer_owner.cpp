#include "io/linux/peer_owner.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <memory>
#include <utility>

#include "io/posix/peer_owner.hpp"
#include "io/posix/socket.hpp"

namespace distflow::io {
namespace {

/// What an answer is worth, with this side's end as it is after the answer.
PeerOwner checked(const PeerOwner& answer, int fd) noexcept {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return PeerOwner::unknown(OwnerStatus::not_connected);
  switch (info.tcpi_state) {
    case TCP_ESTABLISHED: return answer;
    case TCP_FIN_WAIT1:
    case TCP_FIN_WAIT2:
    case TCP_CLOSE_WAIT:
    case TCP_LAST_ACK:
    case TCP_CLOSING:  // still the only socket with these addresses
      return answer.is_known() ? PeerOwner::unknown(OwnerStatus::ending) : answer;
    default: return PeerOwner::unknown(OwnerStatus::not_connected);
  }
}

}  // namespace

PeerOwner SockDiagLookup::owner_of_peer(int fd) noexcept {
  if (!std::exchange(is_opened_, true)) open();
  if (!socket_) return PeerOwner::unknown(OwnerStatus::cannot_ask);
  const Result<Address> own = posix::local_address(fd);
  if (!own) return PeerOwner::unknown(OwnerStatus::not_connected);
  return checked(socket_->ask({.own = *own, .peer = posix::peer_address(fd)}), fd);
}

void SockDiagLookup::open() noexcept {
  Result<SockDiagSocket> opened = SockDiagSocket::open();
  if (opened) {
    socket_.emplace(*std::move(opened));
  } else if (log_.is_enabled(base::LogLevel::debug)) {
    log_.write(base::LogLevel::debug, "the owners of connections stay unknown: %s (%s)", opened.error().doing,
               opened.error().code.message().c_str());
  }
}

namespace platform {

std::unique_ptr<PeerOwnerLookup> make_peer_owner_lookup(const base::Log& log) {
  return std::make_unique<SockDiagLookup>(log);
}

}  // namespace platform
}  // namespace distflow::io
