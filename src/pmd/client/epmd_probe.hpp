// Asks the program that listens at a port whether it is Erlang's epmd, on a connection of its own.
//
// Loop thread only. epmd answers its request NAMES_REQ (00 01 'n') with its port number, 4 bytes big-endian, then a
// line "name X at port Y" for each Erlang node, then the end of the stream.
//   1. on_done is called once for each start(), from inside a later turn and within kProbeTimeout; the probe may be
//      started again or destroyed in it.
//   2. cancel() only hastens it.
// Use: EpmdProbe probe(reactor, resolver, on_done); probe.start("127.0.0.1", 4369);
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/delegate.hpp"
#include "base/timer_wheel.hpp"
#include "io/reactor.hpp"
#include "io/resolver.hpp"
#include "stream/dialer.hpp"

namespace distflow::pmd {

inline constexpr base::Duration kProbeTimeout = base::seconds(1);

enum class ProbeVerdict { erlang_epmd, something_else };

/// Judges the beginning of an answer to NAMES_REQ that came from `port`.
ProbeVerdict judge_epmd_answer(std::string_view answer, std::uint16_t port);

class EpmdProbe {
 public:
  /// `reactor` and `resolver` must outlive the probe.
  EpmdProbe(io::Reactor& reactor, io::Resolver& resolver, base::Delegate<void(ProbeVerdict)> on_done);
  ~EpmdProbe();
  EpmdProbe(const EpmdProbe&) = delete;
  EpmdProbe& operator=(const EpmdProbe&) = delete;

  void start(const std::string& host, std::uint16_t port);
  void cancel();
  [[nodiscard]] bool is_busy() const { return is_busy_; }

 private:
  void on_dialed(Result<stream::OpenStream> outcome);
  void on_sent(Result<void> outcome);
  void on_recv(const io::Received& received);
  void on_recv_end(Error why);
  void on_handle_closed();
  void hang_up();
  void finish();

  io::Reactor& reactor_;
  const base::Delegate<void(ProbeVerdict)> on_done_;
  bool is_busy_ = false;
  bool is_hanging_up_ = false;
  std::uint16_t port_ = 0;
  io::Handle stream_;
  std::string answer_;           // its beginning
  stream::StreamSetup sockets_;  // epmd speaks over nothing else
  stream::Dialer dialer_;
  io::RecvOp recv_op_;
  io::SendOp send_op_;
  io::CloseOp close_op_;
  base::Timer timer_;
  io::DeferredTask finish_;
};

}  // namespace distflow::pmd
