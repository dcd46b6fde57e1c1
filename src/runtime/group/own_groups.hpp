// The groups that this node has joined, on their way to the registry.
//
// Any thread, except what is marked as the loop's.
//   1. At most protocol::kGroupCountMax names of at most kGroupSizeMax bytes.
//   2. What has changed is reported to the registry in the loop's next turn. A group that was left and joined again in
//      between is reported twice, first as left: others are to see a member that comes.
//   3. leave() needs no memory.
// Use: if (groups.join("workers") == OwnGroups::Outcome::done) wake the loop; ...
//      while (groups.has_changed()) { registry.set_groups(groups.take_changed()); groups.note_told(); }
#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/pmd_node.hpp"

namespace distflow::runtime {

class OwnGroups {
 public:
  enum class Outcome { done, too_many };

  /// A name of 1 to 256 bytes of UTF-8, without control characters, which a registration would have no room for.
  [[nodiscard]] static bool is_name(std::string_view name);

  /// A name that is there already is done. May throw std::bad_alloc, and has changed nothing then.
  Outcome join(std::string_view name);
  /// One that is not there, too.
  void leave(std::string_view name) noexcept;
  [[nodiscard]] protocol::Groups list() const;

  /// Whether there is something to report to the registry.
  [[nodiscard]] bool has_changed() const { return has_changed_.load(std::memory_order_relaxed); }
  /// To be reported; note_told() confirms that. If it was not, note_changed() has it reported again. May throw
  /// std::bad_alloc. Loop thread.
  [[nodiscard]] protocol::Groups take_changed();
  /// After that has_changed() may hold once more, for groups that were joined again. Loop thread.
  void note_told() noexcept;
  void note_changed() { has_changed_.store(true, std::memory_order_relaxed); }

  /// Whether the registry keeps groups, as far as is known.
  [[nodiscard]] bool are_kept() const { return are_kept_.load(std::memory_order_relaxed); }
  void set_kept(bool are_kept) { are_kept_.store(are_kept, std::memory_order_relaxed); }

 private:
  struct Joined {
    std::string name;
    bool is_in = true;      // false: it was left, and not reported to the registry yet
    bool is_told = false;   // the registry has it, or may have
    bool has_left = false;  // since it was reported: the registry is to learn that, though it may be in again
  };

  [[nodiscard]] std::vector<Joined>::iterator find(std::string_view name);

  mutable std::mutex mutex_;
  std::vector<Joined> all_;
  std::atomic<bool> has_changed_{false};
  std::atomic<bool> are_kept_{true};
};

}  // namespace distflow::runtime
