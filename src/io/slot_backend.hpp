// SlotBackend<Derived, Slot>: what backends do alike, whatever is below them. An operation enters its place in the slot
// of its handle, waits in a list to be run, and leaves the place when it ends.
//
// Loop thread only, except the wake-up that a returning lease calls.
//   1. A slot is on the runnable list at most once; it is there whenever an operation of it might make progress.
//   2. A slot is freed in free_closed() alone, which no callback can reach: what runs a slot may go on using it.
//   3. A slot is on the starved list at most once, and there only while receiving waits for a chunk.
//   4. Memory is asked for in open_slot() alone: an operation is started, run and ended without.
// Use: derive, give run(Handle, Slot&), and call run_runnable() from poll(). Slot derives from OperationSlot.
#pragma once

#include <cstddef>
#include <new>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/chunk_pool.hpp"
#include "base/room.hpp"
#include "io/backend.hpp"
#include "io/slot_table.hpp"

namespace distflow::io {

/// The operations of a handle, and where they stand.
struct OperationSlot : SlotBase {
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

template <class Derived, class Slot>
class SlotBackend : public Backend {
 public:
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

  void discard(Handle handle) override {
    Slot& slot = slots_.at(handle);
    DF_ASSERT(slot.close == nullptr);
    slot.close = &of_nobody_;
    make_runnable(slot);
  }

  [[nodiscard]] std::size_t handle_count() const override { return slots_.in_use(); }

 protected:
  /// What receives that keep nothing share: used again as soon as their callbacks are done.
  static constexpr base::ChunkPoolOptions kVitalMemory{.chunk_size = std::size_t{64} * 1024, .chunk_count_max = 1};

  explicit SlotBackend(base::ChunkPool& chunks) : chunks_(chunks) {}

  /// From now on a lease that returns to the empty pool wakes this backend. Once it can be woken.
  void heed_leases() { chunks_.on_available(base::Delegate<void()>::to<&Backend::wake>(*this)); }
  /// For the derived destructor: a lease that is given back from now on wakes nobody.
  void forget_leases() {
    DF_ASSERT(slots_.in_use() == 0);
    chunks_.on_available({});
  }

  /// A new slot, and room for it on every list that it may come to; none without memory.
  std::optional<Handle> open_slot() {
    try {
      // A list may still name slots that were freed since, beside each that is in use.
      const std::size_t count = slots_.size() + 1;
      for (std::vector<Handle>* list : {&runnable_, &running_, &starved_}) {
        base::make_room(*list, list->size() + count);
      }
      static_cast<Derived&>(*this).make_room(count);
      return slots_.allocate();
    } catch (const std::bad_alloc&) {
      return std::nullopt;
    }
  }
  /// For a derived class with lists of its own. May throw std::bad_alloc.
  void make_room(std::size_t slot_count) { static_cast<void>(slot_count); }

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

  /// Ends what a handle still has under way as it closes. No callback of these may start anything on it.
  static void cancel_operations(Slot& slot) {
    if (slot.accept != nullptr) finish(slot.accept).on_end({Errc::canceled, "accepting a connection"});
    if (slot.connect != nullptr) finish(slot.connect).on_connect(Error{Errc::canceled, "connecting"});
    if (slot.send != nullptr) finish(slot.send).on_sent(Error{Errc::canceled, "sending"});
    if (slot.recv != nullptr) finish(slot.recv).on_end({Errc::canceled, "receiving"});
  }

  /// The end of a handle whose other operations have ended.
  void free_closed(Handle handle, Slot& slot) {
    if (slot.close == &of_nobody_) return slots_.free(handle);
    CloseOp& op = finish(slot.close);
    slots_.free(handle);
    op.on_closed();
  }

  void make_runnable(Slot& slot) {
    if (std::exchange(slot.is_runnable, true)) return;
    if (is_watched_ && runnable_.empty()) this->wake();
    runnable_.push_back(slots_.handle_of(slot));
  }

  /// Runs each slot that was runnable at the start once; true when there was any.
  bool run_runnable() {
    if (runnable_.empty()) return false;
    running_.swap(runnable_);
    for (std::size_t i = 0; i < running_.size(); ++i) {  // a slot opened meanwhile may move the list
      const Handle handle = running_[i];
      if (Slot* slot = slots_.find(handle)) {
        slot->is_runnable = false;
        static_cast<Derived&>(*this).run(handle, *slot);
      }
    }
    running_.clear();
    return true;
  }

  /// What callbacks did may have given the loop above work, so a poll that ran some does not wait. The next one asks
  /// the kernel whatever it runs: operations started each turn must not keep receiving and the clocks waiting.
  bool may_skip_wait(bool ran_callbacks) {
    if (ran_callbacks && runnable_.empty() && !std::exchange(has_skipped_wait_, true)) return true;
    has_skipped_wait_ = false;
    return false;
  }

  /// Takes the bytes that the system took off the front of the send's pieces; true when it was a whole number of
  /// pieces.
  bool take_sent(Slot& slot, std::size_t sent) {
    SendOp& op = *slot.send;
    ++counters_.sends;
    op.bytes_sent += sent;
    while (!op.pieces.empty() && sent >= op.pieces.front().size() - slot.piece_offset) {
      sent -= op.pieces.front().size() - slot.piece_offset;
      slot.piece_offset = 0;
      op.pieces = op.pieces.subspan(1);
    }
    slot.piece_offset += sent;
    if (sent == 0) return true;
    ++counters_.short_sends;
    return false;
  }

  /// Receiving of this slot waits until resume_starved().
  void starve(Slot& slot) {
    is_out_of_chunks_ = true;
    if (std::exchange(slot.is_starved, true)) return;
    ++counters_.chunks_missing;
    starved_.push_back(slots_.handle_of(slot));
  }

  void resume_starved() {
    is_out_of_chunks_ = false;
    for (const Handle handle : starved_) {
      if (Slot* slot = slots_.find(handle)) {
        slot->is_starved = false;
        make_runnable(*slot);
      }
    }
    starved_.clear();
  }

  base::ChunkPool& chunks_;
  base::ChunkPool vital_chunks_{kVitalMemory};
  SlotTable<Slot> slots_;
  std::vector<Handle> runnable_;
  bool is_out_of_chunks_ = false;
  bool is_watched_ = false;  // somebody sleeps on pollable_fd(): it must report what is enqueued, too

 private:
  std::vector<Handle> running_;  // the runnable list while it is walked; kept for its memory
  std::vector<Handle> starved_;
  CloseOp of_nobody_;              // never started: marks the close of a handle that was discarded
  bool has_skipped_wait_ = false;  // the last poll ran callbacks and did not ask the kernel
};

}  // namespace distflow::io
