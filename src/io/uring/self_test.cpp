// The test of what the table in uring.hpp asks of the kernel.
#include <poll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "io/uring/uring.hpp"

namespace distflow::io {
namespace {

constexpr base::Duration kPatience = std::chrono::seconds(2);  // for each step, on a machine under load
constexpr Piece kWord = "io_uring";

constexpr const char* kConnecting = "testing io_uring: connecting on loopback";
constexpr const char* kAccepting = "testing io_uring: accepting many by one submission (from Linux 5.19 on)";
constexpr const char* kReceiving = "testing io_uring: receiving many by one submission (from Linux 6.0 on)";
constexpr const char* kWaking = "testing io_uring: telling a watcher of a wake-up (from Linux 6.1 on)";
constexpr const char* kCanceling = "testing io_uring: canceling all of a descriptor (from Linux 5.19 on)";

class SelfTest {
 public:
  Result<void> run(UringMode mode) {
    Result<std::unique_ptr<Backend>> made = make_uring_untested(chunks_, {.mode = mode});
    if (!made) return made.error();
    backend_ = std::move(*made);
    const Result<void> outcome = exchange_word();
    const Result<void> closed = close_all();
    return outcome ? closed : outcome;
  }

  /// Whether all of it has ended, so that it may be destroyed.
  [[nodiscard]] bool is_over() const { return backend_ == nullptr || backend_->handle_count() == 0; }

 private:
  Result<void> exchange_word() {
    accept_.on_accept = base::Delegate<void(Handle, const Address&)>::to<&SelfTest::on_accept>(*this);
    accept_.on_end = base::Delegate<void(Error)>::to<&SelfTest::on_end>(*this);
    connect_.on_connect = base::Delegate<void(Result<void>)>::to<&SelfTest::on_outcome>(*this);
    recv_.on_recv = base::Delegate<void(const Received&)>::to<&SelfTest::on_recv>(*this);
    recv_.on_end = base::Delegate<void(Error)>::to<&SelfTest::on_end>(*this);
    send_.on_sent = base::Delegate<void(Result<void>)>::to<&SelfTest::on_outcome>(*this);

    if (Result<void> connected = connect(); !connected) return connected;
    if (Result<void> met = until(kAccepting, [this] { return bool{far_} && connect_.is_idle(); }); !met) return met;
    backend_->recv(far_, recv_);
    send_.pieces = {&kWord, 1};
    backend_->send(near_, send_);
    if (Result<void> met = until(kReceiving, [this] { return received_ == kWord.size(); }); !met) return met;
    return check_waking();
  }

  Result<void> connect() {
    const Result<Handle> listener = backend_->listen(Address::ipv4_loopback(0), {});
    if (!listener) return Error{listener.error().code, kConnecting};
    listener_ = *listener;
    backend_->accept(listener_, accept_);
    const Result<Address> address = backend_->local_address(listener_);
    if (!address) return Error{address.error().code, kConnecting};
    const Result<Handle> near = backend_->connect(*address, {}, connect_);
    if (!near) return Error{near.error().code, kConnecting};
    near_ = *near;
    return {};
  }

  Result<void> check_waking() {
    pollfd watched{.fd = backend_->pollable_fd(), .events = POLLIN, .revents = 0};
    backend_->wake();
    if (::poll(&watched, 1, 0) != 1) return Error{std::make_error_code(std::errc::not_supported), kWaking};
    return until(kWaking, [this] { return backend_->counters().wakes > 0; });
  }

  Result<void> close_all() {
    const std::array handles{listener_, near_, far_};
    for (std::size_t i = 0; i < handles.size(); ++i) {
      closes_[i].on_closed = base::Delegate<void()>::to<&SelfTest::on_closed>(*this);
      if (handles[i]) backend_->close(handles[i], closes_[i]);
    }
    failure_.reset();
    is_closing_ = true;
    return until(kCanceling, [this] { return backend_->handle_count() == 0; });
  }

  template <class Condition>
  Result<void> until(const char* step, Condition condition) {
    const base::Instant give_up = base::saturating_add(backend_->now(), kPatience);
    while (!condition()) {
      if (failure_) return Error{failure_->code, step};
      if (backend_->now() >= give_up) return Error{std::make_error_code(std::errc::timed_out), step};
      backend_->poll(give_up);
    }
    return {};
  }

  void on_accept(Handle stream, const Address&) { far_ = stream; }
  void on_recv(const Received& received) { received_ += received.bytes.size(); }
  void on_outcome(Result<void> outcome) {
    if (!outcome) on_end(outcome.error());
  }
  void on_end(Error why) {
    if (!is_closing_) failure_ = why;
  }
  void on_closed() {}

  base::ChunkPool chunks_{{.chunk_size = 4096, .chunk_count_max = 2}};
  std::unique_ptr<Backend> backend_;
  AcceptOp accept_;
  ConnectOp connect_;
  RecvOp recv_;
  SendOp send_;
  std::array<CloseOp, 3> closes_;
  Handle listener_;
  Handle near_;
  Handle far_;
  std::size_t received_ = 0;
  std::optional<Error> failure_;
  bool is_closing_ = false;
};

}  // namespace

Result<void> test_uring(UringMode mode) {
  auto test = std::make_unique<SelfTest>();
  const Result<void> outcome = test->run(mode);
  // What a kernel cannot cancel, it may still write to.
  if (!test->is_over()) [[maybe_unused]]
    SelfTest* const left_behind = test.release();
  return outcome;
}

}  // namespace distflow::io
