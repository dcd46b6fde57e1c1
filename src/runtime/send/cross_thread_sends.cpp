#include "runtime/send/cross_thread_sends.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "base/assert.hpp"

namespace distflow::runtime {
namespace {

// A run that had something new in so many looks in a row is one of a thread that sends on and on. It is let go after so
// many looks in vain: to announce it again costs its thread as much as some ten messages, and a wake-up more than that.
constexpr std::uint8_t kSteadyLooks = 2;
constexpr std::uint8_t kVainLooksMax = 16;

}  // namespace

void FrameBatch::clear() {
  target.reset();
  credit.reset();
  chunk.reset();
  parked.reset();
}

ThreadLane::ThreadLane(CrossThreadSends& cross_thread_sends, base::ChunkPool& pool)
    : out(pool, transport::FirstChunk::small),
      cross_thread_sends_(cross_thread_sends),
      producer_(cross_thread_sends.announced_) {}

void ThreadLane::prepare() {
  if (open_ != nullptr && open_->extent_.is_released()) {
    put_spare(*std::exchange(open_, nullptr));
  }
}

ThreadLane::Added ThreadLane::add(const std::shared_ptr<TargetState>& target, std::uint64_t version,
                                  const std::shared_ptr<SendCredit>& credit, const transport::EncodedFrame& frame,
                                  HeldCredit* held) {
  const std::size_t size = frame.bytes.size();
  if (!has_room(size)) return Added::full;
  // A thread that has waited for its credit begins a run with it. In a run that the loop lets go of, the credit would
  // go back with the run, to the thread that waits next.
  const bool has_waited = held != nullptr && *held;
  if (!has_waited && goes_on(target, version, frame)) {
    if (size > unspent_.bytes || unspent_.messages == 0) {
      const SendCredit::Amount more = take_credit(*credit, size, held);
      if (more.bytes + more.messages == 0) return Added::no_credit;
      open_->extent_.add_credit(SendCredit::word_of(more));
      open_credit_ += SendCredit::word_of(more);
      unspent_ = {unspent_.bytes + more.bytes, unspent_.messages + more.messages};
    }
    if (extend(size)) return Added::held;
  }
  seal();
  const SendCredit::Amount taken = take_credit(*credit, size, held);
  if (taken.messages == 0) return Added::no_credit;
  FrameBatch* const run = take_spare();
  Added added = Added::out_of_memory;
  if (run != nullptr) {
    run->target = target;
    run->version = version;
    run->credit = credit;  // the target's of that version
    run->chunk = base::ChunkRef::share(*frame.chunk);
    run->begin_ = frame.bytes.data();
    added = announce(*run, false, size, taken);
  }
  if (!is_in(added)) {
    credit->give_back(taken);
    return added;
  }
  open_ = run;
  open_end_ = frame.bytes.data() + size;
  open_credit_ = SendCredit::word_of(taken);
  unspent_ = {taken.bytes - size, taken.messages - 1};
  return added;
}

ThreadLane::Added ThreadLane::add_parked(const std::shared_ptr<TargetState>& target, ParkedMessage message) {
  const std::size_t size = message.size();
  if (!has_room(size)) return Added::full;
  seal();
  std::unique_ptr<ParkedMessage> parked(new (std::nothrow) ParkedMessage(std::move(message)));
  FrameBatch* const run = parked != nullptr ? take_spare() : nullptr;
  if (run == nullptr) return Added::out_of_memory;
  run->target = target;
  run->parked = std::move(parked);
  return announce(*run, true, size, {});
}

/// Whether the lane's bounds allow one more message.
bool ThreadLane::has_room(std::size_t bytes) {
  if (has_room_by_last_look(bytes)) return true;
  taken_seen_ = taken_.load(std::memory_order_relaxed);
  taken_bytes_seen_ = taken_bytes_.load(std::memory_order_relaxed);
  return has_room_by_last_look(bytes);
}

/// By what the loop had taken then. To look costs a transfer of what the loop writes each turn.
bool ThreadLane::has_room_by_last_look(std::size_t bytes) const {
  const std::uint64_t waiting = added_ - taken_seen_;
  return waiting < CrossThreadSends::kMessagesMax &&
         (waiting == 0 || added_bytes_ - taken_bytes_seen_ + bytes <= cross_thread_sends_.bytes_max_);
}

/// Whether the frame follows those of the open run.
bool ThreadLane::goes_on(const std::shared_ptr<TargetState>& target, std::uint64_t version,
                         const transport::EncodedFrame& frame) const {
  if (open_ == nullptr || open_end_ != frame.bytes.data() || open_->chunk.get() != frame.chunk) return false;
  return open_->target == target && open_->version == version;
}

/// Puts a frame, whose credit is there, into the open run, if the loop holds that still.
bool ThreadLane::extend(std::size_t bytes) {
  if (!open_->extent_.extend(bytes)) {
    put_spare(*std::exchange(open_, nullptr));
    return false;
  }
  open_end_ += bytes;
  unspent_ = {unspent_.bytes - bytes, unspent_.messages - 1};
  note_added(bytes);
  return true;
}

/// What one more frame of so many bytes lacks, and some in advance; nothing when there is no room.
SendCredit::Amount ThreadLane::take_credit(SendCredit& credit, std::size_t bytes, HeldCredit* held) {
  const SendCredit::Amount one{bytes, 1};
  if (held != nullptr && held->spend(credit, one)) return one;
  const SendCredit::Amount lacking{bytes - std::min<std::uint64_t>(bytes, unspent_.bytes),
                                   unspent_.messages > 0 ? 0U : 1U};
  return credit.advance(lacking, {kAdvance.bytes - std::min(kAdvance.bytes, unspent_.bytes),
                                  kAdvance.messages - std::min(kAdvance.messages, unspent_.messages)});
}

/// No frame follows in the open run.
void ThreadLane::seal() {
  const SendCredit::Amount unspent = std::exchange(unspent_, {});
  if (open_ == nullptr) return;
  if (unspent.bytes + unspent.messages > 0 &&
      open_->extent_.cut_credit(open_credit_, open_credit_ - SendCredit::word_of(unspent))) {
    open_->credit->give_back(unspent);
  }
  FrameBatch& run = *std::exchange(open_, nullptr);
  if (!run.extent_.seal()) put_spare(run);
}

/// A run to fill; null without memory.
FrameBatch* ThreadLane::take_spare() {
  if (spare_ == nullptr) spare_ = returned_.exchange(nullptr, std::memory_order_acquire);
  if (spare_ != nullptr) return std::exchange(spare_, spare_->next_);
  try {
    all_.push_back(std::make_unique<FrameBatch>());
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
  all_.back()->lane_ = this;
  return all_.back().get();
}

void ThreadLane::put_spare(FrameBatch& run) {
  unspent_ = {};
  if (const std::uint64_t late = run.extent_.take_credit(); late != 0) {
    run.credit->give_back(SendCredit::amount_of(late));
  }
  run.clear();
  run.next_ = std::exchange(spare_, &run);
}

ThreadLane::Added ThreadLane::announce(FrameBatch& run, bool is_sealed, std::size_t bytes, SendCredit::Amount credit) {
  run.taken_bytes_ = 0;
  run.taken_frames_ = 0;
  run.looks_with_news_ = run.vain_looks_ = 0;
  run.extent_.open(bytes, is_sealed, SendCredit::word_of(credit));  // the queue passes it on
  if (const base::Pushed pushed = cross_thread_sends_.announced_.push(producer_, &run); !pushed) {
    run.extent_.take_credit();  // the caller's
    put_spare(run);
    return pushed.lacks_memory() ? Added::out_of_memory : Added::full;
  }
  std::atomic_thread_fence(std::memory_order_seq_cst);  // as in extend()
  note_added(bytes);
  return Added::announced;
}

void ThreadLane::note_added(std::size_t bytes) {
  ++added_;
  added_bytes_ += bytes;
}

void ThreadLane::give_back(FrameBatch& run) {
  run.clear();
  run.next_ = returned_.load(std::memory_order_relaxed);
  while (!returned_.compare_exchange_weak(run.next_, &run, std::memory_order_release, std::memory_order_relaxed)) {
  }
}

void ThreadLane::note_taken(std::uint64_t frames, std::uint64_t bytes) {
  taken_.store(taken_.load(std::memory_order_relaxed) + frames, std::memory_order_relaxed);
  taken_bytes_.store(taken_bytes_.load(std::memory_order_relaxed) + bytes, std::memory_order_relaxed);
}

/// Binds a thread to its lane.
struct CrossThreadSends::LaneOfThread {
  LaneOfThread() = default;
  LaneOfThread(const LaneOfThread&) = delete;
  LaneOfThread& operator=(const LaneOfThread&) = delete;
  ~LaneOfThread() { leave(); }

  void leave() {
    if (lane != nullptr) cross_thread_sends->return_lane(*lane);
    lane = nullptr;
    cross_thread_sends.reset();
  }

  std::shared_ptr<CrossThreadSends> cross_thread_sends;
  ThreadLane* lane = nullptr;
};

ThreadLane* CrossThreadSends::lane_of_this_thread(const std::shared_ptr<CrossThreadSends>& cross_thread_sends) {
  thread_local LaneOfThread here;
  if (here.lane == nullptr || here.cross_thread_sends != cross_thread_sends) {
    here.leave();
    here.cross_thread_sends = cross_thread_sends;
    if (cross_thread_sends != nullptr) here.lane = cross_thread_sends->borrow_lane();
  }
  return here.lane;
}

ThreadLane* CrossThreadSends::borrow_lane() {
  const std::scoped_lock lock(mutex_);
  collect_returned();
  if (!idle_.empty()) {
    ThreadLane* const lane = idle_.back();
    idle_.pop_back();
    return lane;
  }
  try {
    idle_.reserve(lanes_.size() + 1);  // so that its return cannot fail
    lanes_.push_back(std::make_unique<ThreadLane>(*this, *pool_));
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
  return lanes_.back().get();
}

std::size_t CrossThreadSends::lane_count() {
  const std::scoped_lock lock(mutex_);
  return lanes_.size();
}

/// At a thread's end, or when it sends through another node. Waits for no lock.
void CrossThreadSends::return_lane(ThreadLane& lane) {
  // A fork's child has a copy of the lane; what it pins is gone with the process, and locks on the way there may be
  // held by threads that are not.
  if (fork_guard_.is_forked()) return;
  // What writes a message there, on this thread, has come to send through another node: it goes on writing, and the
  // lane stays its own until this object goes.
  if (lane.out.is_open()) return;
  // Announcements of different threads may overtake each other: what the next thread adds must not go into this one's.
  lane.seal();
  lane.out.give_memory_back();
  lane.next_returned_ = returned_.load(std::memory_order_relaxed);
  // release: the next thread has the lane as this one left it.
  while (!returned_.compare_exchange_weak(lane.next_returned_, &lane, std::memory_order_release,
                                          std::memory_order_relaxed)) {
  }
}

/// Takes the lanes of ended threads into idle_, which has room for all. Under the lock.
void CrossThreadSends::collect_returned() {
  for (ThreadLane* lane = returned_.exchange(nullptr, std::memory_order_acquire); lane != nullptr;) {
    idle_.push_back(lane);
    lane = lane->next_returned_;
  }
}

void CrossThreadSends::hold_announced() {
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

/// A thread that fills its run on and on leaves the others their turn. Messages of one thread stay in their order: of
/// its runs only the last can grow, and what was announced later stays behind all of these.
void CrossThreadSends::begin_next_with(std::size_t place) {
  std::rotate(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(place), held_.end());
}

/// What was added to the run since it was last asked; what was, counts as taken.
transport::EncodedRun CrossThreadSends::news_of(FrameBatch& run) {
  const auto extent = run.extent_.look();
  const std::uint32_t count = extent.frames - run.taken_frames_;
  const std::size_t size = extent.bytes - run.taken_bytes_;
  if (count == 0) return {};
  if (run.looks_with_news_ < kSteadyLooks) ++run.looks_with_news_;
  run.vain_looks_ = 0;
  transport::EncodedRun news{.chunk = run.chunk.get(), .bytes = {}, .count = count};
  if (run.parked == nullptr) news.bytes = {run.begin_ + run.taken_bytes_, size};
  run.taken_frames_ += count;
  run.taken_bytes_ += size;
  run.lane_->note_taken(count, size);
  return news;
}

/// Whether a run in which nothing is new is looked at again.
bool CrossThreadSends::waits_for_more(FrameBatch& run) {
  return run.looks_with_news_ == kSteadyLooks && run.vain_looks_++ < kVainLooksMax;
}

/// Gives up a run in which nothing is new; false when something has been added meanwhile.
bool CrossThreadSends::let_go(FrameBatch& run) {
  // Of these the run has nothing any more once it is let go.
  const std::shared_ptr<SendCredit> credit = run.credit;
  const std::uint64_t spent = SendCredit::word_of({run.taken_bytes_, run.taken_frames_});
  std::uint64_t taken = 0;
  const LetGo outcome = run.extent_.let_go(run.taken_frames_, taken);
  if (outcome == LetGo::kept) return false;
  if (taken > spent) credit->give_back(SendCredit::amount_of(taken - spent));
  if (outcome == LetGo::sealed) run.lane_->give_back(run);
  return true;
}

}  // namespace distflow::runtime
