// One connection from another node: what AcceptedConnections has of each.
//
// Loop thread only. For accepted_connections*.cpp alone.
// Use: auto session = std::make_unique<Session>(*this, place); session->open(stream);
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "runtime/peers/accepted_connections.hpp"
#include "runtime/peers/carrier.hpp"

namespace distflow::runtime {

class AcceptedConnections::Session final : private transport::ConnectionObserver {
 public:
  Session(AcceptedConnections& accepted_connections, std::size_t place)
      : place_(place),
        accepted_(accepted_connections),
        connection_(accepted_connections.parts_.reader_parts.reactor, accepted_connections.parts_.blocks, *this,
                    accepted_connections.parts_.limits),
        carrier_(connection_),
        reader_(accepted_connections.parts_.reader_parts, connection_, carrier_) {}

  void open(stream::OpenStream stream) { connection_.open(std::move(stream)); }
  /// Frames that a link has queued here leave first.
  void finish() { carrier_.was_lent() ? connection_.finish() : connection_.close(); }
  void close() { connection_.close(); }
  static void destroy_later(std::unique_ptr<Session> session) {
    transport::Connection& connection = session->connection_;
    connection.destroy_later(std::move(session));
  }

  [[nodiscard]] const std::string& last_sender() const { return reader_.last_sender(); }
  /// As AcceptedConnections::broken_invariant().
  [[nodiscard]] const char* broken_invariant() const;

  std::size_t place_;

 private:
  void on_frames(transport::Connection&) override { reader_.on_frames(); }
  void on_sent(transport::Connection&, const transport::DepartedFrames& departed) override {
    carrier_.note_sent(departed);
  }
  void on_dropping(transport::Connection&, std::span<const io::Piece> pieces, std::size_t bytes_sent) override {
    carrier_.note_dropping(pieces, bytes_sent);
  }
  void on_closed(transport::Connection&, Error why) override {
    carrier_.note_gone();
    accepted_.on_session_closed(*this, why);
  }

  AcceptedConnections& accepted_;
  transport::Connection connection_;
  Carrier carrier_;
  MessageReader reader_;
};

}  // namespace distflow::runtime
