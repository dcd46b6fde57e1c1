// The listener of a node, and the connections that other nodes have opened to it.
//
// Loop thread only.
// Use: AcceptedConnections accepted(parts); accepted.open(address); ...
//      accepted.close(); ... accepted.is_closed()
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "runtime/receive/message_reader.hpp"
#include "stream/listener.hpp"
#include "transport/connection.hpp"

namespace distflow::runtime {

/// Read by any thread; written by the loop's.
struct AcceptedConnectionsCounters {
  Counter frames_too_long{0};
};

/// All must outlive the AcceptedConnections.
struct AcceptedConnectionsParts {
  ReaderParts& reader_parts;
  stream::StreamSetup& stream_setup;
  base::ChunkPool& blocks;
  transport::ConnectionLimits limits;
  std::uint32_t connections_max;
  base::Delegate<void()> on_closed;  ///< after close(), when the last connection has ended; may come more than once
};

class AcceptedConnections {
 public:
  explicit AcceptedConnections(AcceptedConnectionsParts parts);
  ~AcceptedConnections();
  AcceptedConnections(const AcceptedConnections&) = delete;
  AcceptedConnections& operator=(const AcceptedConnections&) = delete;

  Result<void> open(const io::Address& address);
  [[nodiscard]] const io::Address& address() const { return listener_.address(); }

  /// Stops listening and closes each connection; one that a link sends on once its queue is empty.
  void close();
  /// After close(): waits for no peer.
  void abort();
  [[nodiscard]] bool is_closed() const { return !listener_.is_open() && session_count_ == 0; }

  [[nodiscard]] const AcceptedConnectionsCounters& counters() const { return counters_; }
  [[nodiscard]] const stream::ListenerCounters& listener_counters() const { return listener_.counters(); }
  [[nodiscard]] std::uint32_t session_count() const { return session_count_; }
  /// What is wrong between two turns; null when nothing is. For the simulator and tests
  /// (accepted_connections_invariants.cpp).
  [[nodiscard]] const char* broken_invariant() const;

 private:
  class Session;
  void on_accept(stream::OpenStream& stream, const io::Address& peer);
  void tell_if_closed();
  void on_session_closed(Session& session, const Error& why);

  AcceptedConnectionsParts parts_;
  AcceptedConnectionsCounters counters_;
  stream::Listener listener_;
  std::vector<std::unique_ptr<Session>> sessions_;  // each knows its place; the last takes the place of one that ends
  std::uint32_t session_count_ = 0;
  bool is_closing_ = false;
};

}  // namespace distflow::runtime
