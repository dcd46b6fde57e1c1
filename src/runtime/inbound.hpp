// What comes from other nodes: the listener, its connections, and their frames as messages for this node.
//
// Loop thread only.
//   1. A frame is delivered if it is an envelope to this node; else it is counted as malformed or misrouted.
//   2. A connection that sends kMalformedMax malformed frames is closed.
//   3. Messages that a blocking mailbox refuses stay with their connection, which is not read until there is room.
// Use: Inbound inbound(parts); inbound.open(address); ... inbound.close(); ... inbound.is_closed()
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <distflow/node_options.hpp>

#include "base/log.hpp"
#include "io/reactor.hpp"
#include "runtime/delivery.hpp"
#include "runtime/traffic.hpp"
#include "transport/connection.hpp"
#include "transport/listener.hpp"

namespace distflow::runtime {

/// Read by any thread; written by the loop's.
struct InboundCounters {
  Counter malformed{0};
  Counter misrouted{0};
  Counter frames_too_long{0};
  Counter overflowed{0};  ///< connections closed at the bound on incomplete messages
};

/// All must outlive the Inbound.
struct InboundParts {
  io::Reactor& reactor;
  base::ChunkPool& blocks;
  TrafficTable& traffic;
  Delivery& delivery;
  const base::Log& log;
  std::string node_id;
  transport::ConnectionLimits limits;
  std::uint32_t connections_max;
  std::size_t incomplete_bytes_max;
  base::Delegate<void()> on_closed;  ///< after close(), when the last connection has ended; may come more than once
};

class Inbound {
 public:
  static constexpr std::uint32_t kMalformedMax = 16;

  explicit Inbound(InboundParts parts);
  ~Inbound();
  Inbound(const Inbound&) = delete;
  Inbound& operator=(const Inbound&) = delete;

  Result<void> open(const io::Address& address);
  [[nodiscard]] const io::Address& address() const { return listener_.address(); }

  /// Goes on with the connections whose messages found no room.
  void on_room();

  /// Stops listening and closes every connection.
  void close();
  [[nodiscard]] bool is_closed() const { return !listener_.is_open() && session_count_ == 0; }

  [[nodiscard]] const InboundCounters& counters() const { return counters_; }
  [[nodiscard]] const transport::ListenerCounters& listener_counters() const { return listener_.counters(); }
  [[nodiscard]] std::uint32_t session_count() const { return session_count_; }

 private:
  class Session;
  struct SessionTag;
  void on_accept(io::Handle stream, const io::Address& peer);
  void tell_if_closed();
  void on_session_closed(Session& session, const Error& why);
  void warn(const char* text, const Error& why);

  InboundParts parts_;
  InboundCounters counters_;
  transport::Listener listener_;
  std::vector<std::unique_ptr<Session>> sessions_;  // each knows its place; the last takes the place of one that ends
  std::uint32_t session_count_ = 0;
  std::vector<Session*> blocked_;
  std::size_t incomplete_bytes_ = 0;  // that all sessions together keep
  bool is_closing_ = false;
  base::RateLimit log_limit_;
};

}  // namespace distflow::runtime
