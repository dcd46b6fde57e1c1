// ReadinessBackend<Poller>: completions over a kernel that tells readiness. Try; park on EAGAIN; try again when told.
//
// Loop thread only, but for wake(). The contract is that of backend.hpp. Besides:
//   1. A slot is on the runnable list at most once; it is there whenever an operation of it might make progress.
//   2. `can_read` and `can_write` are false only when the kernel has said "would block" (or moved less than asked for,
//      which for a stream means the same: epoll(7), question 9) since the last edge.
//   3. The receive chunk is shared by all streams: an idle stream owns no buffer.
//   4. A slot is freed in run_close() alone, which no callback can reach: what runs a slot may go on using it.
// Use: auto backend = ReadinessBackend<EpollPoller>::create(chunks);
#pragma once

#include <array>
#include <cerrno>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "io/backend.hpp"
#include "io/clock.hpp"
#include "io/poller.hpp"
#include "io/posix/socket.hpp"
#include "io/receive_chunk.hpp"
#include "io/slot_table.hpp"

namespace distflow::io {

template <class P>
class ReadinessBackend final : public Backend {
  static_assert(Poller<P>);

 public:
  /// `chunks` is what streams receive into; it must outlive the backend.
  static Result<std::unique_ptr<Backend>> create(base::ChunkPool& chunks) {
    std::unique_ptr<ReadinessBackend> backend(new ReadinessBackend(chunks));
    if (Result<void> opened = backend->poller_.open(); !opened) return opened.error();
    return std::unique_ptr<Backend>(std::move(backend));
  }

  ~ReadinessBackend() override {
    DF_ASSERT(slots_.in_use() == 0);
    chunks_.on_available({});  // a lease given back from now on wakes nobody
  }

  [[nodiscard]] std::string_view name() const override { return P::kName; }

  Result<Handle> listen(const Address& address, const ListenOptions& options) override {
    Result<int> fd = posix::open_listener(address, options);
    return fd ? adopt(*fd) : Result<Handle>(fd.error());
  }

  Result<Address> local_address(Handle handle) override { return posix::local_address(slots_.at(handle).fd); }

  Result<Handle> connect(const Address& address, const StreamOptions& options, ConnectOp& op) override {
    Result<int> fd = posix::open_connecting(address, options);
    if (!fd) return fd.error();
    Result<Handle> handle = adopt(*fd);
    if (!handle) return handle;
    // Neither readable nor writable until the kernel has an outcome.
    Slot& slot = slots_.at(*handle);
    slot.can_read = slot.can_write = false;
    start(slot, slot.connect, op);
    return handle;
  }

  void accept(Handle listener, AcceptOp& op) override {
    Slot& slot = slots_.at(listener);
    start(slot, slot.accept, op);
  }

  void recv(Handle stream, RecvOp& op) override {
    Slot& slot = slots_.at(stream);
    slot.recv_is_canceled = false;
    start(slot, slot.recv, op);
  }

  void send(Handle stream, SendOp& op) override {
    Slot& slot = slots_.at(stream);
    op.bytes_sent = 0;
    slot.piece_offset = 0;
    start(slot, slot.send, op);
  }

  bool push(Handle stream) override {
    Slot& slot = slots_.at(stream);
    DF_ASSERT(slot.send != nullptr);
    // An error is met again, and told, when the slot is run.
    return advance_send(slot) == Advance::done;
  }

  void cancel_recv(Handle stream) override {
    Slot& slot = slots_.at(stream);
    if (slot.recv == nullptr) return;
    slot.recv_is_canceled = true;
    make_runnable(slot);
  }

  void close(Handle handle, CloseOp& op) override {
    Slot& slot = slots_.at(handle);
    start(slot, slot.close, op);
  }

  void poll(base::Instant deadline) override {
    ++counters_.polls;
    const bool ran = run_runnable();
    // What ran may have given the loop above work, so this poll does not wait. The next one asks the kernel whatever it
    // runs: operations started each turn must not keep receiving and the clocks waiting.
    if (ran && runnable_.empty() && !std::exchange(has_skipped_wait_, true)) return;
    has_skipped_wait_ = false;
    if (ran) deadline = base::Instant::min();
    ++counters_.waits;
    const std::size_t count = poller_.wait(time_to_wait(deadline), ready_);
    read_clocks();
    if (poller_.was_woken()) {
      ++counters_.wakes;
      if (is_out_of_chunks_) resume_starved();
    }
    for (std::size_t i = 0; i < count; ++i) on_ready(ready_[i]);
  }

  void wake() noexcept override { poller_.wake(); }
  [[nodiscard]] int pollable_fd() override {
    is_watched_ = true;
    return poller_.fd();
  }
  base::Instant now() override { return now_; }
  base::WallMs wall_ms() override { return wall_ms_; }
  void fill_random(std::span<std::byte> out) override { posix::fill_random(out); }
  [[nodiscard]] std::size_t handle_count() const override { return slots_.in_use(); }

  /// Bytes of user memory that an open handle costs.
  [[nodiscard]] static constexpr std::size_t handle_size() { return sizeof(Slot); }

 private:
  static constexpr int kAcceptsPerTurn = 32;
  static constexpr int kRecvsPerTurn = 4;
  static constexpr int kSendsPerTurn = 4;
  // How long a wait may last while chunks are out: no lease returns when it is memory, not the pool, that was
  // exhausted.
  static constexpr base::Duration kStarvedWaitMax = base::milliseconds(100);

  struct Slot : SlotBase {
    int fd = -1;
    bool can_read = true;
    bool can_write = true;
    bool has_ended = false;  // the end of the stream is queued behind the data: a short read tells nothing
    bool recv_is_canceled = false;
    bool is_runnable = false;
    bool is_starved = false;
    std::size_t piece_offset = 0;  // bytes of the first unsent piece that are sent
    AcceptOp* accept = nullptr;
    ConnectOp* connect = nullptr;
    RecvOp* recv = nullptr;
    SendOp* send = nullptr;
    CloseOp* close = nullptr;
  };

  explicit ReadinessBackend(base::ChunkPool& chunks) : chunks_(chunks), chunk_(chunks) {
    read_clocks();
    chunks.on_available(base::Delegate<void()>::to<&ReadinessBackend::wake>(*this));
  }

  Result<Handle> adopt(int fd) {
    const Handle handle = slots_.allocate();
    Slot& slot = slots_.at(handle);
    slot.fd = fd;
    if (Result<void> added = poller_.add(fd, slots_.token_of(handle)); !added) {
      posix::close_fd(fd);
      slots_.free(handle);
      return added.error();
    }
    return handle;
  }

  template <class Op>
  void start(Slot& slot, Op*& place, Op& op) {
    DF_ASSERT(place == nullptr);
    DF_ASSERT(slot.close == nullptr);
    op.mark_started();
    place = &op;
    make_runnable(slot);
  }

  /// Takes the operation out of its place and makes it idle, for its terminal callback to be run next.
  template <class Op>
  static Op& finish(Op*& place) {
    Op& op = *std::exchange(place, nullptr);
    op.mark_idle();
    return op;
  }

  void make_runnable(Slot& slot) {
    if (std::exchange(slot.is_runnable, true)) return;
    if (is_watched_ && runnable_.empty()) poller_.wake();
    runnable_.push_back(slots_.handle_of(slot));
  }

  /// Runs each slot that was runnable at the start once; true when there was any.
  bool run_runnable() {
    if (is_out_of_chunks_) resume_starved();
    if (runnable_.empty()) return false;
    running_.swap(runnable_);
    for (const Handle handle : running_) {
      if (Slot* slot = slots_.find(handle)) {
        slot->is_runnable = false;
        run(handle, *slot);
      }
    }
    running_.clear();
    return true;
  }

  base::Duration time_to_wait(base::Instant deadline) {
    if (!runnable_.empty() || deadline <= now_) return base::Duration::zero();
    const base::Duration wait_max = is_out_of_chunks_ ? kStarvedWaitMax : base::Duration::max();
    if (deadline == base::kNever) return wait_max;
    read_clocks();  // callbacks may have taken their time since the last look
    return std::clamp(deadline - now_, base::Duration::zero(), wait_max);
  }

  void read_clocks() {
    now_ = system_now();
    wall_ms_ = system_wall_ms();
  }

  void on_ready(const Readiness& ready) {
    Slot* slot = slots_.find_token(ready.token);
    if (slot == nullptr) {
      ++counters_.stale_events;
      return;
    }
    slot->can_read |= ready.can_read;
    slot->can_write |= ready.can_write;
    slot->has_ended |= ready.has_ended;
    run(slots_.handle_of(*slot), *slot);
  }

  /// Makes what progress the slot's operations can. Once a callback has started the close, nothing else goes on.
  void run(Handle handle, Slot& slot) {
    const auto may_run = [&slot](const Operation* op) { return op != nullptr && slot.close == nullptr; };
    if (may_run(slot.connect) && slot.can_write) run_connect(slot);
    if (may_run(slot.accept) && slot.can_read) run_accept(slot);
    if (may_run(slot.send)) run_send(slot);
    if (may_run(slot.recv)) run_recv(slot);
    if (slot.close != nullptr) run_close(handle, slot);
  }

  void run_connect(Slot& slot) {
    slot.can_read = true;
    const Result<void> outcome = posix::connect_outcome(slot.fd);
    finish(slot.connect).on_connect(outcome);
  }

  void run_accept(Slot& listener) {
    for (int i = 0; i < kAcceptsPerTurn; ++i) {
      Address peer;
      const Result<int> fd = posix::accept_stream(listener.fd, peer);
      if (!fd) {
        const int code = fd.error().code.value();
        if (code == EINTR || code == ECONNABORTED) continue;
        if (code == EAGAIN || code == EWOULDBLOCK) {
          listener.can_read = false;
        } else {
          finish(listener.accept).on_end(fd.error());
        }
        return;
      }
      const Result<Handle> stream = adopt(*fd);
      if (!stream) return finish(listener.accept).on_end(stream.error());
      ++counters_.accepts;
      listener.accept->on_accept(*stream, peer);
      if (listener.close != nullptr) return;
    }
    make_runnable(listener);
  }

  enum class Advance { done, parked, out_of_turn, failed };

  void run_send(Slot& slot) {
    switch (advance_send(slot)) {
      case Advance::done: return finish(slot.send).on_sent({});
      case Advance::parked: return;
      case Advance::out_of_turn: return make_runnable(slot);
      case Advance::failed: return finish(slot.send).on_sent(posix::last_error("sending"));
    }
  }

  /// Sends what the system takes, within a turn's bound. errno says why it failed.
  Advance advance_send(Slot& slot) {
    SendOp& op = *slot.send;
    for (int i = 0; slot.can_write && !op.pieces.empty(); ++i) {
      if (i == kSendsPerTurn) return Advance::out_of_turn;
      const std::ptrdiff_t sent = posix::send_gathered(slot.fd, op.pieces, slot.piece_offset);
      if (sent < 0) {
        if (errno == EINTR) continue;
        if (!posix::would_block()) return Advance::failed;
        slot.can_write = false;
        break;
      }
      ++counters_.sends;
      op.bytes_sent += static_cast<std::size_t>(sent);
      if (!consume(op.pieces, slot.piece_offset, static_cast<std::size_t>(sent))) {
        ++counters_.short_sends;
        slot.can_write = false;
      }
    }
    return op.pieces.empty() ? Advance::done : Advance::parked;
  }

  /// Takes `sent` bytes off the front of the pieces; true when a whole number of pieces was sent.
  static bool consume(std::span<const Piece>& pieces, std::size_t& offset, std::size_t sent) {
    while (!pieces.empty() && sent >= pieces.front().size() - offset) {
      sent -= pieces.front().size() - offset;
      offset = 0;
      pieces = pieces.subspan(1);
    }
    offset += sent;
    return sent == 0;
  }

  void run_recv(Slot& slot) {
    for (int i = 0; slot.can_read && !slot.recv_is_canceled; ++i) {
      if (i == kRecvsPerTurn) return make_runnable(slot);
      const std::span<char> space = chunk_.space();
      if (space.empty()) return starve(slot);
      const std::ptrdiff_t size = posix::receive(slot.fd, space.data(), space.size());
      if (size < 0 && errno == EINTR) continue;
      if (size < 0 && posix::would_block()) {
        slot.can_read = false;
        return;
      }
      if (size < 0) return finish(slot.recv).on_end(posix::last_error("receiving"));
      if (size == 0) return finish(slot.recv).on_end({Errc::end_of_stream, "receiving"});
      ++counters_.recvs;
      if (static_cast<std::size_t>(size) < space.size() && !slot.has_ended) slot.can_read = false;
      slot.recv->on_recv(chunk_.take(static_cast<std::size_t>(size)));
      chunk_.settle();
      if (slot.close != nullptr) return;
    }
    if (slot.recv_is_canceled) finish(slot.recv).on_end({Errc::canceled, "receiving"});
  }

  void run_close(Handle handle, Slot& slot) {
    if (slot.accept != nullptr) finish(slot.accept).on_end({Errc::canceled, "accepting a connection"});
    if (slot.connect != nullptr) finish(slot.connect).on_connect(Error{Errc::canceled, "connecting"});
    if (slot.send != nullptr) finish(slot.send).on_sent(Error{Errc::canceled, "sending"});
    if (slot.recv != nullptr) finish(slot.recv).on_end({Errc::canceled, "receiving"});
    // Closing over unread bytes resets the stream, and takes what the peer has yet to get with it (RFC 2525, 2.17).
    if (slot.can_read) posix::discard_received(slot.fd);
    poller_.remove(slot.fd);
    posix::close_fd(slot.fd);
    CloseOp& op = finish(slot.close);
    slots_.free(handle);
    op.on_closed();
  }

  void starve(Slot& slot) {
    is_out_of_chunks_ = true;
    if (std::exchange(slot.is_starved, true)) return;
    ++counters_.chunks_missing;
    starved_.push_back(slots_.handle_of(slot));
  }

  void resume_starved() {
    if (chunk_.space().empty()) return;
    is_out_of_chunks_ = false;
    for (const Handle handle : std::exchange(starved_, {})) {
      if (Slot* slot = slots_.find(handle)) {
        slot->is_starved = false;
        make_runnable(*slot);
      }
    }
  }

  P poller_;
  base::ChunkPool& chunks_;
  ReceiveChunk chunk_;
  SlotTable<Slot> slots_;
  std::vector<Handle> runnable_;
  std::vector<Handle> running_;  // the runnable list while it is walked; kept for its memory
  std::vector<Handle> starved_;
  bool is_out_of_chunks_ = false;
  bool has_skipped_wait_ = false;  // the last poll ran what was enqueued and did not ask the kernel
  bool is_watched_ = false;        // somebody sleeps on pollable_fd(): it must tell of what is enqueued, too
  base::Instant now_;
  base::WallMs wall_ms_ = 0;
  std::array<Readiness, 256> ready_;
};

}  // namespace distflow::io
