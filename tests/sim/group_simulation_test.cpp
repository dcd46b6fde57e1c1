// Groups in whole systems under faults: nodes that join and leave, are killed, stand still, are cut off and shut down,
// and a PMD that is killed and started anew.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "tests/sim/members.hpp"
#include "tests/support/sanitized.hpp"

namespace distflow::test {
namespace {

using base::milliseconds;
using base::seconds;
using io::sim::Fault;
using Severance = io::sim::Process::Severance;

constexpr std::uint16_t kPmdPort = 4369;
constexpr std::uint64_t kSeeds = kIsSanitized ? 30 : 100;
constexpr std::size_t kNodes = 5;
constexpr const char* kGroups[] = {"a", "b"};

class GroupWorld final : private NodeWitness {
 public:
  explicit GroupWorld(std::uint64_t seed) : random_(seed), network_(options_of(random_.next())) {
    start_pmd();
    for (std::size_t place = 0; place < kNodes; ++place) populate(place);
    run_for(seconds(2));
    for (const Fault fault : {Fault::split, Fault::merged, Fault::delayed, Fault::short_send, Fault::slow_connect}) {
      network_.rates()[fault] = random_.chance(0.5) ? 0.2 : 0;
    }
    for (const Fault fault : {Fault::reset, Fault::half_close}) {
      network_.rates()[fault] = random_.chance(0.5) ? 0.01 : 0;
    }
  }
  ~GroupWorld() {
    while (!nodes_.empty()) take_down(nodes_.size() - 1);
    static_cast<void>(pmd_->finish_severed(Severance::killed));
  }

  void run() {
    for (int step = 0; step < 300 && failure.empty(); ++step) {
      act();
      run_for(milliseconds(1 + random_.uniform(60)));
    }
    network_.mend_all();
    network_.rates() = {};
    for (const auto& node : nodes_) node->resume();
    run_for(seconds(15));  // longer than any backoff, grace and TTL
    for (const auto& node : nodes_) check_view(*node);
    for (const auto& [number, sent] : sent_) {
      if (sent.handled > 1) fail("message " + number + " came twice");
    }
  }

  std::string failure;
  std::uint64_t handled = 0;
  std::uint64_t members_seen = 0;

 private:
  struct Sent {
    std::string to;
    int handled = 0;
  };

  static io::sim::NetworkOptions options_of(std::uint64_t seed) {
    return {.seed = seed,
            .latency_min = std::chrono::microseconds(20),
            .latency_max = std::chrono::microseconds(500),
            .capacity_min = 4 * 1024,
            .capacity_max = 128 * 1024};
  }
  static base::ChunkPoolOptions chunks() { return {.chunk_size = 8 * 1024, .chunk_count_max = 8}; }

  void fail(std::string what) {
    if (failure.empty()) failure = std::move(what);
  }

  void start_pmd() {
    pmd::ServerOptions options;
    options.process_id = 1;
    pmd_ = std::make_unique<PmdMember>(network_, chunks(), options);
    if (!pmd_->is_started()) fail("the PMD does not start");
  }

  void populate(std::size_t place) {
    NodeOptions options;
    options.alias = "n" + std::to_string(place);
    options.pmd_port = kPmdPort;
    options.heartbeat_interval = seconds(2);
    options.ttl = seconds(6);
    options.connect_deadline = milliseconds(400);
    options.rejoin_grace = seconds(1);
    options.log = LogVerbosity::error;
    NodeWitness& witness = *this;
    nodes_.push_back(std::make_unique<NodeMember>(network_, witness, count_++, place, chunks(), options));
  }

  static runtime::GroupMembers members(NodeMember& node, const char* name) {
    runtime::GroupMembers copy;
    const auto group = node->groups().of(name, [&node](auto&& visit) { node->directory().for_each_node(visit); });
    if (group != nullptr) node->groups().copy_members(*group, copy);
    return copy;
  }

  void act() {
    if (nodes_.empty()) return;
    const std::size_t which = random_.uniform(nodes_.size());
    NodeMember& node = *nodes_[which];
    const char* const name = kGroups[random_.uniform(std::size(kGroups))];
    const std::uint64_t dice = random_.uniform(100);
    if (dice < 35) {
      regroup(node, name);
    } else if (dice < 75) {
      send(node, name);
    } else if (dice < 80) {
      node.pause_until(network_.now() + milliseconds(10 + random_.uniform(900)));
    } else if (dice < 85) {
      const bool is_pmd = random_.chance(0.5);
      const auto other = is_pmd ? pmd_->process().id() : nodes_[random_.uniform(nodes_.size())]->process().id();
      if (other != node.process().id()) network_.cut(node.process().id(), other);
    } else if (dice < 92) {
      network_.mend_all();
    } else if (dice < 95) {
      const std::size_t place = node.place();
      take_down(which);
      populate(place);
    } else if (dice < 97) {
      node.begin_shutdown(milliseconds(200));
    } else {
      static_cast<void>(pmd_->finish_severed(Severance::killed));
      start_pmd();
    }
  }

  void regroup(NodeMember& node, const char* name) {
    if (!node.is_alive()) return;
    node.touch();
    if (random_.chance(0.6)) {
      EXPECT_EQ(node->own_groups().join(name), runtime::OwnGroups::Outcome::done);
    } else {
      node->own_groups().leave(name);
    }
    node->update_groups();
  }

  void send(NodeMember& node, const char* name) {
    const runtime::GroupMembers known = members(node, name);
    if (known.empty()) return;
    const std::string& to = known[random_.uniform(known.size())]->node_id;
    const std::string number = std::to_string(sent_.size() + 1);
    if (is_under_way(node.send(to, number))) sent_[number] = {.to = to};
  }

  /// What a node has is what all have joined, once nothing is in the way any more.
  void check_view(NodeMember& node) {
    if (!node.is_alive()) return;
    for (const char* const name : kGroups) {
      std::set<std::string> expected;
      for (const auto& other : nodes_) {
        const protocol::Groups joined = (*other)->own_groups().list();
        const bool is_in = std::find(joined.begin(), joined.end(), name) != joined.end();
        if (other->is_alive() && is_in) expected.insert((*other)->node_id());
      }
      std::set<std::string> seen;
      for (const auto& member : members(node, name)) seen.insert(member->node_id);
      members_seen += seen.size();
      if (seen != expected) {
        fail(node.label() + " sees " + std::to_string(seen.size()) + " members of " + name + ", of " +
             std::to_string(expected.size()));
      }
    }
  }

  void on_message(NodeMember& node, const Message& message) override {
    const auto sent = sent_.find(std::string(message.payload));
    if (sent == sent_.end()) return fail("a message came that nobody sent");
    if (sent->second.to != node->node_id()) fail("message " + sent->first + " came to another than was picked");
    ++sent->second.handled;
    ++handled;
  }
  void on_peer(NodeMember&, const std::string&, bool) override {}
  void on_node_closed(NodeMember&) override {}
  void on_pmd_wanted(NodeMember&, OnPmdStart) override {}

  void take_down(std::size_t which) {
    std::unique_ptr<NodeMember> node = std::move(nodes_[which]);
    nodes_.erase(nodes_.begin() + static_cast<std::ptrdiff_t>(which));
    if (!node->finish_severed(Severance::killed)) fail(node->label() + " cannot be taken down");
  }

  void run_for(base::Duration time) {
    const base::Instant end = network_.now() + time;
    while (failure.empty()) {
      SimMember* due = nullptr;
      base::Instant next = network_.next_event();
      const auto look = [&](SimMember& member) {
        if (member.due() <= network_.now()) due = &member;
        next = std::min(next, member.due());
      };
      look(*pmd_);
      for (const auto& node : nodes_) look(*node);
      if (due != nullptr) {
        due->turn();
        reap();
        continue;
      }
      if (next > end) break;
      network_.run_until(next);
    }
    network_.run_until(std::max(end, network_.now()));
  }
  void reap() {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      if (!nodes_[i]->is_over()) continue;
      const std::size_t place = nodes_[i]->place();
      nodes_.erase(nodes_.begin() + static_cast<std::ptrdiff_t>(i));
      return populate(place);
    }
  }

  base::Random random_;
  io::sim::Network network_;
  std::map<std::string, Sent> sent_;
  std::uint32_t count_ = 0;
  std::unique_ptr<PmdMember> pmd_;
  std::vector<std::unique_ptr<NodeMember>> nodes_;
};

TEST(GroupSimulation, a_message_reaches_the_picked_member_or_nobody_and_all_see_the_same_members_in_the_end) {
  std::uint64_t handled = 0;
  std::uint64_t members_seen = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    GroupWorld world(seed);
    world.run();
    ASSERT_EQ(world.failure, "") << "seed " << seed;
    handled += world.handled;
    members_seen += world.members_seen;
  }
  EXPECT_GT(handled, kSeeds);
  EXPECT_GT(members_seen, kSeeds);
}

}  // namespace
}  // namespace distflow::test
