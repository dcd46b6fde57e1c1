// The questions and answers of Linux's sock_diag (sock_diag(7)), as bytes: who owns the TCP socket with these
// addresses?
//
// Pure functions; any thread. An answer comes from the kernel, and is read as if anybody had written it: what is cut,
// too long or contradicts itself gives no owner.
//
// The question has both addresses and both ports as the other end has them: its source is `peer`, its destination is
// `own`. The kernel then looks the socket up in its table of connections and walks no list: 8.5 to 34 us with 5
// connections on a busy machine and 19.7 us with 9,000, where reading /proc/net/tcp took 1.2 ms and 277 ms (measured).
// An unprivileged process may ask about the sockets of all users.
//
// An answer names an owner only if all of this holds. Each line is a trap that was measured on a real kernel:
//   1. Its four addresses and ports are those of the question. Where the kernel has no such connection, it answers with
//      a listener at the source port instead: a stranger whose source port is that of any listener on 0.0.0.0 would
//      else have the listener's owner, often root.
//   2. Its state is ESTABLISHED. The socket of a peer that has ended stays as a time-wait socket with uid 0.
//   3. Its inode is not 0. A socket without one has no process: it waits in a listener's queue, and its uid is that of
//      the listener, or on older kernels 0.
//   4. Its uid is not the overflow uid. That stands for every user who has no number in the caller's user namespace.
//   5. IPv4 addresses that are mapped to IPv6 are compared as IPv4: a connection from an IPv4 peer to a dual-stack
//      listener is IPv6 at one end and IPv4 at the other, and the kernel gives it as either.
// The socket of a peer that has bound it to an interface (SO_BINDTODEVICE) is not found, and so has no owner.
// One more trap lies in the time between the connection and the question; io/linux/peer_owner.hpp has it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "io/address.hpp"
#include "io/peer_owner.hpp"

namespace distflow::io::sock_diag {

/// The overflow uid, unless the system has another (proc(5), /proc/sys/kernel/overflowuid).
inline constexpr std::uint32_t kOverflowUid = 65534;

inline constexpr std::size_t kRequestSize = 72;  // netlink's header, and inet_diag_req_v2
using Request = std::array<std::byte, kRequestSize>;

struct Question {
  Address own;   ///< this side's end
  Address peer;  ///< the other side's, whose owner is asked for
};

/// Both in IPv4 form if both can be, and otherwise of one family; with ports. Nothing if the two are no connection:
/// then the kernel need not be asked.
[[nodiscard]] std::optional<Question> normalized(const Question& question);

/// `question` is normalized. The answer has the same `sequence`.
[[nodiscard]] Request encode_question(const Question& question, std::uint32_t sequence);

/// What the datagram says to the question; nothing if it holds no message of this sequence. An answer that cannot be
/// read is no_answer. `question` is normalized.
[[nodiscard]] std::optional<PeerOwner> decode_answer(std::span<const std::byte> datagram, const Question& question,
                                                     std::uint32_t sequence, std::uint32_t overflow_uid);

/// Asks for a list of the TCP sockets in no state at all. A kernel that can answer questions gives the empty list; one
/// without the module for it (tcp_diag) gives ENOENT, with which it answers questions about unknown sockets, too.
[[nodiscard]] Request encode_probe(std::uint32_t sequence);

/// 0 for the empty list, otherwise an errno; nothing if the datagram holds no message of this sequence.
[[nodiscard]] std::optional<int> decode_probe(std::span<const std::byte> datagram, std::uint32_t sequence);

}  // namespace distflow::io::sock_diag
