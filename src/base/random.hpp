// A small seeded generator (xoshiro256**), for jitter, tests and simulation. Not for secrets.
//
// A value; one thread at a time. Equal seeds give equal sequences on every machine.
// Use: Random random(seed); auto delay = base_delay / 2 + milliseconds(random.uniform(500));
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "base/assert.hpp"

namespace distflow::base {

class Random {
 public:
  explicit Random(std::uint64_t seed) {
    // splitmix64 spreads any seed, zero too, over the whole state.
    for (std::uint64_t& word : state_) {
      seed += 0x9e3779b97f4a7c15;
      std::uint64_t mixed = seed;
      mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
      mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
      word = mixed ^ (mixed >> 31);
    }
  }

  /// 64 random bits.
  std::uint64_t next() {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  /// A number in [0, n), each as likely as the others; n > 0.
  std::uint64_t uniform(std::uint64_t n) {
    DF_ASSERT(n > 0);
    // The 2^64 mod n lowest values are drawn again, so that a whole multiple of n is left.
    const std::uint64_t unfair = (0 - n) % n;
    std::uint64_t drawn = next();
    while (drawn < unfair) drawn = next();
    return drawn % n;
  }

  /// True with probability p: never for p <= 0, always for p >= 1.
  bool chance(double p) { return static_cast<double>(next() >> 11) * 0x1p-53 < p; }

 private:
  std::array<std::uint64_t, 4> state_{};
};

}  // namespace distflow::base
