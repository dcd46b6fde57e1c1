// Who may ask, and how: the rules that keep web pages of strangers and other users out.
//
// Pure functions; any thread.
//   1. Each request is judged by itself. Nothing is remembered of earlier requests of a connection.
//   2. Only GET is known, and no request changes anything.
//   3. Host names this machine's loopback and this port: a name of somebody else's that resolves to it is refused.
//   4. An Origin, which browsers send along with what a page asks for, has to be that of this server's own page.
//   5. The user at the other end, as the system tells, is one of those allowed. Nobody else is, nor one not known.
// Use: const int status = access_status(request, {.port = port, .users = users, .owner = owner});
#pragma once

#include <cstdint>
#include <span>

#include "http/request.hpp"
#include "io/peer_owner.hpp"

namespace distflow::http {

struct AccessFacts {
  std::uint16_t port;                    ///< that the server listens at
  std::span<const std::uint32_t> users;  ///< that may ask, besides root
  io::PeerOwner owner;                   ///< whoever asks
};

/// Reading::kWhole for what may be answered, else the status that it is refused with: 403, 405 or 421.
[[nodiscard]] int access_status(const Request& request, const AccessFacts& facts);

}  // namespace distflow::http
