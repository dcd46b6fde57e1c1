// Look-ups that came one behind the other, and are answered together.
//
// Loop thread only. Among many nodes most of a look-up is waiting for memory that is in no cache: first for the place
// of the name in a table, then for the node. Together they wait once.
//   1. They are answered in the order they were added.
//   2. Nothing changes the registry while any waits here.
// Use: resolve_batch.add(registry, id, "pong"); ...
//      resolve_batch.answer(registry, [](std::string_view raw_request_id, const Registry::Entry* entry) { ... });
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "pmd/server/registry.hpp"

namespace distflow::pmd {

class ResolveBatch {
 public:
  // Enough to hide the wait, and few enough for what they read to stay in the nearest cache.
  static constexpr std::size_t kCountMax = 16;

  [[nodiscard]] std::size_t size() const { return count_; }

  /// `raw_request_id` must last until the answer. Not to be called with kCountMax in it.
  void add(const Registry& registry, std::string_view raw_request_id, std::string name) {
    DF_ASSERT(count_ < kCountMax);
    asked_[count_] = {raw_request_id, std::move(name)};
    resolve_batch_[count_] = registry.begin_look_up(asked_[count_].name);
    ++count_;
  }

  /// Forgets them.
  void clear() { count_ = 0; }

  /// `answer(raw_request_id, entry)` for each: a const Registry::Entry*, null when there is no such node.
  template <class Answer>
  void answer(const Registry& registry, Answer answer) {
    const std::size_t count = std::exchange(count_, 0);
    registry.resolve(std::span(resolve_batch_).first(count));
    for (std::size_t i = 0; i < count; ++i) answer(asked_[i].raw_request_id, resolve_batch_[i].entry);
  }

 private:
  struct Asked {
    std::string_view raw_request_id;
    std::string name;
  };

  std::size_t count_ = 0;
  std::array<Asked, kCountMax> asked_;
  std::array<Registry::LookUp, kCountMax> resolve_batch_;
};

}  // namespace distflow::pmd
