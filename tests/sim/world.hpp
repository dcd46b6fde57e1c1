// A world: one PMD and some nodes in one thread, on a network in memory, under faults; and what must hold in it.
//
// One thread. One seed decides all: what is sent, which faults there are, and when.
//   1. A run is rounds: a stretch of faults and work, then calm, at whose end all that must hold is checked; at last
//      every node is shut down, within its deadline.
//   2. The first thing that is wrong ends the run, and is its failure.
//   3. A fault that was asked for has more rounds to strike in, some; that it never struck is a failure.
// Use: World world({.seed = 7}); WorldOutcome outcome = world.run();
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "tests/sim/ask_ledger.hpp"
#include "tests/sim/lying_client.hpp"
#include "tests/sim/lying_node.hpp"
#include "tests/sim/lying_pmd.hpp"
#include "tests/sim/members.hpp"

namespace distflow::test {

struct WorldOptions {
  std::uint64_t seed = 1;
  std::size_t nodes = 5;
  double minutes = 1;                        ///< of simulated time, at least
  base::Duration chaos = base::seconds(15);  ///< of a round: the time in which there are work and faults
  /// Faults that every run has; the others are as the seed says.
  std::vector<io::sim::Fault> forced = {};
  std::vector<io::sim::Fault> excluded = {};  ///< that no run has, unless others come of them
  std::function<void(std::string_view)> trace = {};
};

struct WorldOutcome {
  std::string failure;  ///< what was found to be wrong first; empty when nothing was
  base::Duration simulated{};
  std::uint64_t events = 0;  ///< of the network
  std::uint64_t turns = 0;   ///< of all reactors
  std::uint64_t sent = 0;    ///< messages accepted
  std::uint64_t handled = 0;
  io::sim::FaultCounts faults;
  io::sim::PerFault<bool> wanted;  ///< which faults the run was to have
};

class World final : private NodeWitness {
 public:
  explicit World(WorldOptions options);
  ~World();

  WorldOutcome run();

 private:
  using Fault = io::sim::Fault;
  using Severance = io::sim::Process::Severance;

  // How the world turns (world.cpp).
  void run_until(base::Instant then);
  void run_for(base::Duration time) { run_until(network_.now() + time); }
  bool turn_whoever_is_due();
  [[nodiscard]] base::Instant next_due() const;
  void after(base::Duration delay, std::function<void()> what);
  void fail(std::string what);
  void on_trace(std::string_view line) { options_.trace(line); }
  void reap();
  template <class Visit>
  void for_each_member(Visit visit) {
    if (pmd_) visit(*pmd_);
    for (const auto& node : nodes_) visit(*node);
  }

  // Its inhabitants (world.cpp).
  /// True when the place had none.
  bool populate(std::size_t place);
  void remove(NodeMember& node, Severance how);
  void crash(NodeMember& node, Severance how);
  void crash_pmd(Severance how);
  void take_down(std::unique_ptr<SimMember> member, Severance how);
  /// True when there was none.
  bool start_pmd_if_none();
  /// As who had it ended does: no node will.
  void start_pmd_again();
  void on_pmd_wanted(NodeMember& node, OnPmdStart on_outcome) override;
  /// With the alias that the one before had.
  NodeMember& start_node(std::size_t place);
  void on_message(NodeMember& node, const Message& message) override;
  void check_message(const NodeMember& node, const Message& message, const Ledger::Reading& reading);
  void on_peer(NodeMember& node, const std::string& peer_id, bool is_there) override;
  void on_node_closed(NodeMember& node) override;
  [[nodiscard]] NodeMember* find_by_id(const std::string& node_id);
  [[nodiscard]] NodeMember* find_by_number(std::uint32_t number);
  [[nodiscard]] NodeOptions node_options(std::size_t place);
  [[nodiscard]] io::PeerOwner some_user();
  [[nodiscard]] base::ChunkPoolOptions receive_chunks();

  // What happens in it (world_events.cpp).
  void choose_faults();
  void set_rates();
  void plan_work();
  void plan_faults();
  void do_work();
  void do_fault();
  bool act(Fault fault);
  bool act_on_node(Fault fault, NodeMember& node);
  bool act_on_pmd(Fault fault);
  bool stop_reading(NodeMember& node);
  void later(SimMember& whose, base::Duration delay, void (*what)(SimMember&));
  void calm_down();
  void send_some(NodeMember& node);
  /// Whether the node accepted it.
  bool send_one(NodeMember& node, const std::string& name, std::size_t size);
  void send_one_from_other_thread(NodeMember& node, const std::string& name, std::size_t size);
  [[nodiscard]] std::string some_name();
  NodeMember* some_node();
  SimMember* some_member();
  base::Duration some_time(base::Duration from, base::Duration to);
  [[nodiscard]] bool is_on(Fault fault) const { return outcome_.wanted[fault]; }

  // Another node with a node's alias (world_events.cpp).
  void choose_namesakes();
  void plan_namesakes();
  void have_namesake();

  // Liars, and handlers that act (world_lies.cpp).
  void choose_lies();
  void begin_lies();
  void plan_lies();
  void plan_false_pmd();
  void have_false_pmd();
  void let_somebody_lie();
  void end_lies();
  void act_in_handler(NodeMember& node);
  [[nodiscard]] std::string some_liar();
  [[nodiscard]] bool has_liars() const;
  [[nodiscard]] std::uint64_t forged(const std::string& from, const std::string& to) const;
  base::Duration some_time_of_lies(base::Duration from, base::Duration to);

  // Requests (world_asks.cpp).
  struct Extra {
    std::uint64_t sent_max;
    std::uint64_t handled_min;
    std::uint64_t handled_max;
  };
  class AskElsewhere final : public runtime::OtherTargets {
   public:
    AskElsewhere(NodeMember& node, std::size_t nodes) : node_(node), nodes_(nodes) {}
    runtime::TargetPtr next(std::uint64_t drawn) override;
    void let_go(const runtime::TargetState& target, AskError why) noexcept override;
    std::vector<std::string> asked{};  // those that have the request

   private:
    NodeMember& node_;
    const std::size_t nodes_;
  };
  void choose_asks();
  AskElsewhere& elsewhere(NodeMember& node, const std::string& name);
  void answer_requests_of(NodeMember& node);
  void on_request(std::uint32_t node, const Request& request, Responder responder);
  void ask_some(NodeMember& node);
  void ask_one(NodeMember& node);
  void answer_open_requests();
  [[nodiscard]] static Extra extra_messages(const AskStats& asks);
  void check_asks(NodeMember& node);
  void check_no_ask_is_open();

  // Topics (world_topics.cpp).
  void choose_topics();
  void do_topics(NodeMember& node);
  void subscribe(NodeMember& node, const std::string& topic);
  void publish_some(NodeMember& node, const std::string& topic);
  bool publish_one(NodeMember& node, const std::string& topic, std::size_t size, bool is_other_thread = false);
  void on_published(NodeMember& node, const std::string& topic, const Message& message) override;
  void check_subscribers();
  void publish_probes_of(NodeMember& sender);

  // A topic whose last messages are retained (world_retained.cpp).
  void choose_retained();
  void do_retained(NodeMember& node);
  void subscribe_to_retained(NodeMember& node);
  void publish_retained(NodeMember& node);
  void on_retained(NodeMember& node, const Message& message);
  void probe_retained();
  void check_retained_of(const NodeMember& publisher, const NodeMember& subscriber);

  // What must hold (world_checks.cpp).
  void check_quiet();
  void check_places();
  void check_views();
  void check_registry();
  void check_counters(NodeMember& node);
  void check_law(NodeMember& node);
  void check_end(NodeMember& node);
  void check_pairs();
  void check_resources(NodeMember& node);
  void check_idleness(std::uint64_t turns_before);
  [[nodiscard]] std::string_view missing_fault() const;
  void send_probes();
  void send_probes_of(NodeMember& sender);
  void post_probes();
  void probe_death();
  [[nodiscard]] std::uint64_t total_turns();
  void shut_all_down();

  static constexpr base::Duration kProbeInterval = base::milliseconds(200);   // from one node's to the next one's
  static constexpr const char* kRetained = "kept";                            // the topic of which some are retained
  static constexpr std::string_view kOfAnotherThread = " of another thread";  // in the name of its flow

  const WorldOptions options_;
  base::Random random_;
  io::sim::Network network_;
  Ledger ledger_;
  WorldOutcome outcome_;
  std::multimap<base::Instant, std::function<void()>> agenda_;
  std::unique_ptr<PmdMember> pmd_;
  std::vector<std::unique_ptr<NodeMember>> nodes_;  // in the order of their start
  std::uint32_t node_count_ = 0;                    // ever started
  struct Origin {
    std::uint32_t process;
    std::string node_id;
  };
  std::vector<Origin> origins_;  // by a node's number
  // What liars and handlers do has a seed of its own: runs without them are as if there were none.
  base::Random lies_;
  Lore lore_;
  std::vector<std::unique_ptr<LyingNode>> lying_nodes_;
  std::vector<std::unique_ptr<LyingClient>> lying_clients_;
  std::unique_ptr<LyingPmd> lying_pmd_;
  // So have requests.
  struct OpenRequest {
    std::uint32_t node;
    std::string payload;
    Responder responder;
  };
  base::Random asks_random_;
  bool has_asks_ = false;
  AskLedger ask_ledger_;
  std::vector<OpenRequest> open_requests_;
  std::deque<AskElsewhere> elsewhere_;  // of all requests that have had any
  // And so have topics, what is retained of one, and namesakes.
  base::Random topics_random_;
  bool has_topics_ = false;
  Ledger topic_ledger_{Ledger::Receivers::many};
  base::Random retained_random_;
  bool has_retained_ = false;
  std::map<std::uint32_t, std::uint64_t> retained_;  // by a node's number: what it published last
  std::uint32_t late_subscriber_ = UINT32_MAX;       // in the calm, and what it gets of each node
  std::map<std::uint32_t, std::vector<std::uint64_t>> late_;
  base::Random namesakes_;
  bool has_had_pmd_ = false;
  bool is_gentle_ = false;  // nothing that a node may be thought dead for, and nothing that loses a message
  bool is_calm_ = true;
  bool is_settled_ = false;  // calm for so long that everybody sees everybody
  bool is_ending_ = false;
};

}  // namespace distflow::test
