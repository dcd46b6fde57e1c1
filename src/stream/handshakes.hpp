// The handshakes that are under way: bounded in number and in time.
//
// Loop thread only.
//   1. Each begin() reports exactly one outcome, from inside a later turn; none once cancel() has been called or the
//      object is destroyed.
//   2. A stream whose handshake fails, lasts too long or is given up is closed; what it takes to close it ends by
//      itself.
//   3. At most `count_max` are under way.
// Use: handshakes.begin(socket, Role::accepter, [](Result<OpenStream> stream) { ... });
#pragma once

#include <cstdint>
#include <functional>

#include "base/intrusive_list.hpp"
#include "base/time.hpp"
#include "stream/handshake.hpp"

namespace distflow::stream {

struct HandshakeLimits {
  std::uint32_t count_max = 64;
  base::Duration time_max = base::seconds(5);
};

class Handshakes {
 public:
  using Outcome = std::function<void(Result<OpenStream>)>;

  /// `reactor` and `layer` must outlive the object.
  Handshakes(io::Reactor& reactor, StreamLayer& layer, HandshakeLimits limits)
      : reactor_(reactor), layer_(layer), limits_(limits) {}
  ~Handshakes() { cancel(); }
  Handshakes(const Handshakes&) = delete;
  Handshakes& operator=(const Handshakes&) = delete;

  /// Takes over `socket`. False, and no outcome, at the bound: the socket is the caller's still, as it is where this
  /// runs out of memory (std::bad_alloc).
  bool begin(io::Handle socket, Role role, Outcome on_outcome);
  /// Gives up all that are under way, without an outcome.
  void cancel();

  [[nodiscard]] std::uint32_t count() const { return count_; }

 private:
  struct UnderWay;

  io::Reactor& reactor_;
  StreamLayer& layer_;
  const HandshakeLimits limits_;
  base::IntrusiveList<UnderWay, UnderWay> under_way_;  // each owns itself until its stream is handed on or closed
  std::uint32_t count_ = 0;
};

}  // namespace distflow::stream
