// The groups of a node as its PMD has them, as far as is known from what it was told and has answered.
//
//   1. A registration has all groups; what was reported before it counts no more, nor do the answers to that.
//   2. After it each change has a number. It counts as taken until the PMD refuses it.
//   3. Changes are answered in any order. A refused one is undone beneath those that were reported after it.
// One thread.
// Use: told.begin(groups); ... const auto number = told.note(change); ... told.on_answer(number, is_taken);
#pragma once

#include <cstdint>
#include <deque>

#include "protocol/pmd_node.hpp"
#include "protocol/pmd_request.hpp"

namespace distflow::pmd {

class ToldGroups {
 public:
  using Number = std::uint64_t;

  /// A registration with these groups was sent. May throw std::bad_alloc: nothing has changed then.
  void begin(const protocol::Groups& groups);
  /// There is no registration any more.
  void end() noexcept;
  [[nodiscard]] bool is_begun() const { return is_begun_; }

  /// A change that is sent now. May throw std::bad_alloc: nothing has changed then.
  Number note(const protocol::GroupChange& change);
  /// Whether the change belongs to the registration of now. May throw std::bad_alloc: what the PMD has is not known
  /// then.
  bool on_answer(Number number, bool is_taken);

  /// What the PMD has once it has taken all that it was told and has not refused.
  [[nodiscard]] const protocol::Groups& groups() const { return told_; }

 private:
  struct Change {
    Number number = 0;
    protocol::GroupChange change;
    bool is_taken = false;  // and an older one is not answered yet
  };

  void count_again();

  bool is_begun_ = false;
  protocol::Groups told_;         // taken_ with the unsettled changes
  protocol::Groups taken_;        // of the registration, with the changes that were taken
  std::deque<Change> unsettled_;  // by their numbers
  Number last_number_ = 0;
};

}  // namespace distflow::pmd
