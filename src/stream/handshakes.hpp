// The handshakes that are under way: bounded in number and in time.
//
// Loop thread only.
//   1. Each begin() that succeeds reports exactly one outcome, never from inside begin(); none once cancel() has been
//      called or the object is destroyed. A socket that the layer leaves as it is needs no handshake, and is one, too.
//   2. A stream whose handshake fails, lasts too long or is given up is closed; what it takes to close it ends by
//      itself.
//   3. At most `count_max` of the setup are under way.
//   4. Each one that fails or is refused is counted there, before its outcome is reported. One that fails is logged.
// Use: handshakes.begin(socket, Role::accepter, {.address = peer}); ... on_outcome(Result<OpenStream>, peer)
#pragma once

#include <cstdint>

#include "base/delegate.hpp"
#include "base/intrusive_list.hpp"
#include "stream/handshake.hpp"
#include "stream/stream_setup.hpp"

namespace distflow::stream {

class Handshakes {
 public:
  using OnOutcome = base::Delegate<void(Result<OpenStream>, const io::Address& remote)>;

  /// `reactor` and `setup`, which has a layer, must outlive the object.
  Handshakes(io::Reactor& reactor, StreamSetup& setup, OnOutcome on_outcome)
      : reactor_(reactor), setup_(setup), on_outcome_(on_outcome) {}
  ~Handshakes() { cancel(); }
  Handshakes(const Handshakes&) = delete;
  Handshakes& operator=(const Handshakes&) = delete;

  /// Takes over `socket`. Errors, after which it is the caller's still: queue_full at the bound, out_of_memory.
  Result<void> begin(io::Handle socket, Role role, const RemoteEnd& remote);
  /// Gives up all that are under way, without an outcome.
  void cancel();

  [[nodiscard]] std::uint32_t count() const { return count_; }

 private:
  struct UnderWay;
  void begin_within_bound(io::Handle socket, Role role, const RemoteEnd& remote);

  io::Reactor& reactor_;
  StreamSetup& setup_;
  const OnOutcome on_outcome_;
  base::IntrusiveList<UnderWay, UnderWay> under_way_;  // each owns itself until its stream is handed on or closed
  std::uint32_t count_ = 0;
};

}  // namespace distflow::stream
