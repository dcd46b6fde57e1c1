// What the tests of a connection share: one connection, a raw peer, and an observer that writes everything down.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/backends.hpp"
#include "tests/support/loop.hpp"
#include "tests/support/operations.hpp"
#include "tests/support/sockets.hpp"
#include "transport/connection.hpp"

namespace distflow::test {

inline std::string framed(std::string_view body) {
  std::string bytes(framing::kHeaderSize, '\0');
  framing::write_header(bytes.data(), static_cast<std::uint32_t>(body.size()));
  return bytes.append(body);
}

/// Takes every frame, unless a hook does something else.
struct RecordingObserver final : transport::ConnectionObserver {
  void on_frames(transport::Connection& connection) override {
    EXPECT_FALSE(closed) << "frames after on_closed";
    framing::Frame frame;
    while (connection.next_frame(frame)) {
      frames.emplace_back(frame.body);
      if (on_frame) on_frame(connection);
    }
  }
  void on_sent(transport::Connection&, const transport::DepartedFrames& departed) override {
    EXPECT_FALSE(closed) << "on_sent after on_closed";
    sent += departed.sent;
    dropped += departed.dropped;
    departed_bytes += departed.bytes;
    if (departed.dropped > 0) {
      EXPECT_EQ(std::exchange(dropping, 0), departed.dropped) << "on_dropping said others";
    }
  }
  void on_dropping(transport::Connection&, std::span<const io::Piece> pieces, std::size_t bytes_sent) override {
    std::string all;
    for (const io::Piece& piece : pieces) all += piece;
    for (std::size_t at = 0; at < all.size();) {
      at += framing::kHeaderSize + framing::read_header(all.data() + at);
      if (at > bytes_sent) ++dropping;
    }
  }
  void on_closed(transport::Connection&, Error why) override {
    EXPECT_FALSE(closed) << "on_closed twice";
    closed = why;
    if (on_end) on_end();
  }

  std::vector<std::string> frames;
  std::uint64_t sent = 0;
  std::uint64_t dropped = 0;
  std::uint64_t dropping = 0;  // announced, and not reported as dropped yet
  std::uint64_t departed_bytes = 0;
  std::optional<Error> closed;
  std::function<void(transport::Connection&)> on_frame;
  std::function<void()> on_end;
};

class ConnectionTest : public ::testing::Test {
 protected:
  void TearDown() override {
    if (connection_ != nullptr) end();
    ASSERT_TRUE(until([&] { return backend().handle_count() == 0; }));
  }

  /// A connection, not yet opened, and its observer.
  void make(transport::ConnectionLimits limits = {}) {
    observer_ = std::make_unique<RecordingObserver>();
    connection_ = std::make_unique<transport::Connection>(reactor_, blocks_, *observer_, limits);
  }
  /// A connection opened to peer_.
  void connect(transport::ConnectionLimits limits = {}) {
    make(limits);
    connection_->open(stream_to_peer());
  }
  io::Handle stream_to_peer() {
    Connecting connecting;
    const Result<io::Handle> stream =
        backend().connect(io::Address::ipv4_loopback(listener_.port()), {}, connecting.op);
    EXPECT_TRUE(stream);
    peer_ = listener_.accept();
    EXPECT_TRUE(until([&] { return connecting.has_ended(); }));
    return *stream;
  }
  void end() {
    if (connection_->is_opened() && !observer_->closed) {
      connection_->close();
      ASSERT_TRUE(until_closed());
    }
    connection_.reset();
  }

  transport::SendResult send(std::string_view body) {
    out_.begin_frame();
    out_.append(body);
    return connection_->send(out_.end_frame());
  }

  template <class Condition>
  bool until(Condition condition) {
    return turn_until(reactor_, condition);
  }
  bool until_closed() {
    return until([&] { return observer_->closed.has_value(); });
  }
  bool until_frames(std::size_t count) {
    return until([&] { return observer_->frames.size() >= count; });
  }
  void settle() { turn_some(reactor_, 20); }
  io::Backend& backend() { return reactor_.backend(); }

  base::ChunkPool chunks_{{.chunk_size = 64 * 1024, .chunk_count_max = 16}};
  base::ChunkPool blocks_{{.chunk_size = 256, .chunk_count_max = 16}};
  base::ChunkPool out_chunks_{{.chunk_size = 64 * 1024, .chunk_count_max = 16}};
  io::Reactor reactor_{make_socket_backend(chunks_), {}};
  transport::OutBuffer out_{out_chunks_};
  RawSocket listener_ = RawSocket::listening();
  RawSocket peer_{-1};
  std::unique_ptr<RecordingObserver> observer_;
  std::unique_ptr<transport::Connection> connection_;
};

}  // namespace distflow::test
