#include "io/uring/uring_backend.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <new>

namespace distflow::io {
namespace {

constexpr unsigned kKindBits = 3;
constexpr std::uint32_t kSlotMax = UINT32_MAX >> kKindBits;

}  // namespace

std::uint64_t UringBackend::Tag::to_number() const {
  return std::uint64_t{handle.generation} << 32U | handle.slot << kKindBits | static_cast<std::uint32_t>(kind);
}

UringBackend::Tag UringBackend::Tag::of(std::uint64_t number) {
  const auto low = static_cast<std::uint32_t>(number);
  return {.handle = {.slot = low >> kKindBits, .generation = static_cast<std::uint32_t>(number >> 32U)},
          .kind = static_cast<Kind>(low & ((1U << kKindBits) - 1))};
}

Result<std::unique_ptr<Backend>> make_uring(base::ChunkPool& chunks, UringMode mode) {
  static std::array<std::atomic<bool>, kUringModeCount> has_passed{};  // what has failed is tried again
  std::atomic<bool>& passed = has_passed[static_cast<std::size_t>(mode)];
  if (!passed.load(std::memory_order_relaxed)) {
    if (Result<void> tested = test_uring(mode); !tested) return tested.error();
    passed.store(true, std::memory_order_relaxed);
  }
  return make_uring_untested(chunks, {.mode = mode});
}

Result<std::unique_ptr<Backend>> make_uring(base::ChunkPool& chunks) { return make_uring(chunks, UringMode::best); }

Result<std::unique_ptr<Backend>> make_uring_untested(base::ChunkPool& chunks, UringOptions options) {
  return UringBackend::create(chunks, options);
}

Result<std::unique_ptr<Backend>> UringBackend::create(base::ChunkPool& chunks, UringOptions options) {
  std::unique_ptr<UringBackend> backend(new UringBackend(chunks));
  if (Result<void> opened = backend->open(options); !opened) return opened.error();
  backend->heed_leases();
  return std::unique_ptr<Backend>(std::move(backend));
}

UringBackend::~UringBackend() { forget_leases(); }

Result<void> UringBackend::open(UringOptions options) {
  if (Result<void> opened = ring_.open(options); !opened) return opened;
  if (Result<void> opened = buffers_.open(ring_.get()); !opened) return opened;
  if (Result<void> opened = vital_buffers_.open(ring_.get()); !opened) return opened;
  return event_.open();
}

/// Makes this thread the loop's.
void UringBackend::begin() {
  ring_.enable();
  arm_wake();
}

bool UringBackend::push(Handle stream) {
  Slot& slot = slots_.at(stream);
  DF_ASSERT(slot.send != nullptr);
  if (slot.send_is_armed) return false;
  const SendOp& op = *slot.send;
  for (int i = 0; i < kPushesMax && !op.pieces.empty(); ++i) {
    const std::ptrdiff_t sent = posix::send_gathered(slot.fd, op.pieces, slot.piece_offset);
    // An error is met again, and reported, when the slot is run.
    if (sent < 0 || !take_sent(slot, static_cast<std::size_t>(sent))) break;
  }
  return op.pieces.empty();
}

void UringBackend::poll(base::Instant deadline) {
  ++counters_.polls;
  if (!ring_.is_enabled()) begin();
  has_called_back_ = false;
  if (!wake_is_armed_) arm_wake();
  if (is_out_of_chunks_ && buffers_.fill()) resume_starved();
  serve_unserved();
  run_runnable();
  if (may_skip_wait(has_called_back_ && ring_.unsubmitted() == 0)) return;
  if (has_called_back_ || !unserved_.empty()) deadline = base::Instant::min();
  ++counters_.waits;
  ring_.submit_and_wait(time_to_wait(deadline));
  read_clocks();
  take_completions();
  if (ring_.take_lost_completions()) make_up_for_lost_completions();
}

bool UringBackend::may_be_passed_over() {
  return wake_is_armed_ && unserved_.empty() && ring_.unsubmitted() == 0 && !has_to_be_polled();
}

int UringBackend::pollable_fd() {
  is_watched_ = true;
  if (!ring_.is_enabled()) {
    begin();
    ring_.submit();  // so that a wake-up makes the descriptor readable from now on
  }
  return ring_.fd();
}

Result<void> UringBackend::watch(Handle handle, Slot&) {
  if (handle.slot > kSlotMax) return posix::error_of(EMFILE, "naming a socket for io_uring");
  return {};
}

void UringBackend::make_room(std::size_t slot_count) {
  for (std::vector<Handle>* list : {&unserved_, &serving_}) base::make_room(*list, list->size() + slot_count);
}

// Submitting.

/// Makes what progress the slot's operations can without the kernel, and hands it the others. Once a callback has
/// started the close, nothing else goes on.
void UringBackend::run(Handle handle, Slot& slot) {
  const auto may_run = [&slot](const Operation* op) { return op != nullptr && slot.close == nullptr; };
  if (may_run(slot.connect) && !slot.connect_is_armed) arm_connect(slot);
  if (may_run(slot.accept) && !slot.accept_is_armed) arm_accept(slot);
  if (may_run(slot.send) && !slot.send_is_armed) run_send(slot);
  if (may_run(slot.recv)) run_recv(slot);
  if (slot.close != nullptr) run_close(handle, slot);
}

void UringBackend::run_send(Slot& slot) {
  if (!slot.send->pieces.empty()) return arm_send(slot);
  has_called_back_ = true;
  finish(slot.send).on_sent({});
}

void UringBackend::run_recv(Slot& slot) {
  if (!slot.recv_is_canceled) return arm_recv(slot);
  if (!slot.recv_is_armed) {
    has_called_back_ = true;
    return finish(slot.recv).on_end({Errc::canceled, "receiving"});
  }
  if (slot.recv_cancel_is_sent) return;
  io_uring_sqe* sqe = prepare(slot);
  if (sqe == nullptr) return;
  io_uring_prep_cancel64(sqe, Tag{slot.handle, Kind::recv}.to_number(), 0);
  sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
  tag(*sqe, slot, Kind::cancel);
  slot.recv_cancel_is_sent = true;
}

void UringBackend::run_close(Handle handle, Slot& slot) {
  if (slot.is_armed()) {
    if (slot.close_cancel_is_sent) return;
    io_uring_sqe* sqe = prepare(slot);
    if (sqe == nullptr) return;
    io_uring_prep_cancel_fd(sqe, slot.fd, IORING_ASYNC_CANCEL_ALL);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    tag(*sqe, slot, Kind::cancel);
    slot.close_cancel_is_sent = true;
    return;
  }
  has_called_back_ = true;
  end_socket(handle, slot, slot.has_ended ? Unread::none : Unread::perhaps);
}

io_uring_sqe* UringBackend::prepare(Slot& slot) {
  io_uring_sqe* sqe = ring_.next();
  if (sqe == nullptr) make_runnable(slot);
  if (ring_.unsubmitted() <= 1) message_count_ = 0;  // all but this one have been read
  return sqe;
}

void UringBackend::tag(io_uring_sqe& sqe, const Slot& slot, Kind kind) {
  io_uring_sqe_set_data64(&sqe, Tag{slot.handle, kind}.to_number());
}

void UringBackend::arm_accept(Slot& slot) {
  io_uring_sqe* sqe = prepare(slot);
  if (sqe == nullptr) return;
  io_uring_prep_multishot_accept(sqe, slot.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  tag(*sqe, slot, Kind::accept);
  slot.accept_is_armed = true;
}

/// A ring with something to receive into: for those that keep nothing their own; or, if somebody kept it after all,
/// that of all. Null when there is nothing.
BufferRing* UringBackend::buffers_for(const RecvOp& op) {
  if (op.keeps_nothing && (vital_buffers_.has_any() || vital_buffers_.fill())) return &vital_buffers_;
  return buffers_.has_any() || buffers_.fill() ? &buffers_ : nullptr;
}

/// The connect is under way already: what is missing is its outcome.
void UringBackend::arm_connect(Slot& slot) {
  io_uring_sqe* sqe = prepare(slot);
  if (sqe == nullptr) return;
  io_uring_prep_poll_add(sqe, slot.fd, POLLOUT);
  tag(*sqe, slot, Kind::connect);
  slot.connect_is_armed = true;
}

void UringBackend::arm_recv(Slot& slot) {
  if (slot.recv_is_armed || slot.is_unserved || (slot.is_starved && !slot.recv->keeps_nothing)) return;
  // A receive that finds no buffer ends at once, though there be nothing to receive.
  const BufferRing* const buffers = buffers_for(*slot.recv);
  if (buffers == nullptr) return starve(slot);
  io_uring_sqe* sqe = prepare(slot);
  if (sqe == nullptr) return;
  if (slot.recv->takes_little) {
    io_uring_prep_recv(sqe, slot.fd, nullptr, RecvOp::kLittle, 0);
  } else {
    io_uring_prep_recv_multishot(sqe, slot.fd, nullptr, 0, 0);
  }
  sqe->flags |= IOSQE_BUFFER_SELECT;
  sqe->buf_group = buffers->group();
  tag(*sqe, slot, Kind::recv);
  slot.recv_is_armed = true;
  slot.recv_cancel_is_sent = false;
}

void UringBackend::arm_send(Slot& slot) {
  io_uring_sqe* sqe = prepare(slot);
  if (sqe == nullptr) return;
  const std::span<const Piece> pieces = slot.send->pieces;
  // Without memory to gather pieces in they are sent one by one.
  posix::GatheredMessage* const message = pieces.size() == 1 ? nullptr : next_message();
  if (message == nullptr) {
    const Piece rest = pieces.front().substr(slot.piece_offset);
    io_uring_prep_send(sqe, slot.fd, rest.data(), rest.size(), MSG_NOSIGNAL);
  } else {
    io_uring_prep_sendmsg(sqe, slot.fd, &message->gather(pieces, slot.piece_offset), MSG_NOSIGNAL);
  }
  if (slot.is_full) sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
  tag(*sqe, slot, Kind::send);
  slot.send_is_armed = true;
}

/// Never read: each write to the eventfd completes the poll once more, as with an edge-triggered epoll.
void UringBackend::arm_wake() {
  io_uring_sqe* sqe = ring_.next();
  if (sqe == nullptr) return;
  io_uring_prep_poll_multishot(sqe, event_.fd(), POLLIN);
  io_uring_sqe_set_data64(sqe, Tag{{}, Kind::wake}.to_number());
  wake_is_armed_ = true;
}

/// Stays as it is until it has been submitted; there are at most as many as the submission queue holds. Null without
/// memory.
posix::GatheredMessage* UringBackend::next_message() {
  try {
    if (message_count_ == messages_.size()) messages_.emplace_back();
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
  return &messages_[message_count_++];
}

/// Those that found no buffer go before whatever else wants to receive, as many of each ring as it has buffers: more
/// would be refused again, all of them in each poll.
void UringBackend::serve_unserved() {
  std::size_t left = std::max(1U, buffers_.count());
  std::size_t vital_left = vital_buffers_.count();
  std::erase_if(unserved_, [&](Handle handle) {  // nothing is called back here, so that no slot is opened
    Slot* slot = slots_.find(handle);
    if (slot == nullptr) return true;
    const bool is_vital = slot->recv != nullptr && slot->recv->keeps_nothing && vital_left > 0;
    std::size_t& left_of_ring = is_vital ? vital_left : left;
    if (left_of_ring == 0) return false;
    --left_of_ring;
    slot->is_unserved = slot->has_received = false;
    if (wants_to_receive(*slot)) arm_recv(*slot);
    return true;
  });
}

}  // namespace distflow::io
