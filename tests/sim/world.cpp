#include "tests/sim/world.hpp"

#include <algorithm>
#include <cinttypes>
#include <utility>

#include "stream/memory_stream.hpp"

namespace distflow::test {
namespace {

using base::milliseconds;
using base::seconds;

constexpr std::uint16_t kPmdPort = 4369;
/// So many turns at one instant, and somebody spins.
constexpr int kTurnsAtOnceMax = 20'000;
/// After faults have stopped: for the PMD to be back, registrations to expire, suspects to go, dials to be tried; and,
/// the longest, for a peer that takes no byte to be given up, which may take twice the 30 s that it has.
constexpr base::Duration kSettling = seconds(75);
/// For probes to arrive, after the last node's turn to send them.
constexpr base::Duration kProbing = seconds(4);
/// A fault that was asked for and has not struck in so many rounds cannot.
constexpr int kRoundsMax = 20;
/// Of the rounds, so many end with a death in the calm.
constexpr double kDeathChance = 0.3;
/// Of the messages that are handled, so many are answered inside the handler.
constexpr double kAnswerChance = 0.05;

io::sim::NetworkOptions network_options(std::uint64_t seed) {
  return {.seed = seed,
          .latency_min = std::chrono::microseconds(20),
          .latency_max = std::chrono::microseconds(500),
          .capacity_min = 4 * 1024,
          .capacity_max = 128 * 1024};
}

}  // namespace

World::World(WorldOptions options)
    : options_(std::move(options)),
      random_(options_.seed),
      network_(network_options(random_.next())),
      lies_(~options_.seed),
      lore_{.network = network_, .pmd_port = kPmdPort},
      asks_random_(options_.seed * 3 + 1),
      topics_random_(options_.seed * 5 + 2),
      retained_random_(options_.seed * 11 + 4),
      namesakes_(options_.seed * 7 + 3) {
  if (options_.trace) network_.set_trace(base::Delegate<void(std::string_view)>::to<&World::on_trace>(*this));
  choose_faults();
  choose_lies();
  choose_asks();
  choose_topics();
  choose_retained();
  choose_namesakes();
}

World::~World() {
  open_requests_.clear();
  while (!nodes_.empty()) {
    std::unique_ptr<NodeMember> last = std::move(nodes_.back());
    nodes_.pop_back();
    take_down(std::move(last), Severance::killed);
  }
  if (pmd_) take_down(std::move(pmd_), Severance::killed);
}

WorldOutcome World::run() {
  const base::Instant began = network_.now();
  const auto whole = base::Duration(static_cast<base::Duration::rep>(options_.minutes * 60e9));
  start_pmd_if_none();
  for (std::size_t place = 0; place < options_.nodes; ++place) populate(place);
  run_for(seconds(2));
  int rounds = 0;
  do {
    ++rounds;
    is_calm_ = is_settled_ = false;
    set_rates();
    plan_work();
    plan_faults();
    plan_namesakes();
    begin_lies();
    run_for(options_.chaos);
    calm_down();
    run_for(kSettling);
    check_quiet();
    is_settled_ = true;
    send_probes();
    run_for(kProbeInterval * options_.nodes);
    post_probes();
    const std::uint64_t turns = total_turns();
    run_for(kProbing);
    check_quiet();
    check_idleness(turns);
    if (outcome_.failure.empty() && random_.chance(kDeathChance)) probe_death();
  } while (outcome_.failure.empty() &&
           (network_.now() - began < whole || (!missing_fault().empty() && rounds < kRoundsMax)));
  // A simulation that does less than it says shows nothing.
  if (!missing_fault().empty()) fail("the fault " + std::string(missing_fault()) + " never struck");
  if (outcome_.failure.empty()) shut_all_down();
  if (const std::string wrong = ask_ledger_.unended(); !wrong.empty()) fail(wrong);

  outcome_.simulated = network_.now() - began;
  outcome_.events = network_.event_count();
  outcome_.turns += total_turns();
  outcome_.handled = ledger_.handled_count();
  outcome_.faults = network_.counts();
  return outcome_;
}

// ---- How it turns.

std::uint64_t World::total_turns() {
  std::uint64_t turns = 0;
  for_each_member([&](const SimMember& member) { turns += member.turns(); });
  return turns;
}

void World::run_until(base::Instant end) {
  int turns_at_once = 0;
  while (outcome_.failure.empty()) {
    while (!agenda_.empty() && agenda_.begin()->first <= network_.now()) {
      const auto what = std::move(agenda_.begin()->second);
      agenda_.erase(agenda_.begin());
      what();
    }
    if (turn_whoever_is_due()) {
      if (++turns_at_once > kTurnsAtOnceMax) fail("somebody spins");
      continue;
    }
    turns_at_once = 0;
    const base::Instant next = next_due();
    if (next > end) break;
    network_.run_until(next);
  }
  network_.run_until(std::max(end, network_.now()));
}

/// Turns every process that is due once, beginning with any of them; true when there was one.
bool World::turn_whoever_is_due() {
  std::vector<SimMember*> due;
  for_each_member([&](SimMember& member) {
    if (member.due() <= network_.now()) due.push_back(&member);
  });
  if (due.empty()) return false;
  if (due.size() > 1)
    std::rotate(due.begin(), due.begin() + static_cast<std::ptrdiff_t>(random_.uniform(due.size())), due.end());
  for (SimMember* member : due) {
    member->turn();
    const std::string broken = member->broken_invariant();
    const bool is_explained = lore_.shares_foreign_memory && broken == stream::MemoryStream::kWriterForgotten;
    if (!broken.empty() && !is_explained) fail(member->label() + ": " + broken);
  }
  reap();
  return true;
}

base::Instant World::next_due() const {
  base::Instant next = network_.next_event();
  if (!agenda_.empty()) next = std::min(next, agenda_.begin()->first);
  if (pmd_) next = std::min(next, pmd_->due());
  for (const auto& node : nodes_) next = std::min(next, node->due());
  return next;
}

void World::after(base::Duration delay, std::function<void()> what) {
  agenda_.emplace(network_.now() + delay, std::move(what));
}

void World::fail(std::string what) {
  if (!outcome_.failure.empty()) return;
  network_.trace("FAILURE: %s", what.c_str());
  outcome_.failure = std::move(what);
}

/// Lets go of those that have ended in order.
void World::reap() {
  if (pmd_ && pmd_->is_over()) {
    network_.trace("the PMD has ended");
    outcome_.turns += pmd_->turns();
    pmd_->release_chunks();
    if (pmd_->receive_chunks().leased() > 1) fail("the PMD has not given its receive chunks back");
    pmd_.reset();
  }
  for (auto& node : nodes_) {
    if (!node->is_over()) continue;
    network_.trace("%s has ended", node->label().c_str());
    outcome_.turns += node->turns();
    check_end(*node);
    if (!is_ending_) after(milliseconds(200), [this, place = node->place()] { populate(place); });
    node.reset();
  }
  std::erase(nodes_, nullptr);
}

// ---- Its inhabitants.

NodeOptions World::node_options(std::size_t place) {
  NodeOptions options;
  options.alias = "n" + std::to_string(place);
  options.pmd_port = kPmdPort;
  options.heartbeat_interval = seconds(2);
  options.ttl = seconds(6);
  options.connect_deadline = seconds(2);
  options.start_deadline = seconds(10);
  options.rejoin_grace = seconds(5);
  constexpr Overflow policies[] = {Overflow::drop_newest, Overflow::drop_oldest, Overflow::block};
  options.mailbox = {.max_size = static_cast<std::uint32_t>(4 + random_.uniform(60)),
                     .bytes_max = 256 * 1024,
                     .overflow = policies[random_.uniform(std::size(policies))]};
  if (random_.chance(0.2)) options.conflate_by = "f";  // of each flow, until a handler is set
  // Chunks are kept by those who wait before a mailbox that is full.
  if (is_on(Fault::no_chunks) && random_.chance(0.7)) {
    options.mailbox.max_size = 4;
    options.mailbox.overflow = Overflow::block;
  }
  options.send_messages_max = static_cast<std::uint32_t>(20 + random_.uniform(200));
  options.parked_messages_max = static_cast<std::uint32_t>(4 + random_.uniform(60));
  options.write_at_once = random_.chance(0.2);
  options.memory_connections_max = random_.chance(0.2) ? 1 : 16;
  options.memory_ring_size = std::size_t{4096} << random_.uniform(5);
  options.log = LogVerbosity::error;
  return options;
}

/// Enough for anybody, or so few and so small ones that messages which wait use them up.
base::ChunkPoolOptions World::receive_chunks() {
  if (!is_on(Fault::no_chunks)) return {.chunk_size = 8 * 1024, .chunk_count_max = 8};
  return {.chunk_size = std::size_t{512} << random_.uniform(4),
          .chunk_count_max = static_cast<std::uint32_t>(2 + random_.uniform(2))};
}

/// Mostly the one that others are, so that they share what nodes of one user do.
io::PeerOwner World::some_user() {
  constexpr std::uint32_t another = 1002;
  if (random_.chance(0.8)) return io::PeerOwner::user(io::sim::Process::kUserAtFirst);
  return random_.chance(0.5) ? io::PeerOwner::user(another) : io::PeerOwner::unknown(io::OwnerStatus::cannot_ask);
}

/// Starts the node of a place, if it has none: with the alias that the one before had.
bool World::populate(std::size_t place) {
  if (is_ending_) return false;
  const bool is_taken = std::any_of(nodes_.begin(), nodes_.end(), [&](const auto& node) {
    return node->place() == place && node->state() <= NodeMember::State::running;
  });
  if (is_taken) return false;
  start_node(place);
  return true;
}

NodeMember& World::start_node(std::size_t place) {
  NodeWitness& witness = *this;
  nodes_.push_back(std::make_unique<NodeMember>(network_, witness, node_count_++, place, receive_chunks(),
                                                node_options(place), some_user()));
  NodeMember& node = *nodes_.back();
  lore_.nodes.push_back({.node_id = node->node_id(), .alias = "n" + std::to_string(place), .port = node->port()});
  origins_.push_back({.process = node.process().id(), .node_id = node->node_id()});
  node.is_pmd_honest = !is_on(Fault::lying_pmd);
  answer_requests_of(node);
  network_.trace("%s starts at place %zu: %s", node.label().c_str(), place, node->node_id().c_str());
  return node;
}

bool World::start_pmd_if_none() {
  if (pmd_ || lying_pmd_) return false;
  pmd::ServerOptions options;
  options.process_id = 1;
  pmd_ = std::make_unique<PmdMember>(network_, receive_chunks(), options);
  if (!pmd_->is_started()) fail("the PMD finds its port taken");
  network_.trace("the PMD starts");
  if (std::exchange(has_had_pmd_, true)) network_.count(Fault::pmd_restart);
  return true;
}

void World::start_pmd_again() {
  if (start_pmd_if_none() || (pmd_ && !pmd_->is_ending())) return;
  after(seconds(1), [this] { start_pmd_again(); });
}

void World::remove(NodeMember& node, Severance how) {
  const auto found = std::find_if(nodes_.begin(), nodes_.end(), [&](const auto& n) { return n.get() == &node; });
  std::unique_ptr<NodeMember> removed = std::move(*found);
  nodes_.erase(found);
  take_down(std::move(removed), how);
}

/// Removes the node, and has another start in its place.
void World::crash(NodeMember& node, Severance how) {
  const std::size_t place = node.place();
  remove(node, how);
  const base::Duration delay = random_.chance(0.3) ? milliseconds(1) : some_time(milliseconds(1), seconds(4));
  after(delay, [this, place] {
    if (populate(place)) network_.count(Fault::restart);
  });
}

void World::crash_pmd(Severance how) {
  if (pmd_) take_down(std::move(pmd_), how);
}

void World::take_down(std::unique_ptr<SimMember> member, Severance how) {
  if (!member->finish_severed(how)) fail(member->label() + " cannot be taken down");
  outcome_.turns += member->turns();
}

void World::on_pmd_wanted(NodeMember& node, OnPmdStart on_outcome) {
  network_.trace("%s has a PMD started", node.label().c_str());
  const base::Duration delay = some_time(milliseconds(2), milliseconds(100));
  after(delay, [this, number = node.number(), on_outcome = std::move(on_outcome)] {
    const bool is_new = start_pmd_if_none();
    NodeMember* const starter = find_by_number(number);
    if (starter == nullptr) return;
    starter->post(
        [on_outcome, is_new] { on_outcome(is_new ? runtime::PmdStart::started : runtime::PmdStart::already_running); });
  });
}

void World::on_message(NodeMember& node, const Message& message) {
  network_.trace("%s handles %.*s", node.label().c_str(),
                 static_cast<int>(std::min<std::size_t>(60, message.payload.size())), message.payload.data());
  if (has_liars() && is_false_payload(message.has_payload, message.payload)) {
    if (message.to != origins_[node.number()].node_id) fail(node.label() + " has a liar's message to somebody else");
    return act_in_handler(node);
  }
  const Ledger::Reading reading = ledger_.read(node.number(), message.payload);
  if (!reading.wrong.empty()) return fail(reading.wrong);
  check_message(node, message, reading);
  if (!is_ending_ && random_.chance(kAnswerChance)) send_one(node, origins_[reading.sender].node_id, 20);
  act_in_handler(node);
}

/// That the message is from who wrote it, for who has it, and in its place.
void World::check_message(const NodeMember& node, const Message& message, const Ledger::Reading& reading) {
  const Origin& origin = origins_[reading.sender];
  const std::string sender = "node" + std::to_string(reading.sender);
  const Origin& self = origins_[node.number()];
  if (message.from != origin.node_id) return fail(node.label() + " has a message of " + sender + " from somebody else");
  // Where names lie, only the nodeId says whose a message is.
  std::string_view name = reading.name;
  if (name.ends_with(kOfAnotherThread)) name.remove_suffix(kOfAnotherThread.size());
  const bool is_name_true = name == self.node_id || name == "n" + std::to_string(node.place());
  if (message.to != self.node_id || (!is_name_true && !is_on(Fault::lying_pmd) && !is_on(Fault::lying_client))) {
    return fail(node.label() + " has a message of " + sender + " to " + std::string(reading.name));
  }
  // What was written to a connection that has broken may come after what the next one brings. Either may have opened
  // it.
  const std::uint64_t connections =
      network_.connections(origin.process, self.process) + network_.connections(self.process, origin.process);
  if (reading.strands > connections) {
    fail(sender + "'s messages to " + node.label() + " lost their order");
  }
}

void World::on_peer(NodeMember& node, const std::string& peer_id, bool is_there) {
  network_.trace("%s is told: %s %s", node.label().c_str(), peer_id.c_str(), is_there ? "joins" : "leaves");
  const bool is_news = is_there ? node.view.insert(peer_id).second : node.view.erase(peer_id) > 0;
  if (!is_news) fail(node.label() + (is_there ? " is told twice of a join" : " is told of a leave without a join"));
  const NodeMember* peer = is_there || is_ending_ || !(is_gentle_ || is_settled_) ? nullptr : find_by_id(peer_id);
  if (peer != nullptr && peer->is_alive()) fail(node.label() + " is told that " + peer->label() + " left, which lives");
  act_in_handler(node);
}

void World::on_node_closed(NodeMember& node) {
  if (node.shutdown_deadline == base::Duration::zero()) return;  // it closed by itself
  constexpr base::Duration client_timeout = milliseconds(500);
  const base::Duration stood_still = node.paused_total() - node.paused_before_shutdown;
  const base::Duration took = network_.now() - node.shutdown_since - stood_still;
  if (took > std::max<base::Duration>(node.shutdown_deadline, client_timeout) + milliseconds(20)) {
    fail(node.label() + " took " + std::to_string(took / milliseconds(1)) + " ms to shut down, not " +
         std::to_string(node.shutdown_deadline / milliseconds(1)));
  }
}

NodeMember* World::find_by_id(const std::string& node_id) {
  const auto found =
      std::find_if(nodes_.begin(), nodes_.end(), [&](const auto& node) { return (*node)->node_id() == node_id; });
  return found == nodes_.end() ? nullptr : found->get();
}

NodeMember* World::find_by_number(std::uint32_t number) {
  const auto found =
      std::find_if(nodes_.begin(), nodes_.end(), [&](const auto& node) { return node->number() == number; });
  return found == nodes_.end() ? nullptr : found->get();
}

}  // namespace distflow::test
