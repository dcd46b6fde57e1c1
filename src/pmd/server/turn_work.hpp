// How much of the requests of all connections a turn handles. The unit is the work of a look-up.
//
// Loop thread only.
//   1. A run takes kRunMax at most and one request more. Once the runs of a turn have taken kTurnMax together, each
//      further one takes kRunMin: every connection goes on, and none waits for the whole work of another.
// Use: const std::size_t most = work.run_max(); ... work.spend(taken);
#pragma once

#include <algorithm>
#include <cstddef>

#include "io/reactor.hpp"

namespace distflow::pmd {

class TurnWork {
 public:
  static constexpr std::size_t kRunMax = 256;
  static constexpr std::size_t kTurnMax = 512;
  static constexpr std::size_t kRunMin = 8;

  explicit TurnWork(io::Reactor& reactor) : reactor_(reactor) {
    refill_.on_turn_end = base::Delegate<void()>::to<&TurnWork::refill>(*this);
  }
  ~TurnWork() { refill_.unlink(); }
  TurnWork(const TurnWork&) = delete;
  TurnWork& operator=(const TurnWork&) = delete;

  /// For a run that begins now.
  [[nodiscard]] std::size_t run_max() const { return std::clamp(left_, kRunMin, kRunMax); }
  void spend(std::size_t work) {
    left_ -= std::min(left_, work);
    reactor_.defer(refill_);
  }

 private:
  void refill() { left_ = kTurnMax; }

  io::Reactor& reactor_;
  std::size_t left_ = kTurnMax;
  io::DeferredTask refill_;
};

}  // namespace distflow::pmd
