// ReadinessBackend<Poller, System>: completions over a kernel of readiness events. Try; park on EAGAIN; try again when
// such an event comes.
//
// Loop thread only, except wake(). The contract is that of backend.hpp. Besides:
//   1. `can_read` and `can_write` are false only when the kernel has said "would block" (or moved less than asked for,
//      which for a stream means the same: epoll(7), question 9) since the last edge.
//   2. The receive chunk is shared by all streams: an idle stream owns no buffer.
// Use: auto backend = ReadinessBackend<EpollPoller>::create(chunks);
#pragma once

#include <array>
#include <cerrno>
#include <memory>

#include "io/poller.hpp"
#include "io/posix/socket_backend.hpp"
#include "io/receive_chunk.hpp"

namespace distflow::io {

struct ReadinessSlot : SocketSlot {
  bool can_read = true;
  bool can_write = true;
  bool has_ended = false;    // the end of the stream is queued behind the data: a short read shows nothing
  bool is_all_read = false;  // the stream's end, or its failure, was received: nothing lies unread
};

template <class P, System S = posix::System>
class ReadinessBackend final : public SocketBackend<ReadinessBackend<P, S>, ReadinessSlot, S> {
  static_assert(Poller<P>);
  using Base = SocketBackend<ReadinessBackend<P, S>, ReadinessSlot, S>;
  using Slot = ReadinessSlot;

 public:
  /// `chunks` is what streams receive into; it must outlive the backend. Poller and system are made of `parts`.
  template <class... Parts>
  static Result<std::unique_ptr<Backend>> create(base::ChunkPool& chunks, const Parts&... parts) {
    std::unique_ptr<ReadinessBackend> backend(new ReadinessBackend(chunks, parts...));
    if (Result<void> opened = backend->poller_.open(); !opened) return opened.error();
    backend->heed_leases();
    return std::unique_ptr<Backend>(std::move(backend));
  }

  ~ReadinessBackend() override { this->forget_leases(); }

  [[nodiscard]] std::string_view name() const override { return P::kName; }

  Result<Handle> connect(const Address& address, const StreamOptions& options, ConnectOp& op) override {
    const Result<Handle> handle = Base::connect(address, options, op);
    // Neither readable nor writable until the kernel has an outcome.
    if (handle) slots_.at(*handle).can_read = slots_.at(*handle).can_write = false;
    return handle;
  }

  bool push(Handle stream) override {
    Slot& slot = slots_.at(stream);
    DF_ASSERT(slot.send != nullptr);
    // An error is met again, and reported, when the slot is run.
    return advance_send(slot) == Advance::done;
  }

  void poll(base::Instant deadline) override {
    ++counters_.polls;
    resume_if_chunks_are_back();
    const bool may_try_latest = was_idle_ && deadline == base::Instant::min() && latest_misses_ < kLatestMissesMax;
    const bool ran = this->run_runnable() || (may_try_latest && receive_latest());
    if (this->may_skip_wait(ran)) return;
    if (ran) deadline = base::Instant::min();
    ++counters_.waits;
    const std::size_t count = poller_.wait(this->time_to_wait(deadline), ready_);
    was_idle_ = count == 0;
    this->read_clocks();
    if (poller_.was_woken()) {
      ++counters_.wakes;
      resume_if_chunks_are_back();
    }
    for (std::size_t i = 0; i < count; ++i) on_ready(ready_[i]);
  }

  [[nodiscard]] bool may_be_passed_over() override { return !this->has_to_be_polled(); }
  void wake() noexcept override { poller_.wake(); }
  [[nodiscard]] int pollable_fd() override {
    this->is_watched_ = true;
    return poller_.fd();
  }

 private:
  friend SlotBackend<ReadinessBackend, Slot>;
  friend Base;
  using Base::counters_;
  using Base::finish;
  using Base::make_runnable;
  using Base::slots_;
  using Base::system_;

  static constexpr int kAcceptsPerTurn = 32;
  static constexpr int kRecvsPerTurn = 4;
  static constexpr std::uint32_t kLargeMessage = 128 * 1024;
  static constexpr int kSendsPerTurn = 4;
  static constexpr int kLatestMissesMax = 64;

  template <class... Parts>
  explicit ReadinessBackend(base::ChunkPool& chunks, const Parts&... parts)
      : Base(chunks, parts...), poller_(parts...), chunk_(chunks), vital_chunk_(this->vital_chunks_) {}

  Result<void> watch(Handle handle, Slot& slot) { return poller_.add(slot.fd, slots_.token_of(handle)); }
  void unwatch(const Slot& slot) { poller_.remove(slot.fd); }

  void resume_if_chunks_are_back() {
    if (this->is_out_of_chunks_ && !chunk_.space().empty()) this->resume_starved();
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
    const Result<void> outcome = system_.connect_outcome(slot.fd);
    finish(slot.connect).on_connect(outcome);
  }

  void run_accept(Slot& listener) {
    for (int i = 0; i < kAcceptsPerTurn; ++i) {
      Address peer;
      const Result<int> fd = system_.accept_stream(listener.fd, peer);
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
      const Result<Handle> stream = this->adopt(*fd);
      if (!stream) return finish(listener.accept).on_end(stream.error());
      ++counters_.accepts;
      this->note_accepted(slots_.at(*stream), peer);
      listener.accept->on_accept(*stream, peer);
      if (listener.close != nullptr) return;
    }
    make_runnable(listener);
  }

  enum class [[nodiscard]] Advance{done, parked, out_of_turn, failed};

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
      const std::ptrdiff_t sent = system_.send_gathered(slot.fd, op.pieces, slot.piece_offset);
      if (sent < 0) {
        if (errno == EINTR) continue;
        if (!posix::would_block()) return Advance::failed;
        slot.can_write = false;
        break;
      }
      if (!this->take_sent(slot, static_cast<std::size_t>(sent))) slot.can_write = false;
    }
    return op.pieces.empty() ? Advance::done : Advance::parked;
  }

  /// For a loop that spins: whether the stream that received last has more. It is the likeliest to, and need not wait
  /// until the kernel is asked for all. Not for long: the next message may come through memory.
  bool receive_latest() {
    Slot* const slot = slots_.find(latest_);
    if (slot == nullptr || slot->recv == nullptr || slot->is_runnable) return false;
    const std::uint64_t before = counters_.recvs;
    slot->can_read = true;
    run(latest_, *slot);
    ++latest_misses_;
    return counters_.recvs != before;
  }

  void run_recv(Slot& slot) {
    for (int i = 0; slot.can_read && !slot.recv_is_canceled; ++i) {
      if (i == kRecvsPerTurn) return make_runnable(slot);
      ReceiveChunk& chunk = chunk_for(*slot.recv);
      base::Chunk* const place_chunk = slot.recv->place.empty() ? nullptr : slot.recv->place_chunk;
      const std::span<char> space = place_chunk != nullptr ? place_of(*slot.recv) : space_for(*slot.recv, chunk);
      if (space.empty()) return this->starve(slot);
      const std::ptrdiff_t size = system_.receive(slot.fd, space.data(), space.size());
      if (size < 0 && errno == EINTR) continue;
      if (size < 0 && posix::would_block()) {
        slot.can_read = false;
        return;
      }
      if (size <= 0) {
        slot.is_all_read = true;
        const Error why = size < 0 ? posix::last_error("receiving") : Error{Errc::end_of_stream, "receiving"};
        return finish(slot.recv).on_end(why);
      }
      ++counters_.recvs;
      counters_.received_bytes += static_cast<std::size_t>(size);
      note_latest(slot);
      this->note_received(slot);
      if (static_cast<std::size_t>(size) < space.size() && !slot.has_ended) slot.can_read = false;
      if (place_chunk != nullptr) {
        slot.recv->on_recv({*place_chunk, {space.data(), static_cast<std::size_t>(size)}});
      } else {
        slot.recv->on_recv(chunk.take(static_cast<std::size_t>(size)));
        chunk.settle();
      }
      if (slot.close != nullptr) return;
    }
    if (slot.recv_is_canceled) finish(slot.recv).on_end({Errc::canceled, "receiving"});
  }

  /// What keeps nothing receives seldom: bells of a stream through memory, and the PMD's events.
  void note_latest(const Slot& slot) {
    latest_ = slot.recv->keeps_nothing ? Handle{} : slots_.handle_of(slot);
    latest_misses_ = 0;
  }

  static std::span<char> place_of(const RecvOp& op) { return op.place.first(std::min(op.place.size(), kPlaceSizeMax)); }
  /// A call more of the system is worth its while only where it saves copying much.
  static std::span<char> space_for(const RecvOp& op, ReceiveChunk& chunk) {
    const std::span<char> space = chunk.space();
    if (op.size_expected >= kLargeMessage) return space.first(std::min(space.size(), kBeginningSize));
    return op.takes_little ? space.first(std::min(space.size(), RecvOp::kLittle)) : space;
  }

  /// Memory of their own for those that keep nothing; or, if somebody kept it after all, that of all.
  ReceiveChunk& chunk_for(const RecvOp& op) {
    return op.keeps_nothing && !vital_chunk_.space().empty() ? vital_chunk_ : chunk_;
  }

  void run_close(Handle handle, Slot& slot) {
    const bool is_all_read = slot.is_all_read || !slot.can_read;
    this->end_socket(handle, slot, is_all_read ? Base::Unread::none : Base::Unread::perhaps);
  }

  P poller_;
  ReceiveChunk chunk_;
  ReceiveChunk vital_chunk_;
  std::array<Readiness, 256> ready_;
  Handle latest_;          // received last
  int latest_misses_ = 0;  // times that it was tried since, in vain
  bool was_idle_ = false;  // the kernel had nothing when it was last asked
};

}  // namespace distflow::io
