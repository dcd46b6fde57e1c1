// What comes from other nodes: the listener and its connections.
//
// Loop thread only.
// Use: Inbound inbound(parts); inbound.open(address); ... inbound.close(); ... inbound.is_closed()
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/intake.hpp"
#include "stream/listener.hpp"
#include "transport/connection.hpp"

namespace distflow::runtime {

/// Read by any thread; written by the loop's.
struct InboundCounters {
  Counter frames_too_long{0};
};

/// All must outlive the Inbound.
struct InboundParts {
  SharedIntake& intake;
  base::ChunkPool& blocks;
  transport::ConnectionLimits limits;
  std::uint32_t connections_max;
  base::Delegate<void()> on_closed;  ///< after close(), when the last connection has ended; may come more than once
};

class Inbound {
 public:
  explicit Inbound(InboundParts parts);
  ~Inbound();
  Inbound(const Inbound&) = delete;
  Inbound& operator=(const Inbound&) = delete;

  Result<void> open(const io::Address& address);
  [[nodiscard]] const io::Address& address() const { return listener_.address(); }

  /// Stops listening and closes every connection; those that links send on when what is queued has left.
  void close();
  /// After close(): waits for no peer.
  void abort();
  [[nodiscard]] bool is_closed() const { return !listener_.is_open() && session_count_ == 0; }

  [[nodiscard]] const InboundCounters& counters() const { return counters_; }
  [[nodiscard]] const stream::ListenerCounters& listener_counters() const { return listener_.counters(); }
  [[nodiscard]] std::uint32_t session_count() const { return session_count_; }

 private:
  class Session;
  void on_accept(stream::OpenStream& stream, const io::Address& peer);
  void tell_if_closed();
  void on_session_closed(Session& session, const Error& why);

  InboundParts parts_;
  InboundCounters counters_;
  stream::Listener listener_;
  std::vector<std::unique_ptr<Session>> sessions_;  // each knows its place; the last takes the place of one that ends
  std::uint32_t session_count_ = 0;
  bool is_closing_ = false;
};

}  // namespace distflow::runtime
