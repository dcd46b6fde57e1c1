// Which user owns the socket at the other end of a connection, as the kernel of this machine knows it.
//
// PeerOwner is a value; any thread. A PeerOwnerLookup belongs to one thread at a time: one for each loop.
//   1. An owner is known or unknown. Unknown is no user: it equals nobody, not even another unknown owner. There is
//      therefore no operator==; is_user() and is_same_user() are false for it.
//   2. Whatever fails gives an unknown owner with the reason. No failure gives root.
//   3. A look-up blocks its thread for at most kOwnerLookupMax, and usually for some microseconds.
// What a known owner means: the user as whom the process opened or accepted that socket. A process that gives up root
// afterwards keeps the socket of root, and one that is handed the descriptor uses the name of the user who opened it.
// Behind a proxy on this machine the owner is the user of the proxy, not the user of its client.
//
// Who asks, and when:
//   - The accepting side may ask at once: the dialer's socket exists before it connects.
//   - The dialing side has to wait for the first byte from the other side. Until the server has accepted the
//     connection, its end has no owner, and a look-up gives not_accepted. A byte from the other side shows that it has
//     accepted.
// Use: const PeerOwner owner = lookup->owner_of_peer(fd);
//      if (owner.is_user(::geteuid())) ...
#pragma once

#include <cstdint>

#include "base/assert.hpp"
#include "base/time.hpp"
#include "io/address.hpp"

namespace distflow::io {

/// The longest time that one look-up waits for the kernel's answer. The first one may ask twice.
inline constexpr base::Duration kOwnerLookupMax = base::milliseconds(10);

enum class OwnerStatus : std::uint8_t {
  known,
  // The kernel has no such socket in this network namespace: the other end is on another host, in another namespace,
  // or gone. The kernel gives the same answer for all of them, hence they are one status here.
  not_found,         ///< nothing at all
  listener,          ///< only a listener that has the other end's port; this is what strangers get to see
  other_connection,  ///< only a socket with other addresses or ports than asked for
  // The kernel has exactly that socket, but no owner for it.
  opening,               ///< asked too early: the connection is not established
  not_accepted,          ///< asked too early: established, but no process has accepted it yet
  ending,                ///< the other end is closed or half-closed, or in time-wait
  other_user_namespace,  ///< its owner has no number in this process's user namespace
  // The kernel was not asked, or did not say.
  not_connected,  ///< this side's own end is not established, or no longer, so that there is no other end
  no_answer,      ///< this question failed; the next one may succeed
  cannot_ask,     ///< this system knows no such question, or forbids it to this process; this does not change
};

/// The reason as part of a sentence: "the other end has not accepted the connection yet". For logs.
[[nodiscard]] const char* to_text(OwnerStatus status) noexcept;

class PeerOwner {
 public:
  /// Unknown: nobody has asked.
  PeerOwner() = default;
  [[nodiscard]] static PeerOwner user(std::uint32_t uid) noexcept { return {OwnerStatus::known, uid}; }
  [[nodiscard]] static PeerOwner unknown(OwnerStatus why) noexcept {
    DF_ASSERT(why != OwnerStatus::known);
    return {why, kNobody};
  }

  [[nodiscard]] OwnerStatus status() const noexcept { return status_; }
  [[nodiscard]] bool is_known() const noexcept { return status_ == OwnerStatus::known; }
  /// The user's number, as this process's user namespace has it. Only of a known owner.
  [[nodiscard]] std::uint32_t uid() const noexcept {
    DF_ASSERT(is_known());
    return uid_;
  }
  [[nodiscard]] bool is_user(std::uint32_t uid) const noexcept { return is_known() && uid_ == uid; }
  [[nodiscard]] bool is_same_user(const PeerOwner& other) const noexcept {
    return other.is_known() && is_user(other.uid_);
  }

 private:
  static constexpr std::uint32_t kNobody = UINT32_MAX;  // the number that no user has (chown(2))

  PeerOwner(OwnerStatus status, std::uint32_t uid) noexcept : status_(status), uid_(uid) {}

  OwnerStatus status_ = OwnerStatus::no_answer;
  std::uint32_t uid_ = kNobody;
};

/// Whether the other end is on this machine, in this network namespace: the kernel has found exactly that socket,
/// with a loopback address or with another of the host's. Where the kernel cannot say, only a loopback address counts
/// as local.
[[nodiscard]] bool is_local(const PeerOwner& owner, const Address& peer) noexcept;

/// The seam: tests and the simulator give the answers that they want.
class PeerOwnerLookup {
 public:
  PeerOwnerLookup() = default;
  PeerOwnerLookup(const PeerOwnerLookup&) = delete;
  PeerOwnerLookup& operator=(const PeerOwnerLookup&) = delete;
  virtual ~PeerOwnerLookup() = default;

  /// `fd` is this side's end of a connected stream, and stays open during the call. It is a descriptor and not two
  /// addresses, because the same addresses may belong to a later connection by now (io/linux/peer_owner.hpp).
  [[nodiscard]] virtual PeerOwner owner_of_peer(int fd) noexcept = 0;
};

/// The look-up of a system that has none: every owner is unknown, cannot_ask.
class NoPeerOwnerLookup final : public PeerOwnerLookup {
 public:
  [[nodiscard]] PeerOwner owner_of_peer(int) noexcept override { return PeerOwner::unknown(OwnerStatus::cannot_ask); }
};

}  // namespace distflow::io
