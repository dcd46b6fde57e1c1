// Nodes that had figures and have none now, for viewers that may still have the figures of before.
//
// A value; loop thread only.
//   1. Each loss has a number, greater than those of all before. A viewer says up to which number it knows of them.
//   2. kBytesMax are kept, of the newest. A viewer that does not know of one that is not kept any more has to begin
//      anew; a viewer that keeps up never does, however many are noted.
// Use: dropped += gone.note(++number, user, node_id); ...
//      if (gone.has_all_since(since)) gone.visit(since, until, tell);
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "pmd/server/registry.hpp"

namespace distflow::pmd {

class GoneFigures {
 public:
  static constexpr std::size_t kBytesMax = std::size_t{256} * 1024;
  static constexpr std::size_t kSizeOfOne = 64;  ///< what each counts beside its name

  /// How many others are not kept any more for it. May throw std::bad_alloc, and has noted nothing then: clear().
  std::size_t note(std::uint64_t number, const UserId& user, std::string_view node_id);
  /// Nothing is known of what has gone up to that number. How many are not kept any more for it.
  std::size_t clear(std::uint64_t number);

  /// Whether all that have gone since that number are kept. Not for 0, the number of viewers that have nothing.
  [[nodiscard]] bool has_all_since(std::uint64_t number) const { return number >= known_since_; }
  /// Calls `tell(user, name)` for those with a greater number than `since` up to `until`; `name` is a JSON string.
  template <class Tell>
  void visit(std::uint64_t since, std::uint64_t until, Tell tell) const {
    for (const Gone& one : gone_) {
      if (one.number > since && one.number <= until) tell(one.user, std::string_view(one.name));
    }
  }
  [[nodiscard]] bool is_empty() const { return gone_.empty(); }
  /// As kBytesMax counts them.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  struct Gone {
    std::uint64_t number;
    UserId user;
    std::string name;  // as JSON, which may be longer
  };
  static std::size_t size_of(const Gone& one) { return kSizeOfOne + one.name.size(); }

  std::deque<Gone> gone_;  // in order of their numbers
  std::size_t bytes_ = 0;
  std::uint64_t known_since_ = 1;
};

}  // namespace distflow::pmd
