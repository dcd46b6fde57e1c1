// What happens in a world: work, and faults.
#include <algorithm>

#include "tests/sim/world.hpp"

namespace distflow::test {
namespace {

using base::milliseconds;
using base::seconds;
using io::sim::Fault;

/// Of faults that strike by chance: how often at most, of their occasions.
struct Rate {
  Fault fault;
  double max;
};
constexpr Rate kRates[] = {
    {Fault::split, 0.5},
    {Fault::merged, 0.2},
    {Fault::delayed, 0.05},
    {Fault::reset, 0.01},
    {Fault::half_close, 0.01},
    {Fault::refused, 0.3},
    {Fault::slow_connect, 0.3},
    {Fault::aborted_accept, 0.2},
    {Fault::short_send, 0.3},
    {Fault::interrupted, 0.2},
    {Fault::spurious_readiness, 0.1},
    {Fault::spurious_wake, 0.1},
    {Fault::no_memory, 0.3},
    {Fault::late_event, 0.7},
};

/// Faults that are done to somebody, now and then.
constexpr Fault kDeeds[] = {Fault::no_descriptors, Fault::no_chunks, Fault::pause,        Fault::wall_jump,
                            Fault::monotonic_jump, Fault::partition, Fault::crash,        Fault::vanish,
                            Fault::pmd_crash,      Fault::pmd_end,   Fault::reading_pause};

/// Those under which no node may be thought dead that lives, and no message gets lost that was written to one.
constexpr Fault kGentle[] = {Fault::split,      Fault::merged,     Fault::short_send,    Fault::interrupted,
                             Fault::no_memory,  Fault::late_event, Fault::spurious_wake, Fault::spurious_readiness,
                             Fault::wall_jump,  Fault::crash,      Fault::pmd_crash,     Fault::restart,
                             Fault::pmd_restart};

/// Those before it are chosen here; those from it on in world_lies.cpp.
constexpr auto kFirstLie = static_cast<std::size_t>(Fault::lying_node);

/// Faults that come of others.
struct Consequence {
  Fault fault;
  Fault cause;
};
constexpr Consequence kConsequences[] = {
    {Fault::heal, Fault::partition}, {Fault::restart, Fault::crash}, {Fault::pmd_restart, Fault::pmd_crash}};

constexpr double kEnabledChance = 0.4;
constexpr double kGentleChance = 0.2;
constexpr double kNamesakesChance = 0.2;

}  // namespace

/// Each run has a part of the faults only: what one fault always hides, another run shows.
void World::choose_faults() {
  is_gentle_ = options_.forced.empty() && random_.chance(kGentleChance);
  for (std::size_t i = 0; i < kFirstLie; ++i) {
    const auto fault = static_cast<Fault>(i);
    const bool is_allowed =
        !is_gentle_ || std::find(std::begin(kGentle), std::end(kGentle), fault) != std::end(kGentle);
    outcome_.wanted[fault] = random_.chance(kEnabledChance) && is_allowed;
  }
  for (const Fault fault : options_.excluded) outcome_.wanted[fault] = false;
  for (const Fault fault : options_.forced) outcome_.wanted[fault] = true;
  for (const Consequence& consequence : kConsequences) {
    if (is_on(consequence.fault)) outcome_.wanted[consequence.cause] = true;
  }
}

void World::set_rates() {
  for (const Rate& rate : kRates) {
    const double part = 0.1 + 0.9 * static_cast<double>(random_.uniform(1000)) / 1000;
    if (is_on(rate.fault)) network_.rates()[rate.fault] = rate.max * part;
  }
}

void World::plan_work() {
  after(some_time(milliseconds(1), milliseconds(150)), [this] {
    if (is_calm_) return;
    do_work();
    plan_work();
  });
}

void World::plan_faults() {
  after(some_time(milliseconds(1), milliseconds(1500)), [this] {
    if (is_calm_) return;
    do_fault();
    plan_faults();
  });
}

void World::do_work() {
  NodeMember* node = some_node();
  if (node == nullptr) return;
  check_law(*node);
  ask_some(*node);
  do_topics(*node);
  do_retained(*node);
  const std::uint64_t dice = random_.uniform(100);
  if (dice < 85) return send_some(*node);
  if (dice < 97) {
    if (node->state() != NodeMember::State::running) return;
    const std::uint32_t number = node->number();
    node->ask_pmd(some_name(), [this, number](const Result<PeerInfo>&) {
      if (NodeMember* asker = find_by_number(number)) --asker->questions;
    });
    return;
  }
  network_.trace("%s is told to shut down", node->label().c_str());
  node->begin_shutdown(some_time(milliseconds(100), seconds(3)));
}

void World::send_some(NodeMember& node) {
  const std::string name = some_name();
  if (name.starts_with("liar")) {
    // Enough to be offered memory.
    for (std::uint64_t i = 30 + random_.uniform(70); i > 0; --i) send_one(node, name, random_.uniform(300));
    return;
  }
  // A burst of another thread is as long as a queue, now and then: what comes behind it is told that there is no room.
  if (random_.chance(0.3)) {
    const std::uint64_t burst = random_.chance(0.2) ? 1 + random_.uniform(300) : 1 + random_.uniform(10);
    for (std::uint64_t i = 0; i < burst; ++i) send_one_from_other_thread(node, name, random_.uniform(300));
    return;
  }
  const std::uint64_t count = random_.chance(0.1) ? 1 + random_.uniform(60) : 1 + random_.uniform(4);
  for (std::uint64_t i = 0; i < count; ++i) {
    send_one(node, name, random_.chance(0.03) ? random_.uniform(30'000) : random_.uniform(300));
  }
}

bool World::send_one(NodeMember& node, const std::string& name, std::size_t size) {
  const bool is_accepted = is_under_way(node.send(name, ledger_.write(node.number(), name, size)));
  if (is_accepted) ++outcome_.sent;
  return is_accepted;
}

/// In a flow of its own: between threads there is no order.
void World::send_one_from_other_thread(NodeMember& node, const std::string& name, std::size_t size) {
  const std::string message = ledger_.write(node.number(), std::string(name).append(kOfAnotherThread), size);
  if (is_under_way(node.send_from_other_thread(name, message))) ++outcome_.sent;
}

/// An alias or a nodeId; now and then of nobody.
std::string World::some_name() {
  if (const std::string liar = some_liar(); !liar.empty()) return liar;
  if (random_.chance(0.03)) return "nobody" + std::to_string(random_.uniform(3));
  if (random_.chance(0.3)) {
    if (NodeMember* node = some_node()) return (*node)->node_id();
  }
  return "n" + std::to_string(random_.uniform(options_.nodes));
}

NodeMember* World::some_node() { return nodes_.empty() ? nullptr : nodes_[random_.uniform(nodes_.size())].get(); }

SimMember* World::some_member() {
  if (pmd_ && random_.chance(0.25)) return pmd_.get();
  return some_node();
}

base::Duration World::some_time(base::Duration from, base::Duration to) {
  return from + base::Duration(static_cast<base::Duration::rep>(
                    random_.uniform(static_cast<std::uint64_t>((to - from).count()) + 1)));
}

void World::do_fault() {
  std::vector<Fault> possible;
  std::copy_if(std::begin(kDeeds), std::end(kDeeds), std::back_inserter(possible),
               [this](Fault f) { return is_on(f); });
  if (possible.empty()) return;
  const Fault fault = possible[random_.uniform(possible.size())];
  network_.trace("fault: %.*s", static_cast<int>(to_string(fault).size()), to_string(fault).data());
  if (act(fault)) network_.count(fault);
}

/// Does a fault to somebody, and plans its end. False when nobody was there to feel it, or when it counts where it is
/// felt.
bool World::act(Fault fault) {
  SimMember* member = some_member();
  NodeMember* node = some_node();
  if (member == nullptr || node == nullptr) return false;
  switch (fault) {
    case Fault::no_descriptors:
      member->process().set_descriptors_max(member->reactor().backend().handle_count());
      later(*member, some_time(milliseconds(100), seconds(3)),
            [](SimMember& m) { m.process().set_descriptors_max(SIZE_MAX); });
      return false;
    case Fault::no_chunks:
      // Only what waits for its handler keeps chunks.
      stop_reading(*node);
      node->hoard_chunks();
      later(*node, some_time(milliseconds(100), seconds(3)), [](SimMember& m) { m.release_chunks(); });
      return false;
    case Fault::partition: {
      if (member == node) return false;
      const auto ids = std::pair(member->process().id(), node->process().id());
      network_.cut(ids.first, ids.second);
      after(some_time(milliseconds(10), seconds(10)), [this, ids] { network_.mend(ids.first, ids.second); });
      return false;
    }
    case Fault::pause: member->pause_until(network_.now() + some_time(milliseconds(10), seconds(10))); return true;
    case Fault::wall_jump: {
      constexpr base::WallMs fifty_years = base::WallMs{50} * 365 * 24 * 3600 * 1000;
      const auto jump = static_cast<base::WallMs>(random_.uniform(2 * fifty_years));
      member->process().jump_clocks({}, jump - fifty_years);
      return true;
    }
    case Fault::monotonic_jump:
      member->process().jump_clocks(some_time(milliseconds(10), seconds(3600)), 0);
      return true;
    case Fault::pmd_crash:
    case Fault::pmd_end: return pmd_ && act_on_pmd(fault);
    default: return act_on_node(fault, *node);
  }
}

bool World::act_on_node(Fault fault, NodeMember& node) {
  if (fault == Fault::reading_pause) return stop_reading(node);
  crash(node, fault == Fault::crash ? Severance::killed : Severance::vanished);
  return true;
}

void World::choose_namesakes() {
  const bool is_excluded = std::ranges::find(options_.excluded, Fault::namesake) != options_.excluded.end();
  const bool is_forced = std::ranges::find(options_.forced, Fault::namesake) != options_.forced.end();
  outcome_.wanted[Fault::namesake] = is_forced || (namesakes_.chance(kNamesakesChance) && !is_gentle_ && !is_excluded);
}

void World::plan_namesakes() {
  if (!is_on(Fault::namesake)) return;
  after(milliseconds(100 + namesakes_.uniform(5000)), [this] {
    if (is_calm_) return;
    have_namesake();
    plan_namesakes();
  });
}

/// The PMD is killed, and another one is there before the holder of an alias can say that it has it.
void World::have_namesake() {
  if (nodes_.empty() || lying_pmd_) return;
  NodeMember& holder = *nodes_[namesakes_.uniform(nodes_.size())];
  if (holder.state() != NodeMember::State::running) return;
  crash_pmd(Severance::killed);
  start_pmd_if_none();
  holder.pause_until(network_.now() + milliseconds(200 + namesakes_.uniform(2500)));
  const std::size_t place = holder.place();
  const std::uint32_t number = start_node(place).number();
  network_.count(Fault::namesake);
  after(milliseconds(100 + namesakes_.uniform(3000)), [this, number, place] {
    if (NodeMember* const namesake = find_by_number(number)) remove(*namesake, Severance::killed);
    populate(place);
  });
}

/// For a while; false when it has stopped already.
bool World::stop_reading(NodeMember& node) {
  if (!node.is_reading()) return false;
  node.read_messages(false);
  later(node, some_time(milliseconds(10), seconds(3)), [](SimMember& m) {
    auto& reader = static_cast<NodeMember&>(m);
    if (reader.is_alive() && !reader.is_reading()) reader.read_messages(true);
  });
  return true;
}

bool World::act_on_pmd(Fault fault) {
  if (fault == Fault::pmd_crash) {
    crash_pmd(is_gentle_ || random_.chance(0.7) ? Severance::killed : Severance::vanished);
    return true;
  }
  if (pmd_->is_ending()) return false;
  pmd_->begin_shutdown();
  after(some_time(seconds(1), seconds(4)), [this] { start_pmd_again(); });
  return true;
}

/// Does something to a member, if it is still there by then: it is looked for by its process.
void World::later(SimMember& whose, base::Duration delay, void (*what)(SimMember&)) {
  after(delay, [this, id = whose.process().id(), what] {
    for_each_member([&](SimMember& member) {
      if (member.process().id() == id) what(member);
    });
  });
}

/// Ends all faults.
void World::calm_down() {
  network_.trace("calm");
  is_calm_ = true;
  end_lies();
  answer_open_requests();
  network_.rates() = {};
  network_.mend_all();
  for_each_member([](SimMember& member) {
    member.resume();
    member.release_chunks();
    member.process().set_descriptors_max(SIZE_MAX);
  });
  // A node that has heard of an ordered end starts no PMD until it has seen another.
  if (is_on(Fault::pmd_end)) start_pmd_again();
  for (const auto& node : nodes_) {
    if (node->is_alive() && !node->is_reading()) node->read_messages(true);
  }
}

}  // namespace distflow::test
