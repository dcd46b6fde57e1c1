// UringBackend: taking what the kernel has completed.
#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "io/posix/owned_descriptors.hpp"
#include "io/uring/uring_backend.hpp"

namespace distflow::io {
namespace {

bool has_more(const io_uring_cqe& cqe) { return (cqe.flags & IORING_CQE_F_MORE) != 0; }
bool has_buffer(const io_uring_cqe& cqe) { return (cqe.flags & IORING_CQE_F_BUFFER) != 0; }
std::uint16_t buffer_of(const io_uring_cqe& cqe) {
  return static_cast<std::uint16_t>(cqe.flags >> IORING_CQE_BUFFER_SHIFT);
}
std::size_t size_of(const io_uring_cqe& cqe) { return static_cast<std::size_t>(cqe.res); }

/// Whether the operation was given back without an outcome, to be tried again.
bool is_passing(int outcome) { return outcome == -EINTR || outcome == -EAGAIN || outcome == -ECANCELED; }

}  // namespace

void UringBackend::take_completions() {
  std::array<io_uring_cqe*, kCompletionsPerPoll> storage;
  const std::span<io_uring_cqe* const> cqes = ring_.completions(storage);
  for (std::size_t i = 0; i < cqes.size();) i += take_event(cqes.subspan(i));
  ring_.advance(cqes.size());
  refill();
}

std::size_t UringBackend::take_event(std::span<io_uring_cqe* const> cqes) {
  const io_uring_cqe& cqe = *cqes.front();
  const Tag tag = Tag::of(cqe.user_data);
  if (tag.kind == Kind::wake) {
    on_wake(cqe);
    return 1;
  }
  if (tag.kind == Kind::cancel)
    return 1;  // there was nothing left to cancel: the other completion has been, or will be
  Slot* slot = slots_.find(tag.handle);
  if (slot == nullptr) {
    ++counters_.stale_events;
    if (has_buffer(cqe)) buffers_of(buffer_of(cqe)).take(buffer_of(cqe), 0);
    return 1;
  }
  std::size_t count = 1;
  switch (tag.kind) {
    case Kind::accept: on_accept(*slot, cqe); break;
    case Kind::connect: on_connect(*slot, cqe); break;
    case Kind::send: on_send(*slot, cqe); break;
    default: count = on_recv(*slot, cqes); break;
  }
  if (slot->close != nullptr) make_runnable(*slot);
  return count;
}

std::size_t UringBackend::on_recv(Slot& slot, std::span<io_uring_cqe* const> cqes) {
  std::size_t count = 1;
  if (cqes.front()->res > 0) {
    count = hand_up(slot, cqes);
  } else if (has_buffer(*cqes.front())) {
    buffers_of(buffer_of(*cqes.front())).take(buffer_of(*cqes.front()), 0);
  }
  const io_uring_cqe& last = *cqes[count - 1];
  if (has_more(last)) return count;
  slot.recv_is_armed = false;
  if (slot.close == nullptr) on_recv_ended(slot, last.res);
  return count;
}

/// Hands the bytes of the first completion up, together with those of the next ones that follow on in the same chunk.
std::size_t UringBackend::hand_up(Slot& slot, std::span<io_uring_cqe* const> cqes) {
  const io_uring_cqe* cqe = cqes.front();
  BufferRing& buffers = buffers_of(buffer_of(*cqe));
  const Received first = buffers.take(buffer_of(*cqe), size_of(*cqe));
  std::size_t size = first.bytes.size();
  std::size_t count = 1;
  for (; count < cqes.size() && has_more(*cqe); ++count) {
    const io_uring_cqe* next = cqes[count];
    if (next->user_data != cqe->user_data || next->res <= 0) break;
    if (!buffers.is_continued(buffer_of(*cqe), size_of(*cqe), buffer_of(*next))) break;
    size += buffers.take(buffer_of(*next), size_of(*next)).bytes.size();
    cqe = next;
  }
  slot.has_received = true;
  if (slot.close != nullptr) return count;
  ++counters_.recvs;
  counters_.received_bytes += size;
  note_received(slot);
  slot.recv->on_recv({first.chunk, {first.bytes.data(), size}});
  return count;
}

void UringBackend::on_recv_ended(Slot& slot, int outcome) {
  if (outcome == 0) {
    slot.has_ended = true;
    return finish(slot.recv).on_end({Errc::end_of_stream, "receiving"});
  }
  if (outcome < 0 && outcome != -ENOBUFS && !is_passing(outcome)) {
    return finish(slot.recv).on_end(posix::error_of(-outcome, "receiving"));
  }
  if (slot.recv_is_canceled) return finish(slot.recv).on_end({Errc::canceled, "receiving"});
  if (outcome == -ENOBUFS) {
    ++counters_.buffers_missing;
    if (!std::exchange(slot.is_unserved, true)) unserved_.push_back(slot.handle);
  } else {
    make_runnable(slot);
  }
}

void UringBackend::on_accept(Slot& slot, const io_uring_cqe& cqe) {
  if (!has_more(cqe)) slot.accept_is_armed = false;
  if (cqe.res >= 0) {
    posix::open_owned([&cqe] { return cqe.res; });
    if (slot.close != nullptr) {
      posix::close_fd(cqe.res);
    } else if (const Result<Handle> stream = adopt(cqe.res)) {
      ++counters_.accepts;
      const Address peer = posix::peer_address(cqe.res);
      note_accepted(slots_.at(*stream), peer);
      slot.accept->on_accept(*stream, peer);
    }
  } else if (!is_passing(cqe.res) && cqe.res != -ECONNABORTED && slot.close == nullptr) {
    return finish(slot.accept).on_end(posix::error_of(-cqe.res, "accepting a connection"));
  }
  if (!slot.accept_is_armed) make_runnable(slot);
}

void UringBackend::on_connect(Slot& slot, const io_uring_cqe& cqe) {
  slot.connect_is_armed = false;
  if (slot.close != nullptr) return;
  if (is_passing(cqe.res)) return make_runnable(slot);
  const Result<void> outcome =
      cqe.res < 0 ? Result<void>(posix::error_of(-cqe.res, "connecting")) : posix::connect_outcome(slot.fd);
  finish(slot.connect).on_connect(outcome);
}

void UringBackend::on_send(Slot& slot, const io_uring_cqe& cqe) {
  slot.send_is_armed = slot.is_full = false;
  if (cqe.res >= 0) {
    slot.is_full = !take_sent(slot, size_of(cqe));
    if (slot.send->pieces.empty()) return finish(slot.send).on_sent({});
  } else if (!is_passing(cqe.res)) {
    return finish(slot.send).on_sent(posix::error_of(-cqe.res, "sending"));
  }
  make_runnable(slot);
}

void UringBackend::on_wake(const io_uring_cqe& cqe) {
  ++counters_.wakes;
  if (!has_more(cqe)) wake_is_armed_ = false;
  if (is_out_of_chunks_ && buffers_.fill()) resume_starved();
}

void UringBackend::make_up_for_lost_completions() {
  ++counters_.completions_lost;
  constexpr int entries = 16;  // each takes what the one before has ended
  for (int i = 0; i < entries; ++i) {
    if (io_uring_sqe* sqe = i == 0 ? ring_.next() : nullptr) {
      io_uring_prep_cancel64(sqe, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
      io_uring_sqe_set_data64(sqe, Tag{{}, Kind::cancel}.to_number());
    }
    ring_.submit_and_wait(base::Duration::zero());
    take_completions();
  }
  wake_is_armed_ = false;
  slots_.for_each([this](Slot& slot) { end_without_completion(slot); });
}

void UringBackend::end_without_completion(Slot& slot) {
  io_uring_cqe failed{};
  failed.res = -ENOMEM;
  if (std::exchange(slot.recv_is_armed, false) && slot.close == nullptr) on_recv_ended(slot, failed.res);
  if (slot.send_is_armed) on_send(slot, failed);
  if (slot.connect_is_armed) on_connect(slot, failed);
  slot.accept_is_armed = false;
  if (slot.accept != nullptr || slot.close != nullptr) make_runnable(slot);
}

/// Gives the kernel memory again, and looks after those who found none.
void UringBackend::refill() {
  if (vital_buffers_.has_used()) vital_buffers_.fill();
  if (!buffers_.has_used() && unserved_.empty()) return;
  const bool has_buffers = buffers_.fill();
  std::erase_if(unserved_, [this](Handle handle) {
    Slot* const slot = slots_.find(handle);
    if (slot == nullptr || wants_to_receive(*slot)) return slot == nullptr;
    slot->is_unserved = false;
    return true;
  });
  std::stable_partition(unserved_.begin(), unserved_.end(), [this](Handle handle) {
    const Slot* slot = slots_.find(handle);
    return slot != nullptr && !slot->has_received;
  });
  if (!has_buffers) {
    serving_.swap(unserved_);
    for (const Handle handle : serving_) {
      Slot* slot = slots_.find(handle);
      if (slot == nullptr) continue;
      slot->is_unserved = false;
      // Those that keep nothing find memory of their own.
      slot->recv != nullptr && slot->recv->keeps_nothing ? make_runnable(*slot) : starve(*slot);
    }
    serving_.clear();
  } else if (is_watched_ && !unserved_.empty()) {
    wake();
  }
}

}  // namespace distflow::io
