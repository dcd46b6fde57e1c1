// What a schedule asks at each choice: by chance from a seed, or every way in turn.
//
// One thread.
//   1. The choices depend on the seed, or on the ways tried before, alone.
// Use: RandomChooser chooser(seed); chooser.pick(3);
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/random.hpp"

namespace distflow::test {

class Chooser {
 public:
  virtual ~Chooser() = default;
  /// One of `count`; 0 is what would happen without a switch, or with the latest store.
  virtual std::size_t pick(std::size_t count) = 0;
};

/// Mostly the first, as often as a throw at the beginning says: some schedules have few switches, others many.
class RandomChooser final : public Chooser {
 public:
  explicit RandomChooser(std::uint64_t seed) : random_(seed), chance_(kChances[random_.uniform(kChances.size())]) {}
  std::size_t pick(std::size_t count) override {
    return count > 1 && random_.chance(chance_) ? 1 + random_.uniform(count - 1) : 0;
  }

 private:
  static constexpr std::array kChances = {0.1, 0.25, 0.5};
  base::Random random_;
  const double chance_;
};

/// Every way, but for those that choose other than the first more than `departures_max` times.
class ExhaustiveChooser final : public Chooser {
 public:
  explicit ExhaustiveChooser(std::size_t departures_max) : departures_max_(departures_max) {}

  std::size_t pick(std::size_t count) override {
    if (count <= 1) return 0;
    if (at_ == way_.size()) way_.push_back({0, departures_ < departures_max_ ? count : 1});
    const std::size_t chosen = way_[at_++].chosen;
    if (chosen > 0) ++departures_;
    return chosen;
  }
  /// Goes on to the next way; false when all have been tried.
  bool advance() {
    at_ = departures_ = 0;
    while (!way_.empty() && way_.back().chosen + 1 == way_.back().count) way_.pop_back();
    if (way_.empty()) return false;
    ++way_.back().chosen;
    return true;
  }

 private:
  struct Choice {
    std::size_t chosen;
    std::size_t count;
  };
  const std::size_t departures_max_;
  std::vector<Choice> way_;
  std::size_t at_ = 0;
  std::size_t departures_ = 0;
};

}  // namespace distflow::test
