// The id of a request: which slot of the asking node it has, and which of the requests that the slot has had.
//
//     20 bits slot | 33 bits generation
//
// AskId: pure functions; any thread. AskGenerations: one thread at a time.
//   1. An id has 16 digits, which decode_template() has a way of its own for: a generation is at least kFirst.
//   2. A generation is random, and differs from the one before it: not even a node that has been asked can guess what
//      others are asked with. One that answers too late ends another request with a chance of 2^-32, and only one to
//      itself.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "io/backend.hpp"
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
static_assert(AskId::kFirstGeneration + UINT32_MAX <= AskId::kLastGeneration);
static_assert(AskId{.slot = 0, .generation = AskId::kFirstGeneration}.number() >= 1'000'000'000'000'000);
static_assert(AskId{.slot = AskId::kSlotsMax - 1, .generation = AskId::kLastGeneration}.number() ==
              protocol::kAskIdMax);

/// Makes generations: of random bits that the system gives, many at a time.
class AskGenerations {
 public:
  /// Not `before`.
  std::uint64_t next(io::Backend& backend, std::uint64_t before) {
    std::uint64_t generation = before;
    while (generation == before) {
      if (left_ == 0) {
        backend.fill_random(std::as_writable_bytes(std::span(bits_)));
        left_ = bits_.size();
      }
      generation = AskId::kFirstGeneration + bits_[--left_];
    }
    return generation;
  }

 private:
  std::array<std::uint32_t, 64> bits_{};
  std::size_t left_ = 0;  // unused, at the front
};

}  // namespace distflow::runtime
