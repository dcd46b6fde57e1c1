// Liars in a world: which there are, and when they act; and handlers that call the node that calls them.
#include <algorithm>
#include <stdexcept>

#include "tests/sim/world.hpp"

namespace distflow::test {
namespace {

using base::milliseconds;
using base::seconds;
using io::sim::Fault;

/// Of the runs, so many have liars or busy handlers, and each of these half of the kinds.
constexpr double kLiesChance = 0.3;
constexpr double kKindChance = 0.5;
/// Of the calls of a handler, so many are used.
constexpr double kBusyChance = 0.1;
/// Of the names that are sent to, so many are a liar's.
constexpr double kLiarNamedChance = 0.2;

constexpr Fault kLies[] = {Fault::lying_node, Fault::false_answer, Fault::broken_ring,  Fault::lying_client,
                           Fault::takeover,   Fault::lying_pmd,    Fault::busy_handler, Fault::end_in_handler};

/// Under these an honest node may be thought dead that lives, or lose what is sent to it. A takeover is among them only
/// because today a nodeId is given to whoever registers it. Once that takes the secret of the registration that has it,
/// nobody feels one, and gentle runs can have it.
constexpr Fault kHarmful[] = {Fault::takeover, Fault::lying_pmd};

struct Consequence {
  Fault fault;
  Fault cause;
};
constexpr Consequence kConsequences[] = {{Fault::false_answer, Fault::lying_node},
                                         {Fault::broken_ring, Fault::lying_node},
                                         {Fault::takeover, Fault::lying_client},
                                         {Fault::end_in_handler, Fault::busy_handler}};

template <class Faults>
bool has(const Faults& faults, Fault fault) {
  return std::find(std::begin(faults), std::end(faults), fault) != std::end(faults);
}

}  // namespace

void World::choose_lies() {
  const bool has_lies = lies_.chance(kLiesChance);
  for (const Fault fault : kLies) {
    const bool is_chosen = lies_.chance(kKindChance) && has_lies && !(is_gentle_ && has(kHarmful, fault)) &&
                           !has(options_.excluded, fault);
    outcome_.wanted[fault] = is_chosen || has(options_.forced, fault);
  }
  for (const Consequence& consequence : kConsequences) {
    if (is_on(consequence.fault)) outcome_.wanted[consequence.cause] = true;
  }
  lore_.is_gentle = is_gentle_;
  lore_.answers_falsely = is_on(Fault::false_answer);
  lore_.breaks_rings = is_on(Fault::broken_ring);
  lore_.takes_over = is_on(Fault::takeover);
}

bool World::has_liars() const {
  return is_on(Fault::lying_node) || is_on(Fault::lying_client) || is_on(Fault::lying_pmd);
}

/// For the time until the calm.
void World::begin_lies() {
  if (is_on(Fault::lying_node)) {
    for (std::uint64_t i = 0; i < 3; ++i) {
      lying_nodes_.push_back(std::make_unique<LyingNode>(lore_, "liar" + std::to_string(i), lies_.next()));
    }
  }
  if (is_on(Fault::lying_client)) {
    lying_clients_.push_back(std::make_unique<LyingClient>(lore_, "false client", lies_.next()));
  }
  if (has_liars()) plan_lies();
  if (is_on(Fault::lying_pmd)) plan_false_pmd();
}

void World::plan_lies() {
  after(some_time_of_lies(milliseconds(0), milliseconds(20)), [this] {
    if (is_calm_) return;
    for (Rumour& node : lore_.nodes) {
      const NodeMember* const member = node.is_alive ? find_by_id(node.node_id) : nullptr;
      node.is_alive = member != nullptr && member->is_alive();
    }
    let_somebody_lie();
    if (!lore_.failure.empty()) return fail(lore_.failure);
    plan_lies();
  });
}

void World::let_somebody_lie() {
  const std::size_t count = lying_nodes_.size() + lying_clients_.size();
  const std::size_t which = lies_.uniform(count + 1);
  if (which < lying_nodes_.size()) {
    lying_nodes_[which]->act();
  } else if (which < count) {
    LyingClient& client = *lying_clients_[which - lying_nodes_.size()];
    client.act();
    if (client.has_asked_for_end()) after(seconds(3), [this] { start_pmd_again(); });
  }
  if (lying_pmd_) lying_pmd_->act();
}

void World::plan_false_pmd() {
  after(some_time_of_lies(milliseconds(100), seconds(6)), [this] {
    if (is_calm_) return;
    have_false_pmd();
    plan_false_pmd();
  });
}

/// For a while, in the PMD's place. Then there is none, until a node has one started, or whoever hears that none will.
void World::have_false_pmd() {
  if (lying_pmd_) return;
  crash_pmd(Severance::killed);
  network_.trace("a false PMD takes the place");
  lying_pmd_ = std::make_unique<LyingPmd>(lore_, "false PMD", lies_.next());
  if (!lying_pmd_->is_there()) return lying_pmd_.reset();
  after(some_time_of_lies(milliseconds(100), seconds(4)), [this] {
    lying_pmd_.reset();
    after(seconds(3), [this] { start_pmd_again(); });
  });
}

void World::end_lies() {
  lying_nodes_.clear();
  lying_clients_.clear();
  lying_pmd_.reset();
  if (!is_on(Fault::lying_pmd) && !is_on(Fault::lying_client)) return;
  // A node that was told of an ordered end starts no PMD; what was asked of the PMD may still be on its way to it.
  start_pmd_again();
  after(seconds(3), [this] { start_pmd_again(); });
}

std::string World::some_liar() {
  if (lying_nodes_.empty() || !lies_.chance(kLiarNamedChance)) return {};
  const LyingNode& liar = *lying_nodes_[lies_.uniform(lying_nodes_.size())];
  return liar.label();
}

/// Frames that liars have sent to `to` in the name of `from`, at most.
std::uint64_t World::forged(const std::string& from, const std::string& to) const {
  if (lore_.readers_of_broken_rings.contains(to)) return UINT64_MAX / 2;
  const auto found = lore_.forged.find({from, to});
  return found == lore_.forged.end() ? 0 : found->second;
}

/// What an application may do in a handler: anything that it may do elsewhere.
void World::act_in_handler(NodeMember& node) {
  if (!is_on(Fault::busy_handler) || is_calm_ || !node.is_alive() || !lies_.chance(kBusyChance)) return;
  network_.count(Fault::busy_handler);
  const std::uint64_t dice = lies_.uniform(9);
  network_.trace("%s acts in a handler: %d", node.label().c_str(), static_cast<int>(dice));
  switch (dice) {
    case 0: send_one(node, "n" + std::to_string(node.place()), 20); return;
    case 1: send_some(node); return;
    case 2: send_one(node, "nobody" + std::to_string(lies_.uniform(3)), 20); return;
    case 3:
      node.ask_pmd(some_name(), [this, number = node.number()](const Result<PeerInfo>&) {
        if (NodeMember* asker = find_by_number(number)) --asker->questions;
      });
      return;
    case 4: stop_reading(node); return;
    case 5: node.read_messages(true); return;
    case 6: node.hear_of_peers(); return;
    case 7:
      if (!is_on(Fault::end_in_handler) || !lies_.chance(0.3)) return static_cast<void>(node.stats());
      network_.count(Fault::end_in_handler);
      node.begin_shutdown(lies_.chance(0.3) ? base::Duration::zero() : some_time_of_lies(milliseconds(1), seconds(2)));
      return;
    default: throw std::runtime_error("a handler of the simulation throws");
  }
}

base::Duration World::some_time_of_lies(base::Duration from, base::Duration to) {
  return from + base::Duration(static_cast<base::Duration::rep>(
                    lies_.uniform(static_cast<std::uint64_t>((to - from).count()) + 1)));
}

}  // namespace distflow::test
