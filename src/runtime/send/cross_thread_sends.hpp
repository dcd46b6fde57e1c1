// CrossThreadSends: the messages of other threads, on their way to the loop's thread, in runs.
//
//     a thread ──▶ its lane: encodes ──▶ a run: frames to one target, side by side ──▶ the loop takes what is new
//
// A run is announced once, through a queue. While the loop holds it, one more frame costs its thread an atomic
// addition, and the loop takes all that are new at once. When it finds none it lets go of the run, and the next frame
// announces the run again.
//
// ThreadLane: the thread that has it. drain(): the loop's thread. All else: any thread.
//   1. What one thread adds is taken in the order in which it was added.
//   2. drain() returns false only when it holds no run: whatever is added from then on is announced.
//   3. What is added has credit: of its run, which passes it on to the loop; or, if it is parked, its place there. A
//      run has some in advance, so that few messages need what all threads change; it goes back when the loop lets go.
//   4. At most kMessagesMax messages and `bytes_max` bytes of one thread wait here.
//   5. A lane and its runs belong to the cross-thread sends; when a thread ends, one to come has its lane, and none of
//      its runs. So there are never more lanes than threads that had one at the same time. One that is left while a
//      frame is written there is no other thread's any more.
//   6. A thread that sends little has a small chunk of its own; one that sends much has one of the pool. It gives it
//      back when it ends.
// Use: ThreadLane* lane = CrossThreadSends::lane_of_this_thread(cross_thread_sends); if (lane->add(...) ==
// Added::announced) notify();
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/chunk_pool.hpp"
#include "base/fork_guard.hpp"
#include "base/submission_queue.hpp"
#include "runtime/send/frame_writer.hpp"
#include "runtime/send/run_extent.hpp"
#include "runtime/send/target_table.hpp"
#include "transport/out_buffer.hpp"

namespace distflow::runtime {

class CrossThreadSends;
class ThreadLane;

/// Frames to one target that lie side by side, or one message that has no envelope yet.
class FrameBatch {
 public:
  std::shared_ptr<TargetState> target;
  std::uint64_t version = 0;           ///< of the target, when the frames were encoded
  std::shared_ptr<SendCredit> credit;  ///< that the frames are against
  base::ChunkRef chunk;
  std::unique_ptr<ParkedMessage> parked;

 private:
  friend class CrossThreadSends;
  friend class ThreadLane;

  void clear();

  // Whose it is: the lane's while it is spare or released, the loop's once it is announced. Until the loop lets go, the
  // lane may only add to `extent_`.
  ThreadLane* lane_ = nullptr;
  FrameBatch* next_ = nullptr;  // in a list of spare runs
  const char* begin_ = nullptr;
  std::size_t taken_bytes_ = 0;
  std::uint32_t taken_frames_ = 0;
  std::uint8_t looks_with_news_ = 0;  // in a row, up to kSteadyLooks
  std::uint8_t vain_looks_ = 0;       // in a row
  alignas(64) RunExtent<> extent_;
};

/// One thread's way into the cross-thread sends.
class ThreadLane {
 public:
  enum class Added {
    held,       ///< in a run that the loop holds
    announced,  ///< the loop has to be woken if it sleeps
    full,       ///< the lane's bound, or that of all lanes
    no_credit,  ///< no room at the peer
    out_of_memory,
  };
  /// Whether it was added.
  static bool is_in(Added added) { return added == Added::held || added == Added::announced; }

  /// May throw std::bad_alloc.
  ThreadLane(CrossThreadSends& cross_thread_sends, base::ChunkPool& pool);
  ThreadLane(const ThreadLane&) = delete;
  ThreadLane& operator=(const ThreadLane&) = delete;

  /// To be called before a frame is encoded: gives memory back that the loop is done with.
  void prepare();
  /// Takes the credit, if it is not there in advance or `held`.
  Added add(const std::shared_ptr<TargetState>& target, std::uint64_t version,
            const std::shared_ptr<SendCredit>& credit, const transport::EncodedFrame& frame,
            HeldCredit* held = nullptr);
  /// Whether the credit for such a frame is there in advance.
  [[nodiscard]] bool covers(const std::shared_ptr<TargetState>& target, std::uint64_t version,
                            std::size_t bytes) const {
    return open_ != nullptr && open_->target == target && open_->version == version && bytes <= unspent_.bytes &&
           unspent_.messages > 0;
  }
  Added add_parked(const std::shared_ptr<TargetState>& target, ParkedMessage message);

  transport::OutBuffer out;
  EnvelopeSuffix suffix;

 private:
  friend class CrossThreadSends;

  bool has_room(std::size_t bytes);
  [[nodiscard]] bool has_room_by_last_look(std::size_t bytes) const;
  [[nodiscard]] bool goes_on(const std::shared_ptr<TargetState>& target, std::uint64_t version,
                             const transport::EncodedFrame& frame) const;
  bool extend(std::size_t bytes);
  SendCredit::Amount take_credit(SendCredit& credit, std::size_t bytes, HeldCredit* held);
  void seal();
  FrameBatch* take_spare();
  void put_spare(FrameBatch& run);
  Added announce(FrameBatch& run, bool is_sealed, std::size_t bytes, SendCredit::Amount credit);
  void note_added(std::size_t bytes);

  // The loop's thread.
  void give_back(FrameBatch& run);
  void note_taken(std::uint64_t frames, std::uint64_t bytes);

  CrossThreadSends& cross_thread_sends_;
  base::SubmissionQueue<FrameBatch*>::Producer producer_;
  static constexpr SendCredit::Amount kAdvance{.bytes = 8192, .messages = 32};

  FrameBatch* open_ = nullptr;      // the last one announced; more frames may go into it
  std::uint64_t open_credit_ = 0;   // of the open run, in all: a word of SendCredit
  SendCredit::Amount unspent_;      // of that; the loop's, once it has let go
  const char* open_end_ = nullptr;  // where its next frame has to begin
  FrameBatch* spare_ = nullptr;
  std::vector<std::unique_ptr<FrameBatch>> all_;
  std::uint64_t added_ = 0;
  std::uint64_t added_bytes_ = 0;
  std::uint64_t taken_seen_ = 0;  // at the last look at these
  std::uint64_t taken_bytes_seen_ = 0;
  ThreadLane* next_returned_ = nullptr;  // in the cross-thread sends's list of lanes whose threads have ended
  alignas(64) std::atomic<FrameBatch*> returned_{nullptr};
  std::atomic<std::uint64_t> taken_{0};
  std::atomic<std::uint64_t> taken_bytes_{0};
};

class CrossThreadSends {
 public:
  static constexpr std::uint64_t kMessagesMax = 128 * 1024;

  /// `pool` is what frames are encoded into.
  CrossThreadSends(std::shared_ptr<base::ChunkPool> pool, std::size_t bytes_max)
      : pool_(std::move(pool)), bytes_max_(bytes_max), announced_(kRunsMax) {}

  /// The calling thread's lane in `cross_thread_sends`, which it keeps alive until it ends or has another; null without
  /// memory. Given none, the thread returns the lane that it has, as it does at its end.
  static ThreadLane* lane_of_this_thread(const std::shared_ptr<CrossThreadSends>& cross_thread_sends);

  /// How many lanes have been made: as many as threads have had one at the same time. Any thread.
  [[nodiscard]] std::size_t lane_count();

  /// Calls `take(run, frames)` with what is new in each run, up to about `messages_max` messages, which `take` may
  /// lower; `frames` is empty when the message is `run.parked`. Says whether there was anything, or still is.
  template <class Take>
  bool drain(const std::uint64_t& messages_max, Take&& take) {
    hold_announced();
    if (held_.empty()) return false;
    std::uint64_t taken = 0;
    std::size_t kept = 0;
    std::size_t looked_at = 0;  // of those that are kept, if not at all of them
    for (FrameBatch* run : held_) {
      if (taken >= messages_max) [[unlikely]] {
        if (looked_at == 0) looked_at = kept;
        held_[kept++] = run;
        continue;
      }
      const transport::EncodedRun news = news_of(*run);
      if (news.count > 0) {
        take(*run, news);
        taken += news.count;
      }
      // One that had something new is looked at again before it is let go: its thread is busy.
      if (news.count > 0 || waits_for_more(*run) || !let_go(*run)) held_[kept++] = run;
    }
    held_.resize(kept);
    if (looked_at > 0) [[unlikely]]
      begin_next_with(looked_at);
    looks_with_few_ = kept > 0 && taken < kFew ? looks_with_few_ + 1 : 0;
    looks_in_vain_ = kept > 0 && taken == 0 ? looks_in_vain_ + 1 : 0;
    return taken > 0 || kept > 0;
  }

  /// Whether the last looks have brought few messages each, or none: the loop is faster than the threads, and each look
  /// costs them a transfer of what both write.
  [[nodiscard]] bool is_ahead() const { return looks_with_few_ > 1; }
  /// Whether the last looks have brought nothing, though the loop waits for more.
  [[nodiscard]] bool has_looked_in_vain() const { return looks_in_vain_ > 1; }

 private:
  friend class ThreadLane;
  static constexpr std::size_t kRunsMax = std::size_t{1} << 20;  // announced and not yet held, of all threads
  // So many messages are few for one look.
  static constexpr std::uint64_t kFew = 64;
  struct LaneOfThread;

  ThreadLane* borrow_lane();
  void return_lane(ThreadLane& lane);
  void collect_returned();
  void hold_announced();
  void begin_next_with(std::size_t place);
  transport::EncodedRun news_of(FrameBatch& run);
  static bool waits_for_more(FrameBatch& run);
  bool let_go(FrameBatch& run);

  const std::shared_ptr<base::ChunkPool> pool_;
  const std::size_t bytes_max_;
  base::SubmissionQueue<FrameBatch*> announced_;
  // The loop's thread.
  std::vector<FrameBatch*> held_;
  std::uint32_t looks_with_few_ = 0;  // in a row
  std::uint32_t looks_in_vain_ = 0;   // in a row

  const base::ForkGuard fork_guard_;
  std::mutex mutex_;  // taken when a thread sends for the first time
  std::vector<std::unique_ptr<ThreadLane>> lanes_;
  std::vector<ThreadLane*> idle_;
  std::atomic<ThreadLane*> returned_{nullptr};  // not in idle_ yet; a list, so that a thread's end waits for no lock
};

}  // namespace distflow::runtime
