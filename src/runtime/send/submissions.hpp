// What a thread that is not the loop's does to send a message, and what the loop does with it.
//
//     a thread: credit or a place among the parked ──▶ encode ──▶ its lane        the loop: drain() ──▶ router
//
// submit(), leave(): any thread. All else: the loop's.
//   1. A `queued` message has the room that the message needs on all of its way: the peer's credit, or a place among
//      those that are parked. Until the loop has looked at a name for the first time, one that is known has the lane's
//      room.
//   2. What is drained is sent, parked or, while the node closes, discarded; its room goes back once, in each case.
// Use: const Submissions::Outcome outcome = submissions.submit(target, copy, message, wall_ms);
//      if (outcome.is_announced) wake_the_loop();
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/delegate.hpp"
#include "base/time.hpp"
#include "runtime/send/cross_thread_sends.hpp"
#include "runtime/send/router.hpp"

namespace distflow::runtime {

/// A thread's copy of what a target publishes, with its version; 0 at first.
struct PublishedCopy {
  std::uint64_t& version;
  std::string& prefix;
  std::shared_ptr<SendCredit>& credit;
};

class Submissions {
 public:
  /// Whether a node has that name. Any thread.
  using KnowsName = base::Delegate<bool(std::string_view)>;

  /// `targets` must outlive this.
  Submissions(TargetTable& targets, KnowsName knows, std::shared_ptr<base::ChunkPool> chunks,
              std::size_t lane_bytes_max, std::uint32_t frame_size_max)
      : targets_(targets),
        knows_(knows),
        chunks_(std::move(chunks)),
        lanes_(std::make_shared<CrossThreadSends>(chunks_, lane_bytes_max)),
        frame_size_max_(frame_size_max) {}

  struct Outcome {
    SendVerdict verdict;
    bool is_announced = false;     ///< the loop has to be woken if it sleeps
    SendCredit::Amount missing{};  ///< when queue_full: of the peer's room; nothing: the thread's own room is full
  };

  /// Brings `copy` up to date. Pays with what is `held`, or takes credit. May throw std::bad_alloc, and has submitted
  /// nothing then.
  Outcome submit(const TargetPtr& target, const PublishedCopy& copy, const OutgoingMessage& message, base::WallMs now,
                 HeldCredit* held = nullptr);

  /// The calling thread gives up what it has to submit with, as it does at its end.
  static void leave() { CrossThreadSends::lane_of_this_thread(nullptr); }

  /// Hands what was submitted to the router, or discards it if that is null; at most about kMessagesPerTurn messages,
  /// and copies of published ones. Says whether there was anything, or still is.
  bool drain(Router* router);
  /// How the loop looks next at what threads send on and on: at once; after a moment, so that more comes at a time; or
  /// when it has left the processor to others.
  enum class Pace : std::uint8_t { at_once, after_a_moment, after_others };
  [[nodiscard]] Pace pace() const;
  /// How many have been handed to the router or discarded, ever.
  [[nodiscard]] std::uint64_t drained_count() const { return drained_; }
  /// How many have been discarded since this was last asked.
  std::uint64_t take_discarded() { return std::exchange(discarded_, 0); }

 private:
  static constexpr std::uint64_t kMessagesPerTurn = 4096;

  Outcome submit_parked(ThreadLane& lane, const TargetPtr& target, const OutgoingMessage& message, base::WallMs now);
  static Outcome outcome_of(ThreadLane::Added added);
  void discard(const FrameBatch& run, const transport::EncodedRun& frames);

  TargetTable& targets_;
  const KnowsName knows_;
  const std::shared_ptr<base::ChunkPool> chunks_;
  const std::shared_ptr<CrossThreadSends> lanes_;  // shared with other threads, which may outlive this
  const std::uint32_t frame_size_max_;
  std::uint64_t drained_ = 0;
  std::uint64_t discarded_ = 0;
  std::uint64_t backlog_ = 0;  // bytes that were under way to a peer at the last look, the most of all
};

}  // namespace distflow::runtime
