// Shares the work of requests out among connections. Its unit is the work of a look-up.
//
// Loop thread only. It is start-time fair queueing (Goyal, Vin and Cheng, 1996) that serves in the order of the ends,
// with a bucket for each place in time instead of a sorted queue.
//   1. What a connection's requests and their answers take, it owes. Debts go down for all connections together, as
//      those that wait are served; where none waits, all are forgiven.
//   2. A connection that owes kCredit at most begins at once, while the runs of the turn that began so have taken less
//      than kTurnMax. Any other waits.
//   3. Those that wait run in the order in which their debts and what they wait with, up to kLead, would be paid. Who
//      has owed nothing for a while is ahead by kLead: one request of a connection that takes less than its share comes
//      before the many of others, whatever its size.
//   4. They run one by one at a turn's end, until they have taken kTurnMax. Each run counts for kRunCost at least. It
//      has a share: kTurnMax by the number that wait, at least kRunMin and at most kRunMax.
//   5. A run takes its share, or what is left of kTurnMax where it began at once, and one request more.
// So of N connections that always have requests each gets about one N-th of the work, and one that has few waits for
// about a turn.
// Use: if (!work.begin_run(account)) return work.wait(account, work);
//      while (account.may_go_on() && ...) work.spend(account, taken);
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "base/intrusive_list.hpp"
#include "io/reactor.hpp"

namespace distflow::pmd {

/// What one connection owes. It must have left its TurnWork before it is destroyed.
struct WorkAccount : base::ListNode<WorkAccount> {
  [[nodiscard]] bool may_go_on() const { return run_work < run_max; }

  base::Delegate<void()> on_turn;  ///< it has waited: its run is inside this call, or it waits no longer
  std::uint64_t paid_at = 0;       ///< when all it owes is paid, by TurnWork's clock
  std::uint64_t begins_at = 0;     ///< while it waits: when it would begin, by the same clock
  std::size_t run_work = 0;        ///< of its present run or the last one
  std::size_t run_max = 0;         ///< what its present run may take
  std::size_t share = 0;           ///< inside on_turn(), until its run begins: what that may take
};

class TurnWork {
 public:
  static constexpr std::size_t kRunMax = 128;
  static constexpr std::size_t kTurnMax = 128;
  static constexpr std::size_t kRunMin = 64;
  static constexpr std::size_t kRunCost = 2;
  static constexpr std::size_t kCredit = 64;
  static constexpr std::size_t kLead = 8;
  static constexpr std::size_t kBytesOfUnit = 512;  ///< bytes of a request or an answer that take as long as a look-up

  explicit TurnWork(io::Reactor& reactor) : reactor_(reactor) {
    turn_.on_turn_end = base::Delegate<void()>::to<&TurnWork::on_turn_end>(*this);
  }
  ~TurnWork() { turn_.unlink(); }
  TurnWork(const TurnWork&) = delete;
  TurnWork& operator=(const TurnWork&) = delete;

  /// Whether a run may begin now. If not, wait() is next.
  [[nodiscard]] bool begin_run(WorkAccount& account);
  /// Inside a run or between two, as answers come later, too.
  void spend(WorkAccount& account, std::size_t work);
  /// Calls account.on_turn() at the end of a turn. `work` is about what it waits with.
  void wait(WorkAccount& account, std::size_t work);
  /// It waits no longer.
  void leave(WorkAccount& account);

 private:
  static constexpr std::size_t kBucketCount = 1024;
  static constexpr std::size_t kDebtMax = kBucketCount - 1 - 2 * kLead;  // who owes more waits as if it owed this
  using Bucket = base::IntrusiveList<WorkAccount, WorkAccount>;

  void on_turn_end();
  WorkAccount& pop_next(std::uint64_t& place);
  Bucket& bucket_of(std::uint64_t paid_at) { return buckets_[paid_at % kBucketCount]; }

  io::Reactor& reactor_;
  std::size_t taken_ = 0;       // in this turn; at its end, by those that had waited
  std::uint64_t now_ = kLead;   // whose debt goes up to here owes nothing
  std::uint64_t last_ = kLead;  // when the largest debt so far is paid
  std::size_t waiting_ = 0;
  const WorkAccount* running_ = nullptr;      // at the turn's end, inside its on_turn()
  std::array<Bucket, kBucketCount> buckets_;  // a ring, from kLead before now_
  io::DeferredTask turn_;
};

}  // namespace distflow::pmd
