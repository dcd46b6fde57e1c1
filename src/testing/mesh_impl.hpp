// The inside of distflow::testing::Mesh: the seats, what happens when, and the faults that are on.
//
// One thread: the one that made it.
//   1. Nobody is turned, and no fault ends anybody, inside a turn: such a fault waits on the agenda for the turn's end.
//   2. A round of turns takes a microsecond, so that time passes for those who always have work.
// Use: auto impl = std::make_shared<Mesh::Impl>(seed); impl->enter();
#pragma once

#include <distflow/testing.hpp>

#include <map>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/process/node_world.hpp"
#include "testing/seat.hpp"

namespace distflow::testing {

class Mesh::Impl final : public Table, public runtime::NodeWorld, public std::enable_shared_from_this<Impl> {
 public:
  explicit Impl(std::uint64_t seed);
  ~Impl() override = default;

  /// From now on nodes that this thread starts are here.
  void enter();
  /// Takes all down. Stops the process, with a message, on another thread and inside what the mesh calls.
  void leave();

  Result<std::shared_ptr<runtime::NodeHost>, StartError> start(const NodeOptions& options) override;
  void start_pmd();

  [[nodiscard]] base::Instant now() const override { return network.now(); }
  [[nodiscard]] base::Duration time() const { return network.now() - began_; }
  [[nodiscard]] bool can_turn() const override { return !is_turning_ && is_own_thread(); }
  void turn_until(base::Delegate<bool()> done, base::Instant until) override;
  void after(base::Duration delay, std::function<void()> what);
  /// For run_until() and run_for(): misuse if it may not be turned.
  void check_may_turn() const;

  void partition(std::string_view one, std::string_view other);
  void isolate(std::string_view name);
  void heal();
  void delay(std::string_view one, std::string_view other, base::Duration longer);
  void break_connections(std::string_view one, std::string_view other);
  void take_down(std::string_view name, Severance how);
  void set_paused(std::string_view name, bool is_paused);
  void set_held(std::string_view alias, bool is_held);
  void set_trace(std::function<void(std::string_view)> sink);

  base::Random random;
  const std::uint64_t seed;

 private:
  using Pair = std::pair<std::string, std::string>;

  [[nodiscard]] bool is_own_thread() const { return std::this_thread::get_id() == thread_; }
  [[nodiscard]] static Pair pair_of(std::string_view one, std::string_view other);
  [[nodiscard]] Seat* find(std::string_view name) const;
  [[nodiscard]] Seat* known_seat(std::string_view name) const;
  [[nodiscard]] bool is_cut(const std::string& one, const std::string& other) const;
  void check_known(std::string_view name) const;
  void apply_faults(const Seat& seat);
  void at_end_of_turn(std::function<void()> what);
  void run_agenda();
  bool turn_whoever_is_due();
  void reap();
  void on_trace(std::string_view line) { trace_(line); }

  const std::thread::id thread_ = std::this_thread::get_id();
  const base::Instant began_;
  std::vector<std::shared_ptr<Seat>> seats_;  // in the order of their start
  std::multimap<base::Instant, std::function<void()>> agenda_;
  std::set<std::string, std::less<>> known_;  // every name that there has been
  std::set<Pair> cuts_;
  std::set<std::string> isolated_;
  std::map<Pair, base::Duration> delays_;
  std::function<void(std::string_view)> trace_;
  bool is_turning_ = false;
  int turns_ = 0;  // calls of turn_until() on the stack
};

}  // namespace distflow::testing
