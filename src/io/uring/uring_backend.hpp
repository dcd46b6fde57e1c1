// UringBackend: the contract of backend.hpp over io_uring. The kernel carries the operations out and picks the memory
// that it receives into; this class says what to do, and takes what is done, in one system call a poll.
//
// Loop thread only, except wake(). The loop's thread is the one that first calls poll() or pollable_fd(); the backend
// may be made, and operations started, on another one before.
//   1. What is armed in a slot is with the kernel, which ends it with exactly one completion without "more". A slot is
//      freed when nothing of it is armed, so that the kernel has no word of it left to say.
//   2. Callbacks never reach the ring: they enqueue, and poll() submits.
//   3. What the kernel may receive in a poll is bounded by BufferRing, what it may complete by its queue.
// Use: make_uring(chunks) of uring.hpp.
#pragma once

#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "io/linux/event_fd.hpp"
#include "io/posix/gathered_message.hpp"
#include "io/posix/socket_backend.hpp"
#include "io/uring/buffer_ring.hpp"
#include "io/uring/ring.hpp"

namespace distflow::io {

struct UringSlot : SocketSlot {
  bool accept_is_armed = false;
  bool connect_is_armed = false;
  bool recv_is_armed = false;
  bool send_is_armed = false;
  bool recv_cancel_is_sent = false;
  bool close_cancel_is_sent = false;
  bool has_received = false;  // since it last waited for a buffer
  bool is_unserved = false;   // its handle is in unserved_
  bool has_ended = false;     // the stream's end was received
  bool is_full = false;       // the system took a part of a piece last: wait until it takes more, then try

  [[nodiscard]] bool is_armed() const { return accept_is_armed || connect_is_armed || recv_is_armed || send_is_armed; }
};

class UringBackend final : public SocketBackend<UringBackend, UringSlot> {
 public:
  static Result<std::unique_ptr<Backend>> create(base::ChunkPool& chunks, UringOptions options);
  ~UringBackend() override;

  [[nodiscard]] std::string_view name() const override { return "uring"; }
  bool push(Handle stream) override;
  void poll(base::Instant deadline) override;
  [[nodiscard]] bool may_be_passed_over() override;
  void wake() noexcept override { event_.signal(); }
  /// After the kernel has dropped completions, nobody knows which: ends everything with it, and what has no end then,
  /// as one that failed for lack of memory. Listeners, and what the kernel gave back, go on. Public for tests.
  void make_up_for_lost_completions();
  /// The ring's descriptor: readable while there are completions, or what will give some when the loop's thread enters.
  [[nodiscard]] int pollable_fd() override;

 private:
  friend SlotBackend<UringBackend, UringSlot>;
  friend SocketBackend<UringBackend, UringSlot>;
  using Slot = UringSlot;

  static constexpr std::size_t kCompletionsPerPoll = 256;
  static constexpr int kPushesMax = 4;

  enum class Kind : std::uint8_t { accept, connect, recv, send, cancel, wake };
  /// What the kernel carries for us from a submission to its completions.
  struct Tag {
    Handle handle;
    Kind kind;
    [[nodiscard]] std::uint64_t to_number() const;
    static Tag of(std::uint64_t number);
  };

  static constexpr std::uint16_t kGroup = 0;
  static constexpr std::uint16_t kVitalGroup = 1;
  static constexpr std::uint16_t kVitalNumberMin = 1U << 15U;  // what names a slice is of one ring or the other

  explicit UringBackend(base::ChunkPool& chunks)
      : SocketBackend(chunks),
        buffers_(chunks, kGroup, 0),
        vital_buffers_(vital_chunks_, kVitalGroup, kVitalNumberMin) {}
  Result<void> open(UringOptions options);
  void begin();

  Result<void> watch(Handle handle, Slot& slot);
  static void unwatch(const Slot&) {}
  void make_room(std::size_t slot_count);
  void run(Handle handle, Slot& slot);
  void run_send(Slot& slot);
  void run_recv(Slot& slot);
  void run_close(Handle handle, Slot& slot);
  /// A submission for the slot; null, and the slot is run again, when the kernel takes none at the moment.
  io_uring_sqe* prepare(Slot& slot);
  static void tag(io_uring_sqe& sqe, const Slot& slot, Kind kind);
  void arm_accept(Slot& slot);
  void arm_connect(Slot& slot);
  void arm_recv(Slot& slot);
  void arm_send(Slot& slot);
  void arm_wake();
  posix::GatheredMessage* next_message();

  void take_completions();
  /// Takes the first completions, which are one event; how many they were.
  std::size_t take_event(std::span<io_uring_cqe* const> cqes);
  std::size_t on_recv(Slot& slot, std::span<io_uring_cqe* const> cqes);
  std::size_t hand_up(Slot& slot, std::span<io_uring_cqe* const> cqes);
  void on_recv_ended(Slot& slot, int outcome);
  void on_accept(Slot& slot, const io_uring_cqe& cqe);
  void on_connect(Slot& slot, const io_uring_cqe& cqe);
  void on_send(Slot& slot, const io_uring_cqe& cqe);
  void on_wake(const io_uring_cqe& cqe);
  BufferRing& buffers_of(std::uint16_t number) { return number < kVitalNumberMin ? buffers_ : vital_buffers_; }
  BufferRing* buffers_for(const RecvOp& op);
  void end_without_completion(Slot& slot);
  void refill();
  void serve_unserved();
  static bool wants_to_receive(const Slot& slot) {
    return slot.recv != nullptr && !slot.recv_is_canceled && slot.close == nullptr;
  }

  BufferRing buffers_;
  BufferRing vital_buffers_;  // for receives that keep nothing
  Ring ring_;                 // ends before the memory that it was given
  EventFd event_;
  bool wake_is_armed_ = false;
  bool has_called_back_ = false;  // in what this poll ran
  std::vector<Handle> unserved_;  // found the ring of buffers empty, those that got nothing first
  std::vector<Handle> serving_;   // the same while they are given up
  std::deque<posix::GatheredMessage> messages_;
  std::size_t message_count_ = 0;  // not submitted yet, at most
};

}  // namespace distflow::io
