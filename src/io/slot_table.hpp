// SlotTable<Slot>: the handles of a backend. Slots are reused; their generations never are (within 2^32 closes of one
// slot).
//
// Loop thread only. Slot derives from SlotBase and is default constructible.
//   1. A slot stays where it is as long as the table lives.
//   2. find() gives null for every handle but the one given out last for its slot.
//   3. allocate() may throw std::bad_alloc, and then changes nothing. Nothing else allocates.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "base/assert.hpp"
#include "base/room.hpp"
#include "io/operation.hpp"

namespace distflow::io {

struct SlotBase {
  Handle handle;
  bool is_in_use = false;
};

template <class Slot>
class SlotTable {
 public:
  Handle allocate() {
    if (free_.empty()) {
      base::make_room(free_, slots_.size() + 1);
      slots_.emplace_back();
      slots_.back().handle = {.slot = static_cast<std::uint32_t>(slots_.size() - 1), .generation = 0};
      free_.push_back(slots_.back().handle.slot);
    }
    Slot& slot = slots_[free_.back()];
    free_.pop_back();
    slot.is_in_use = true;
    return slot.handle;
  }

  /// Makes the slot as new, under its next generation.
  void free(Handle handle) {
    Slot& slot = at(handle);
    const Handle next{.slot = handle.slot, .generation = handle.generation + 1};
    slot = Slot{};
    slot.handle = next;
    free_.push_back(handle.slot);
  }

  Slot* find(Handle handle) {
    if (handle.slot >= slots_.size()) return nullptr;
    Slot& slot = slots_[handle.slot];
    return slot.is_in_use && slot.handle == handle ? &slot : nullptr;
  }

  /// The slot of a handle that must be valid.
  Slot& at(Handle handle) {
    Slot* slot = find(handle);
    DF_ASSERT(slot != nullptr);
    return *slot;
  }

  [[nodiscard]] static Handle handle_of(const SlotBase& slot) { return slot.handle; }

  /// A handle as the one number that kernels carry for us, and back.
  [[nodiscard]] static std::uint64_t token_of(Handle handle) {
    return std::uint64_t{handle.generation} << 32U | handle.slot;
  }
  Slot* find_token(std::uint64_t token) {
    return find({.slot = static_cast<std::uint32_t>(token), .generation = static_cast<std::uint32_t>(token >> 32U)});
  }

  /// Calls `visit(slot)` for each slot that is in use, those that are allocated meanwhile perhaps. It may free any.
  template <class Visit>
  void for_each(Visit&& visit) {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i].is_in_use) visit(slots_[i]);
    }
  }

  /// The slots that have ever been in use at a time.
  [[nodiscard]] std::size_t size() const { return slots_.size(); }
  [[nodiscard]] std::size_t in_use() const { return slots_.size() - free_.size(); }

 private:
  std::deque<Slot> slots_;
  std::vector<std::uint32_t> free_;
};

}  // namespace distflow::io
