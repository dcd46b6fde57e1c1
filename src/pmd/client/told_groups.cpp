#include "pmd/client/told_groups.hpp"

#include <algorithm>
#include <utility>

namespace distflow::pmd {
namespace {

using protocol::GroupChange;
using protocol::Groups;

bool is_in(const Groups& groups, const std::string& name) {
  return std::find(groups.begin(), groups.end(), name) != groups.end();
}

void carry_out(Groups& groups, const GroupChange& change) {
  for (const std::string& name : change.join) {
    if (!is_in(groups, name)) groups.push_back(name);
  }
  std::erase_if(groups, [&](const std::string& name) { return is_in(change.leave, name); });
}

}  // namespace

void ToldGroups::begin(const Groups& groups) {
  Groups told = groups;
  taken_ = groups;
  told_ = std::move(told);
  unsettled_.clear();
  is_begun_ = true;
}

void ToldGroups::end() noexcept {
  told_.clear();
  taken_.clear();
  unsettled_.clear();
  is_begun_ = false;
}

ToldGroups::Number ToldGroups::note(const GroupChange& change) {
  Groups told = told_;
  carry_out(told, change);
  unsettled_.push_back({.number = last_number_ + 1, .change = change});
  told_.swap(told);
  return ++last_number_;
}

bool ToldGroups::on_answer(Number number, bool is_taken) {
  const auto answered = std::find_if(unsettled_.begin(), unsettled_.end(),
                                     [number](const Change& change) { return change.number == number; });
  if (answered == unsettled_.end()) return false;
  if (!is_taken) {
    unsettled_.erase(answered);
    count_again();
  } else {
    answered->is_taken = true;
  }
  while (!unsettled_.empty() && unsettled_.front().is_taken) {
    carry_out(taken_, unsettled_.front().change);
    unsettled_.pop_front();
  }
  return true;
}

/// Without what was refused.
void ToldGroups::count_again() {
  told_ = taken_;
  for (const Change& change : unsettled_) carry_out(told_, change.change);
}

}  // namespace distflow::pmd
