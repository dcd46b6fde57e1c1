#include "runtime/outbox.hpp"

#include <new>
#include <utility>

#include "base/assert.hpp"

namespace distflow::runtime {
namespace {

// The word of a run's extent: bytes in 40 bits, frames in 22, then the flags.
constexpr std::uint64_t kOneFrame = std::uint64_t{1} << 40;
constexpr std::uint64_t kSealed = std::uint64_t{1} << 62;  // set by the lane: no frame follows
constexpr std::uint64_t kReleased = std::uint64_t{1}
                                    << 63;  // set by the loop, which has done with it: it is the lane's
constexpr std::uint32_t kFramesMax = (std::uint32_t{1} << 22) - 1;

std::uint64_t bytes_of(std::uint64_t extent) { return extent & (kOneFrame - 1); }
std::uint32_t frames_of(std::uint64_t extent) { return static_cast<std::uint32_t>(extent >> 40) & kFramesMax; }

}  // namespace

void OutboxRun::clear() {
  target.reset();
  chunk.reset();
  parked.reset();
}

void OutboxLane::prepare() {
  if (open_ != nullptr && (open_->extent_.load(std::memory_order_acquire) & kReleased) != 0) {
    put_spare(*std::exchange(open_, nullptr));
  }
}

OutboxLane::Added OutboxLane::add(const std::shared_ptr<TargetState>& target, std::uint64_t version,
                                  const transport::EncodedFrame& frame) {
  if (!has_room(frame.bytes.size())) return Added::full;
  if (extend(target, version, frame)) {
    open_end_ += frame.bytes.size();
    note_added(frame.bytes.size());
    return Added::held;
  }
  seal();
  OutboxRun* const run = take_spare();
  if (run == nullptr) return Added::full;
  run->target = target;
  run->version = version;
  run->chunk = base::ChunkRef::share(*frame.chunk);
  run->begin_ = frame.bytes.data();
  const Added added = announce(*run, 0, frame.bytes.size());
  if (added == Added::full) return added;
  open_ = run;
  open_end_ = frame.bytes.data() + frame.bytes.size();
  return added;
}

OutboxLane::Added OutboxLane::add_parked(const std::shared_ptr<TargetState>& target, ParkedMessage message) {
  const std::size_t size = message.payload.size();
  if (!has_room(size)) return Added::full;
  seal();
  std::unique_ptr<ParkedMessage> parked(new (std::nothrow) ParkedMessage(std::move(message)));
  OutboxRun* const run = parked != nullptr ? take_spare() : nullptr;
  if (run == nullptr) return Added::full;
  run->target = target;
  run->parked = std::move(parked);
  return announce(*run, kSealed, size);
}

/// Whether the lane's bounds allow one more message.
bool OutboxLane::has_room(std::size_t bytes) {
  const std::uint64_t waiting = added_ - taken_.load(std::memory_order_relaxed);
  const std::uint64_t waiting_bytes = added_bytes_ - taken_bytes_.load(std::memory_order_relaxed);
  return waiting < Outbox::kMessagesMax && (waiting == 0 || waiting_bytes + bytes <= outbox_.bytes_max_);
}

/// Puts the frame into the open run, if it goes on there and the loop holds the run still.
bool OutboxLane::extend(const std::shared_ptr<TargetState>& target, std::uint64_t version,
                        const transport::EncodedFrame& frame) {
  if (open_ == nullptr || open_end_ != frame.bytes.data() || open_->chunk.get() != frame.chunk) return false;
  if (open_->target != target || open_->version != version) return false;
  // release: with it the loop sees the frame's bytes. acquire: what the loop let go of is this thread's to write.
  // seq_cst: what is added after the loop's last look is found by whoever looks whether the loop has ended (NodeHost).
  const std::uint64_t before = open_->extent_.fetch_add(kOneFrame + frame.bytes.size(), std::memory_order_seq_cst);
  DF_ASSERT(frames_of(before) < kFramesMax);
  if ((before & kReleased) == 0) return true;
  put_spare(*std::exchange(open_, nullptr));
  return false;
}

/// No frame follows in the open run.
void OutboxLane::seal() {
  if (open_ == nullptr) return;
  OutboxRun& run = *std::exchange(open_, nullptr);
  if ((run.extent_.fetch_or(kSealed, std::memory_order_acq_rel) & kReleased) != 0) put_spare(run);
}

/// A run to fill; null without memory.
OutboxRun* OutboxLane::take_spare() {
  if (spare_ == nullptr) spare_ = returned_.exchange(nullptr, std::memory_order_acquire);
  if (spare_ != nullptr) return std::exchange(spare_, spare_->next_);
  try {
    all_.push_back(std::make_unique<OutboxRun>());
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
  all_.back()->lane_ = this;
  return all_.back().get();
}

void OutboxLane::put_spare(OutboxRun& run) {
  run.clear();
  run.next_ = std::exchange(spare_, &run);
}

OutboxLane::Added OutboxLane::announce(OutboxRun& run, std::uint64_t flags, std::size_t bytes) {
  run.taken_bytes_ = 0;
  run.taken_frames_ = 0;
  run.extent_.store(kOneFrame + bytes + flags, std::memory_order_relaxed);  // the queue passes it on
  if (!outbox_.announced_.push(&run)) {
    put_spare(run);
    return Added::full;
  }
  std::atomic_thread_fence(std::memory_order_seq_cst);  // as in extend()
  note_added(bytes);
  return Added::announced;
}

void OutboxLane::note_added(std::size_t bytes) {
  ++added_;
  added_bytes_ += bytes;
}

void OutboxLane::give_back(OutboxRun& run) {
  run.clear();
  run.next_ = returned_.load(std::memory_order_relaxed);
  while (!returned_.compare_exchange_weak(run.next_, &run, std::memory_order_release, std::memory_order_relaxed)) {
  }
}

void OutboxLane::note_taken(std::uint64_t frames, std::uint64_t bytes) {
  taken_.store(taken_.load(std::memory_order_relaxed) + frames, std::memory_order_relaxed);
  taken_bytes_.store(taken_bytes_.load(std::memory_order_relaxed) + bytes, std::memory_order_relaxed);
}

/// Binds a thread to its lane.
struct Outbox::ThreadLane {
  ThreadLane() = default;
  ThreadLane(const ThreadLane&) = delete;
  ThreadLane& operator=(const ThreadLane&) = delete;
  ~ThreadLane() { leave(); }

  void leave() {
    if (lane != nullptr) outbox->return_lane(*lane);
    lane = nullptr;
    outbox.reset();
  }

  std::shared_ptr<Outbox> outbox;
  OutboxLane* lane = nullptr;
};

OutboxLane* Outbox::lane_of_this_thread(const std::shared_ptr<Outbox>& outbox) {
  thread_local ThreadLane here;
  if (here.lane == nullptr || here.outbox != outbox) {
    here.leave();
    here.outbox = outbox;
    here.lane = outbox->borrow_lane();
  }
  return here.lane;
}

OutboxLane* Outbox::borrow_lane() {
  const std::scoped_lock lock(mutex_);
  if (!idle_.empty()) {
    OutboxLane* const lane = idle_.back();
    idle_.pop_back();
    return lane;
  }
  try {
    idle_.reserve(lanes_.size() + 1);  // so that its return cannot fail
    lanes_.push_back(std::make_unique<OutboxLane>(*this, *pool_));
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
  return lanes_.back().get();
}

void Outbox::return_lane(OutboxLane& lane) {
  // Announcements of different threads may overtake each other: what the next thread adds must not go into this one's.
  lane.seal();
  // Only tried: in a fork's child the lock may be held by a thread that is not there.
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (lock) idle_.push_back(&lane);
}

void Outbox::hold_announced() {
  for (std::size_t count = announced_.size(); count > 0; --count) {
    try {
      held_.push_back(nullptr);
    } catch (const std::bad_alloc&) {
      return;  // they stay announced
    }
    if (!announced_.pop(held_.back())) {
      held_.pop_back();
      return;
    }
  }
}

/// What was added to the run since it was last asked; what was, counts as taken.
transport::EncodedRun Outbox::news_of(OutboxRun& run) {
  const std::uint64_t extent = run.extent_.load(std::memory_order_acquire);
  const std::uint32_t count = frames_of(extent) - run.taken_frames_;
  const std::size_t size = bytes_of(extent) - run.taken_bytes_;
  if (count == 0) return {};
  transport::EncodedRun news{.chunk = run.chunk.get(), .bytes = {}, .count = count};
  if (run.parked == nullptr) news.bytes = {run.begin_ + run.taken_bytes_, size};
  run.taken_frames_ += count;
  run.taken_bytes_ += size;
  run.lane_->note_taken(count, size);
  return news;
}

/// Gives up a run in which nothing is new; false when something has been added meanwhile.
bool Outbox::let_go(OutboxRun& run) {
  std::uint64_t extent = run.extent_.load(std::memory_order_acquire);
  if (frames_of(extent) != run.taken_frames_) return false;
  if ((extent & kSealed) != 0) {
    run.lane_->give_back(run);
    return true;
  }
  // release: the loop has done with the run. If a frame or the seal has come, it is looked at once more.
  return run.extent_.compare_exchange_strong(extent, extent | kReleased, std::memory_order_acq_rel,
                                             std::memory_order_relaxed);
}

}  // namespace distflow::runtime
