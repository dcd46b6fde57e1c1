// Which of a group's members gets a message.
//
// GroupPicker: one thread at a time.
//   1. Members are numbered from 0. A pick is a number below `count`, which is at least 1.
//   2. No pick but `sticky` takes a time that depends on the number of members.
//   3. sticky() is the same at every node, for the same members and key. A member that leaves moves only the keys that
//      it had; one that comes takes its share, and moves no other key.
// Use: GroupPicker picker(seed); std::size_t i = picker.least(count, [&](std::size_t j) { return load_of(j); });
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/random.hpp"

namespace distflow::runtime {

/// The same at every node.
[[nodiscard]] std::uint64_t hash_of(std::string_view text);
/// The weight of a member for a key, by the hashes of both: the highest one gets it.
[[nodiscard]] constexpr std::uint64_t weight_of(std::uint64_t member, std::uint64_t key) {
  // The end of splitmix64, which spreads what differs in one bit over all.
  std::uint64_t mixed = member ^ key;
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
  return mixed ^ (mixed >> 31);
}

class GroupPicker {
 public:
  explicit GroupPicker(std::uint64_t seed) : random_(seed), next_(random_.next()) {}

  /// Each as likely as the others.
  std::size_t any(std::size_t count) { return below(static_cast<std::uint32_t>(random_.next()), count); }

  /// Of two at random that with the lesser load; the first of them if both have the same.
  template <class Load>
  std::size_t least(std::size_t count, Load&& load_of) {
    if (count == 1) return 0;
    const std::uint64_t drawn = random_.next();
    const std::size_t one = below(static_cast<std::uint32_t>(drawn), count);
    std::size_t other = below(static_cast<std::uint32_t>(drawn >> 32), count - 1);
    if (other >= one) ++other;
    return load_of(other) < load_of(one) ? other : one;
  }

  /// One after the other, from a random place on.
  std::size_t round_robin(std::size_t count) { return static_cast<std::size_t>(next_++ % count); }

  /// The one that the key belongs to. `hash(i)` is that of member i.
  template <class Hash>
  static std::size_t sticky(std::size_t count, std::string_view key, Hash&& hash) {
    return sticky_of_hash(count, hash_of(key), hash);
  }
  /// The same by the key's hash_of().
  template <class Hash>
  static std::size_t sticky_of_hash(std::size_t count, std::uint64_t key_hash, Hash&& hash) {
    std::size_t best = 0;
    std::uint64_t best_weight = 0;
    for (std::size_t i = 0; i < count; ++i) {
      const std::uint64_t weight = weight_of(hash(i), key_hash);
      if (weight <= best_weight && i != 0) continue;
      best = i;
      best_weight = weight;
    }
    return best;
  }

 private:
  /// Fair except for one part in 2^32 a member, and without a division.
  static std::size_t below(std::uint32_t drawn, std::size_t count) {
    return static_cast<std::size_t>((std::uint64_t{drawn} * count) >> 32);
  }

  base::Random random_;
  std::uint64_t next_;
};

}  // namespace distflow::runtime
