// How the streams of a process are set up: what lies over each of its sockets, within which bounds it shakes hands,
// what has become of the handshakes, and where that is logged.
//
// A process has one, and whatever of it listens or dials is given it: its node, links, accepted connections, the client
// and the server of a PMD. It knows no reactor and no socket. Its layer and its log are for one thread, that of the
// loop; its counters are for any.
// Use: StreamSetup stream_setup(std::make_unique<TlsLayer>(files)); Listener listener(reactor, stream_setup, ...);
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "base/time.hpp"
#include "stream/handshake.hpp"
#include "stream/handshake_log.hpp"

namespace distflow::stream {

struct HandshakeLimits {
  std::uint32_t count_max = 64;  ///< under way at once, of each listener and each dialer, which has one
  base::Duration time_max = base::seconds(5);
};

struct HandshakeCounters {
  std::uint64_t failed = 0;   ///< that ended badly, or took longer than time_max; of dialers, too
  std::uint64_t refused = 0;  ///< whose socket was closed at once: at count_max, or for lack of memory
};

class StreamSetup {
 public:
  /// Sockets, and nothing over them.
  StreamSetup() = default;
  /// The layer lies over each socket. Null: nothing does. `log` must outlive this; null: failures are counted only.
  explicit StreamSetup(std::unique_ptr<StreamLayer> layer, const HandshakeLimits& limits = {},
                       const base::Log* log = nullptr)
      : layer_(std::move(layer)),
        limits_(limits),
        log_(log != nullptr && layer_ ? std::make_unique<HandshakeLog>(*log) : nullptr) {}
  StreamSetup(const StreamSetup&) = delete;
  StreamSetup& operator=(const StreamSetup&) = delete;

  [[nodiscard]] StreamLayer* layer() const { return layer_.get(); }
  [[nodiscard]] const HandshakeLimits& limits() const { return limits_; }
  /// Any thread.
  [[nodiscard]] HandshakeCounters counters() const {
    return {.failed = failed_.load(std::memory_order_relaxed), .refused = refused_.load(std::memory_order_relaxed)};
  }

  // From Handshakes.
  void note_failed(Role role, const RemoteEnd& remote, const Error& why, base::Instant now) {
    failed_.fetch_add(1, std::memory_order_relaxed);
    if (log_) log_->tell_failed(role, remote, why, now);
  }
  void note_refused() { refused_.fetch_add(1, std::memory_order_relaxed); }

 private:
  const std::unique_ptr<StreamLayer> layer_;
  const HandshakeLimits limits_{};
  const std::unique_ptr<HandshakeLog> log_;
  std::atomic<std::uint64_t> failed_{0};
  std::atomic<std::uint64_t> refused_{0};
};

}  // namespace distflow::stream
