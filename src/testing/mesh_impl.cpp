#include "testing/mesh_impl.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

#include "base/assert.hpp"

namespace distflow::testing {
namespace {

using base::milliseconds;

/// What a round of turns takes.
constexpr base::Duration kRoundCost = std::chrono::microseconds(1);

io::sim::NetworkOptions network_options(std::uint64_t seed) {
  return {.seed = seed,
          .latency_min = std::chrono::microseconds(20),
          .latency_max = std::chrono::microseconds(500),
          .capacity_min = 64 * 1024,
          .capacity_max = 256 * 1024};
}

/// What concerns the real machine is the mesh's.
NodeOptions options_in_mesh(NodeOptions options) {
  const NodeOptions defaults;
  options.pmd_host = "127.0.0.1";
  options.pmd_port = pmd::kDefaultPort;
  options.start_pmd = false;
  options.host = defaults.host;
  options.port = 0;
  options.advertised_host = {};
  options.threading = Threading::inlined;
  options.memory_connections_max = 0;
  options.backend = {};
  options.spin = std::chrono::microseconds(0);
  return options;
}

/// Counts a call while it runs, also if it throws.
class Counted {
 public:
  explicit Counted(int& count) : count_(count) { ++count_; }
  ~Counted() { --count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;

 private:
  int& count_;
};

}  // namespace

Mesh::Impl::Impl(std::uint64_t the_seed)
    : Table(network_options(the_seed)), random(~the_seed), seed(the_seed), began_(network.now()) {
  // What every network does: bytes come in other parts than they were sent in, and some of them late.
  network.rates()[io::sim::Fault::split] = 0.02;
  network.rates()[io::sim::Fault::merged] = 0.01;
  network.rates()[io::sim::Fault::short_send] = 0.01;
}

void Mesh::Impl::enter() {
  if (runtime::NodeWorld::of_this_thread() != nullptr) throw std::logic_error("this thread has a Mesh already");
  start_pmd();
  runtime::NodeWorld::set_of_this_thread(this);
}

void Mesh::Impl::leave() {
  if (!can_turn() || turns_ > 0) {
    // A destructor has no other way to say so: there is no going on in what it has destroyed.
    std::fputs("distflow: a Mesh was destroyed on another thread than its own, or inside what it calls\n", stderr);
    std::abort();
  }
  agenda_.clear();
  while (!seats_.empty()) take_down(seats_.back()->name(), Severance::killed);
  runtime::NodeWorld::set_of_this_thread(nullptr);
  trace_ = nullptr;
  network.set_trace({});
}

// ---- Who is there.

Result<std::shared_ptr<runtime::NodeHost>, StartError> Mesh::Impl::start(const NodeOptions& options) {
  if (!can_turn()) return Error{Errc::would_block, "starting a node inside a handler of the mesh"};
  const auto seat = std::make_shared<NodeSeat>(shared_from_this(), options.alias);
  NodeOptions placed = options_in_mesh(options);
  if (network.is_traced()) placed.log = LogVerbosity::debug;
  Result<std::shared_ptr<runtime::NodeHost>, StartError> host = seat->begin(placed);
  if (!host) return host;
  known_.insert(seat->name());
  seats_.push_back(seat);
  apply_faults(*seat);
  if (Result<void, StartError> started = (*host)->finish_start(); !started) return started.error();
  return host;
}

void Mesh::Impl::start_pmd() {
  if (find(kPmd) != nullptr) return;
  known_.insert(std::string(kPmd));
  seats_.push_back(std::make_shared<PmdSeat>(network, std::string(kPmd)));
  apply_faults(*seats_.back());
}

/// The newest of that name: one that ends may still be there.
Seat* Mesh::Impl::find(std::string_view name) const {
  const auto found =
      std::find_if(seats_.rbegin(), seats_.rend(), [&](const auto& seat) { return seat->name() == name; });
  return found == seats_.rend() ? nullptr : found->get();
}

/// Null when it has ended: then there is nothing to do a fault to.
Seat* Mesh::Impl::known_seat(std::string_view name) const {
  check_known(name);
  return find(name);
}

void Mesh::Impl::check_known(std::string_view name) const {
  if (!is_own_thread()) throw std::logic_error("a Mesh is for the thread that made it");
  if (known_.contains(name)) return;
  std::string names;
  for (const std::string& known : known_) names += (names.empty() ? "" : ", ") + known;
  throw std::logic_error("the mesh has had no node \"" + std::string(name) + "\", but: " + names);
}

/// Lets go of those that have ended in order.
void Mesh::Impl::reap() {
  std::erase_if(seats_, [](const std::shared_ptr<Seat>& seat) {
    if (!seat->is_over()) return false;
    if (auto* const node = dynamic_cast<NodeSeat*>(seat.get())) node->forget();
    return true;
  });
}

// ---- How it turns.

void Mesh::Impl::check_may_turn() const {
  if (!is_own_thread()) throw std::logic_error("a Mesh is for the thread that made it");
  if (is_turning_) throw std::logic_error("a handler cannot turn the mesh: return, and wait outside of it");
}

void Mesh::Impl::turn_until(base::Delegate<bool()> done, base::Instant until) {
  const Counted turn(turns_);
  while (!done()) {
    DF_ASSERT(can_turn());
    run_agenda();
    if (turn_whoever_is_due()) {
      network.run_until(network.now() + kRoundCost);
    } else {
      base::Instant next = std::min(network.next_event(), until);
      if (!agenda_.empty()) next = std::min(next, agenda_.begin()->first);
      for (const auto& seat : seats_) next = std::min(next, seat->due());
      if (next == base::kNever) return;  // nothing will ever happen
      network.run_until(std::max(next, network.now()));
    }
    if (network.now() >= until) {
      static_cast<void>(done());
      return;
    }
  }
}

/// Turns everybody who is due once, beginning with any of them; true when there was one.
bool Mesh::Impl::turn_whoever_is_due() {
  std::vector<std::shared_ptr<Seat>> due;
  for (const auto& seat : seats_) {
    if (seat->due() <= network.now()) due.push_back(seat);
  }
  if (due.empty()) return false;
  std::rotate(due.begin(), due.begin() + static_cast<std::ptrdiff_t>(network.random().uniform(due.size())), due.end());
  is_turning_ = true;
  for (const auto& seat : due) seat->turn();
  is_turning_ = false;
  reap();
  return true;
}

void Mesh::Impl::run_agenda() {
  while (!agenda_.empty() && agenda_.begin()->first <= network.now()) {
    const auto what = std::move(agenda_.begin()->second);
    agenda_.erase(agenda_.begin());
    what();
  }
}

void Mesh::Impl::after(base::Duration delay, std::function<void()> what) {
  agenda_.emplace(base::saturating_add(network.now(), std::max(delay, base::Duration::zero())), std::move(what));
}

void Mesh::Impl::at_end_of_turn(std::function<void()> what) { is_turning_ ? after({}, std::move(what)) : what(); }

void Mesh::Impl::set_trace(std::function<void(std::string_view)> sink) {
  trace_ = std::move(sink);
  network.set_trace(trace_ ? base::Delegate<void(std::string_view)>::to<&Impl::on_trace>(*this)
                           : base::Delegate<void(std::string_view)>());
}

// ---- Faults.

Mesh::Impl::Pair Mesh::Impl::pair_of(std::string_view one, std::string_view other) {
  if (one == other) throw std::logic_error("a fault between \"" + std::string(one) + "\" and itself");
  return {std::string(std::min(one, other)), std::string(std::max(one, other))};
}

bool Mesh::Impl::is_cut(const std::string& one, const std::string& other) const {
  return one != other && (isolated_.contains(one) || isolated_.contains(other) || cuts_.contains(pair_of(one, other)));
}

/// Of somebody new: what holds for its name.
void Mesh::Impl::apply_faults(const Seat& seat) {
  for (const auto& other : seats_) {
    if (other->name() == seat.name()) continue;
    if (is_cut(seat.name(), other->name())) network.cut(seat.id(), other->id());
    const auto delayed = delays_.find(pair_of(seat.name(), other->name()));
    if (delayed != delays_.end()) network.delay(seat.id(), other->id(), delayed->second);
  }
}

void Mesh::Impl::partition(std::string_view one, std::string_view other) {
  check_known(one);
  check_known(other);
  cuts_.insert(pair_of(one, other));
  for (const auto& seat : seats_) apply_faults(*seat);
}

void Mesh::Impl::isolate(std::string_view name) {
  check_known(name);
  isolated_.emplace(name);
  for (const auto& seat : seats_) apply_faults(*seat);
}

void Mesh::Impl::heal() {
  cuts_.clear();
  isolated_.clear();
  network.mend_all();
  for (auto& [pair, longer] : delays_) longer = {};
  for (const auto& seat : seats_) apply_faults(*seat);
  delays_.clear();
}

void Mesh::Impl::delay(std::string_view one, std::string_view other, base::Duration longer) {
  check_known(one);
  check_known(other);
  if (longer < base::Duration::zero()) throw std::logic_error("a delay is at least zero");
  delays_[pair_of(one, other)] = longer;
  for (const auto& seat : seats_) apply_faults(*seat);
}

void Mesh::Impl::break_connections(std::string_view one, std::string_view other) {
  static_cast<void>(pair_of(one, other));
  const Seat* const first = known_seat(one);
  const Seat* const second = known_seat(other);
  if (first != nullptr && second != nullptr) network.break_streams(first->id(), second->id());
}

void Mesh::Impl::take_down(std::string_view name, Severance how) {
  check_known(name);
  at_end_of_turn([this, name = std::string(name), how] {
    const auto found =
        std::find_if(seats_.rbegin(), seats_.rend(), [&](const auto& seat) { return seat->name() == name; });
    if (found == seats_.rend()) return;  // it has ended meanwhile
    const std::shared_ptr<Seat> seat = *found;
    seats_.erase(std::next(found).base());
    is_turning_ = true;
    const bool has_ended = seat->take_down(how);
    is_turning_ = false;
    DF_ASSERT(has_ended);
    if (auto* const node = dynamic_cast<NodeSeat*>(seat.get())) node->forget();
  });
}

void Mesh::Impl::set_paused(std::string_view name, bool is_paused) {
  if (Seat* const seat = known_seat(name)) seat->set_paused(is_paused);
}

void Mesh::Impl::set_held(std::string_view alias, bool is_held) {
  if (alias == kPmd) throw std::logic_error("the PMD has no mailbox");
  auto* const node = dynamic_cast<NodeSeat*>(known_seat(alias));
  if (node == nullptr) return;
  is_held ? node->host().hold_messages() : node->host().release_messages();
}

}  // namespace distflow::testing
