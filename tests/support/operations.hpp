// Operations that write down what became of them, for tests: each has its state as fields and a hook to act in the
// callback itself.
//
// Loop thread only. All share one log of events, so that a test can ask for their order.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "io/backend.hpp"

namespace distflow::test {

using Log = std::vector<std::string>;

/// What every recorder has: how often its terminal event came, and a hook that is called inside it.
struct Recorder {
  explicit Recorder(Log* log_) : log(log_) {}

  void note(const char* event) const {
    if (log != nullptr) log->emplace_back(event);
  }
  void ended(const char* event) {
    note(event);
    ++end_count;
    if (on_end) on_end();
  }
  [[nodiscard]] bool has_ended() const { return end_count > 0; }

  Log* log;
  int end_count = 0;
  std::function<void()> on_end;
};

struct Receiving : Recorder {
  explicit Receiving(Log* log_ = nullptr) : Recorder(log_) {
    op.on_recv = base::Delegate<void(const io::Received&)>::to<&Receiving::take>(*this);
    op.on_end = base::Delegate<void(Error)>::to<&Receiving::end>(*this);
  }
  void take(const io::Received& received) {
    ++recv_count;
    if (received.bytes.empty()) ++empty_count;
    bytes += received.bytes;
    note("recv");
    if (on_bytes) on_bytes(received);
  }
  void end(Error why) {
    error = why;
    ended("recv ended");
  }

  io::RecvOp op;
  std::string bytes;
  int recv_count = 0;
  int empty_count = 0;
  Error error;
  std::function<void(const io::Received&)> on_bytes;
};

struct Sending : Recorder {
  explicit Sending(Log* log_ = nullptr) : Recorder(log_) {
    op.on_sent = base::Delegate<void(Result<void>)>::to<&Sending::end>(*this);
  }
  void start(io::Backend& backend, io::Handle stream, std::vector<std::string> parts) {
    backend.send(stream, of(std::move(parts)));
  }
  /// The operation, to send these parts.
  io::SendOp& of(std::vector<std::string> parts) {
    texts = std::move(parts);
    pieces.assign(texts.begin(), texts.end());
    op.pieces = pieces;
    return op;
  }
  void end(Result<void> result) {
    outcome = result;
    ended("sent");
  }

  io::SendOp op;
  std::vector<std::string> texts;
  std::vector<io::Piece> pieces;
  Result<void> outcome;
};

struct Accepting : Recorder {
  explicit Accepting(Log* log_ = nullptr) : Recorder(log_) {
    op.on_accept = base::Delegate<void(io::Handle, const io::Address&)>::to<&Accepting::take>(*this);
    op.on_end = base::Delegate<void(Error)>::to<&Accepting::end>(*this);
  }
  void take(io::Handle stream, const io::Address&) {
    streams.push_back(stream);
    note("accepted");
  }
  void end(Error why) {
    error = why;
    ended("accept ended");
  }

  io::AcceptOp op;
  std::vector<io::Handle> streams;
  Error error;
};

struct Connecting : Recorder {
  explicit Connecting(Log* log_ = nullptr) : Recorder(log_) {
    op.on_connect = base::Delegate<void(Result<void>)>::to<&Connecting::end>(*this);
  }
  void end(Result<void> result) {
    outcome = result;
    ended("connected");
  }

  io::ConnectOp op;
  Result<void> outcome;
};

struct Closing : Recorder {
  explicit Closing(Log* log_ = nullptr) : Recorder(log_) {
    op.on_closed = base::Delegate<void()>::to<&Closing::end>(*this);
  }
  void end() { ended("closed"); }

  io::CloseOp op;
};

}  // namespace distflow::test
