// Dials a host: resolves it, then tries its addresses one after the other until one connects, and has shaken hands if
// there is a layer.
//
// Loop thread only.
//   1. A dial has exactly one outcome, reported by on_outcome, never from inside dial().
//   2. cancel() ends a dial without an outcome, and so does the destructor. What the dial had open closes by itself in
//      the turns that follow.
// Use: Dialer dialer(reactor, resolver, stream_setup, {}, on_outcome); dialer.dial("localhost", 4369);
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/delegate.hpp"
#include "base/timer_wheel.hpp"
#include "io/reactor.hpp"
#include "io/resolver.hpp"
#include "stream/handshakes.hpp"
#include "stream/stream_setup.hpp"

namespace distflow::stream {

struct DialerOptions {
  base::Duration attempt_timeout = base::seconds(5);  ///< for each address
  io::StreamOptions stream = {};
};

class Dialer {
 public:
  /// `reactor`, `resolver` and `setup` must outlive the dialer. The stream given is the caller's to close.
  Dialer(io::Reactor& reactor, io::Resolver& resolver, StreamSetup& setup, DialerOptions options,
         base::Delegate<void(Result<OpenStream>)> on_outcome);
  ~Dialer();
  Dialer(const Dialer&) = delete;
  Dialer& operator=(const Dialer&) = delete;

  /// `name` is that of who is to be there, for a layer that has it proven; empty where any will do.
  void dial(const std::string& host, std::uint16_t port, std::string_view name = {});
  void cancel();
  /// Whether a dial is under way.
  [[nodiscard]] bool is_dialing() const { return is_dialing_; }

 private:
  struct Attempt;
  struct Layered;
  void on_resolved(Result<std::vector<io::Address>> addresses);
  void try_next();
  void on_attempt(Result<io::Handle> outcome);
  void on_stream(Result<OpenStream> outcome);
  void on_timeout();
  void end(Result<OpenStream> outcome);
  void deliver();
  void abandon_attempt();
  void close_unclaimed();

  io::Reactor& reactor_;
  io::Resolver& resolver_;
  const DialerOptions options_;
  const base::Delegate<void(Result<OpenStream>)> on_outcome_;
  bool is_dialing_ = false;
  std::vector<io::Address> addresses_;  // yet to be tried, last one first
  Result<OpenStream> outcome_;
  Attempt* attempt_ = nullptr;        // owns itself until its handle is closed
  std::shared_ptr<int> dial_mark_;    // a look-up's answer counts only while its mark is this one
  std::unique_ptr<Layered> layered_;  // where there is a layer
  base::Timer timer_;
  io::DeferredTask deliver_;
};

}  // namespace distflow::stream
