// Who may ask, and how: the rules that keep web pages of strangers and other users out.
//
// Pure functions; any thread.
//   1. Each request is judged by itself. Nothing is remembered of earlier requests of a connection.
//   2. Only GET is known, and no request changes anything.
//   3. Host names this machine's loopback and this port: a name of somebody else's that resolves to it is refused.
//      `localhost` counts only where this server has ::1, too, or nobody can have it: browsers connect there first, and
//      a page of another program that listens there would have the same origin as this server's.
//   4. An Origin, which browsers send along with what a page reads or sends, has to be that of this server's own page.
//      Sec-Fetch-Site, which they send with everything, has to say that the page is this server's, or that a person has
//      typed the address. Programs send neither.
//   5. The user at the other end, as the system reports, is one of those allowed. Nobody else is, nor one not known.
// Use: const int status = access_status(request, {.port = port, .users = users, .owner = owner});
#pragma once

#include <cstdint>
#include <span>

#include "http/request.hpp"
#include "io/peer_owner.hpp"

namespace distflow::http {

struct AccessFacts {
  std::uint16_t port;                    ///< that the server listens at
  bool is_localhost;                     ///< whether `localhost` is a name of the server
  std::span<const std::uint32_t> users;  ///< that may ask, besides root
  io::PeerOwner owner;                   ///< the user who asks
};

/// Whether a request of this user's may be answered: root's, and those of `users`.
[[nodiscard]] bool is_user_allowed(const io::PeerOwner& owner, std::span<const std::uint32_t> users);
/// Reading::kWhole for what may be answered, else the status that it is refused with: 403, 405 or 421.
[[nodiscard]] int access_status(const Request& request, const AccessFacts& facts);

}  // namespace distflow::http
