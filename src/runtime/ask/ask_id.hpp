// The id of a request: which slot of the asking node it has, and which of the requests that the slot has had.
//
//     20 bits slot | 33 bits generation
//
// Pure functions; any thread.
//   1. An id has 16 digits, which decode_template() has a way of its own for: a generation is at least kFirst.
//   2. Generations begin at a random one, so that a stranger cannot guess an id, and rise. A node that was asked once
//      can guess the ids that its slot has next.
//   3. A slot that has had the last generation is never used again.
#pragma once

#include <cstdint>

#include "protocol/ask_members.hpp"

namespace distflow::runtime {

struct AskId {
  static constexpr std::uint32_t kSlotBits = 20;
  static constexpr std::uint32_t kSlotsMax = std::uint32_t{1} << kSlotBits;
  static constexpr std::uint64_t kFirstGeneration = std::uint64_t{1} << 30;
  static constexpr std::uint64_t kLastGeneration = (std::uint64_t{1} << 33) - 1;

  std::uint32_t slot = 0;
  std::uint64_t generation = 0;

  static constexpr AskId of(std::uint64_t id) {
    return {.slot = static_cast<std::uint32_t>(id & (kSlotsMax - 1)), .generation = id >> kSlotBits};
  }
  [[nodiscard]] constexpr std::uint64_t number() const { return generation << kSlotBits | slot; }
};
static_assert(AskId{.slot = 0, .generation = AskId::kFirstGeneration}.number() >= 1'000'000'000'000'000);
static_assert(AskId{.slot = AskId::kSlotsMax - 1, .generation = AskId::kLastGeneration}.number() ==
              protocol::kAskIdMax);

}  // namespace distflow::runtime
