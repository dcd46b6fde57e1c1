// The processes of a simulated world: what every one has, a node, a PMD. Each has a reactor of its own, over a system
// of its own; node and server are those of the programs, unmodified.
//
// One thread: the world's. A member is turned by the world, and ends in one of two ways:
//   1. In order: it closes, and its part in the simulation ends with its last handle.
//   2. Severed: the simulation sees it no more, and finish_severed() takes it down where nobody hears it.
// Use: NodeMember node(world_parts, options); node.turn(); ... node.finish_severed();
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "io/sim/backend.hpp"
#include "pmd/server/server.hpp"
#include "runtime/node/node.hpp"
#include "runtime/node/pmd_registry.hpp"
#include "runtime/send/room_watch.hpp"
#include "runtime/send/submissions.hpp"
#include "tests/sim/ledger.hpp"

namespace distflow::test {

/// What every process has.
class SimMember {
 public:
  SimMember(io::sim::Network& network, std::string label, const base::ChunkPoolOptions& receive_chunks,
            io::PeerOwner user = io::PeerOwner::user(io::sim::Process::kUserAtFirst))
      : network_(network),
        label_(std::move(label)),
        process_(network, io::sim::Process::Pace::driven),
        receive_chunks_(receive_chunks),
        reactor_(*io::sim::make_backend(process_, receive_chunks_), {}),
        log_(network.is_traced() ? base::LogLevel::debug : base::LogLevel::error,
             base::LogSink::to<&SimMember::on_log>(*this)),
        is_watched_(network.random().chance(0.5)) {
    process_.set_user(user);
    if (is_watched_) static_cast<void>(reactor_.pollable_fd());
  }
  virtual ~SimMember() = default;
  SimMember(const SimMember&) = delete;
  SimMember& operator=(const SimMember&) = delete;

  [[nodiscard]] const std::string& label() const { return label_; }
  [[nodiscard]] io::sim::Process& process() { return process_; }
  [[nodiscard]] io::Reactor& reactor() { return reactor_; }
  [[nodiscard]] std::uint64_t turns() const { return turns_; }

  /// When it has something to do; at once when that has come.
  [[nodiscard]] base::Instant due() const {
    if (network_.now() < paused_until_) return paused_until_;
    return is_touched_ || process_.has_work() ? base::Instant::min() : process_.sleeps_until();
  }
  /// Something was asked of it between its turns, as by a program that turns it itself, and it is turned next. A loop
  /// that is watched has to say so by itself.
  void touch() { is_touched_ |= !is_watched_; }
  /// Gives the loop a task as another thread does.
  void post(std::function<void()> task) {
    touch();
    if (!reactor_.post(std::move(task))) network_.trace("%s takes no task", label_.c_str());
  }
  void turn() {
    ++turns_;
    is_touched_ = false;
    process_.begin_turn();
    reactor_.turn(base::kNever);
    const std::uint64_t missing = reactor_.backend().counters().chunks_missing;
    for (; chunks_missing_ < missing; ++chunks_missing_) network_.count(io::sim::Fault::no_chunks);
  }
  void pause_until(base::Instant then) {
    paused_total_ += std::max(then - std::max(paused_until_, network_.now()), base::Duration::zero());
    paused_until_ = std::max(then, paused_until_);
  }
  [[nodiscard]] base::Instant resumes_at() const { return std::max(paused_until_, network_.now()); }
  void resume() { paused_until_ = base::Instant::min(); }
  /// How long it has stood still, in all.
  [[nodiscard]] base::Duration paused_total() const { return paused_total_; }

  /// Takes all the chunks that there are to receive into.
  void hoard_chunks() {
    while (base::ChunkRef chunk = receive_chunks_.try_lease()) hoard_.push_back(std::move(chunk));
  }
  void release_chunks() { hoard_.clear(); }
  [[nodiscard]] const base::ChunkPool& receive_chunks() const { return receive_chunks_; }

  /// What is wrong with it between two turns; empty when nothing is.
  [[nodiscard]] virtual std::string broken_invariant() { return {}; }

  /// Whether it has ended, with all its handles.
  [[nodiscard]] bool is_over() { return has_ended() && reactor_.backend().handle_count() == 0; }

  /// Ends it where nobody hears it. False when it will not end.
  bool finish_severed(io::sim::Process::Severance how) {
    constexpr int turns_max = 10'000;
    release_chunks();
    process_.sever(how);
    begin_end();
    for (int i = 0; i < turns_max && !is_over(); ++i) turn();
    return is_over();
  }

 protected:
  virtual void begin_end() = 0;
  [[nodiscard]] virtual bool has_ended() const = 0;

  io::sim::Network& network_;
  const std::string label_;
  io::sim::Process process_;
  base::ChunkPool receive_chunks_;
  io::Reactor reactor_;
  base::Log log_;

 private:
  void on_log(base::LogLevel, std::string_view line) {
    if (!process_.is_severed()) {
      network_.trace("%s log: %.*s", label_.c_str(), static_cast<int>(line.size()), line.data());
    }
  }

  std::vector<base::ChunkRef> hoard_;
  std::uint64_t chunks_missing_ = 0;  // as of the last turn
  std::uint64_t turns_ = 0;
  const bool is_watched_;  // as by a program with a loop of its own, which turns this one when it asks for it
  bool is_touched_ = true;
  base::Instant paused_until_ = base::Instant::min();
  base::Duration paused_total_{};
};

class PmdMember final : public SimMember {
 public:
  PmdMember(io::sim::Network& network, const base::ChunkPoolOptions& receive_chunks, const pmd::ServerOptions& options,
            io::PeerOwner user = io::PeerOwner::user(io::sim::Process::kUserAtFirst))
      : SimMember(network, "pmd", receive_chunks, user), server_(reactor_, stream_setup_, log_, options) {
    is_started_ = static_cast<bool>(server_.start());
  }

  /// False when another has the port.
  [[nodiscard]] bool is_started() const { return is_started_; }
  [[nodiscard]] pmd::Server& server() { return server_; }
  void begin_shutdown() {
    touch();
    is_ending_ = true;
    server_.begin_shutdown();
  }
  [[nodiscard]] bool is_ending() const { return is_ending_; }
  [[nodiscard]] std::string broken_invariant() override {
    if (const char* const broken = server_.broken_invariant()) return broken;
    // All of it, which takes long, when a node has come or gone.
    const pmd::Registry& registry = server_.registry();
    if (std::exchange(revision_seen_, registry.revision()) == registry.revision()) return {};
    return registry.invariants() ? "" : "the registry's invariants do not hold";
  }

 private:
  void begin_end() override { server_.begin_shutdown(); }
  [[nodiscard]] bool has_ended() const override { return !is_started_ || server_.is_finished(); }

  stream::StreamSetup stream_setup_;
  pmd::Server server_;
  bool is_started_ = false;
  bool is_ending_ = false;
  std::uint64_t revision_seen_ = 0;
};

/// Who hears of what a node does.
class NodeWitness {
 public:
  virtual void on_message(class NodeMember& node, const Message& message) = 0;
  virtual void on_published(NodeMember& node, const std::string& topic, const Message& message) {
    static_cast<void>(node), static_cast<void>(topic), static_cast<void>(message);
  }
  /// A join or a leave, as it is told to the application.
  virtual void on_peer(NodeMember& node, const std::string& peer_id, bool is_there) = 0;
  virtual void on_node_closed(NodeMember& node) = 0;
  using OnPmdStart = std::function<void(Result<runtime::PmdStart>)>;
  /// The node wants a PMD started. The outcome is told on its reactor, later.
  virtual void on_pmd_wanted(NodeMember& node, OnPmdStart on_outcome) = 0;

 protected:
  ~NodeWitness() = default;
};

class NodeMember final : public SimMember, private runtime::NodeObserver, private runtime::PmdStarter {
 public:
  enum class State { starting, running, closing, closed };

  NodeMember(io::sim::Network& network, NodeWitness& witness, std::uint32_t number, std::size_t place,
             const base::ChunkPoolOptions& receive_chunks, const NodeOptions& options,
             io::PeerOwner user = io::PeerOwner::user(io::sim::Process::kUserAtFirst))
      : SimMember(network, "node" + std::to_string(number), receive_chunks, user),
        witness_(witness),
        number_(number),
        place_(place),
        targets_(options.targets_max),
        submissions_(targets_, runtime::Submissions::KnowsName::to<&NodeMember::knows>(*this), out_chunks_,
                     options.send_bytes_max, options.frame_size_max) {
    runtime::NodeObserver& self = *this;
    runtime::PmdStarter& starter = *this;
    registry_ = std::make_unique<runtime::PmdRegistry>(
        runtime::RegistryParts{
            .reactor = reactor_, .stream_setup = stream_setup_, .blocks = blocks_, .log = log_, .starter = &starter},
        options);
    node_ = std::make_unique<runtime::Node>(runtime::NodeParts{.reactor = reactor_,
                                                               .stream_setup = stream_setup_,
                                                               .out_chunks = *out_chunks_,
                                                               .blocks = blocks_,
                                                               .receive_chunks = receive_chunks_,
                                                               .log = log_,
                                                               .targets = targets_,
                                                               .registry = *registry_},
                                            options, self);
    reactor_.set_inbox(base::Delegate<bool()>::to<&NodeMember::drain_submissions>(*this));
    read_messages(true);
    hear_of_peers();
    node_->start();
  }

  runtime::Node* operator->() { return node_.get(); }
  [[nodiscard]] std::string broken_invariant() override {
    const char* broken = registry_->client() != nullptr ? registry_->client()->broken_invariant() : nullptr;
    node_->directory().for_each_link([&broken](const runtime::Link& link) {
      if (broken == nullptr) broken = link.broken_invariant();
    });
    if (broken == nullptr) broken = node_->accepted().broken_invariant();
    if (broken == nullptr) broken = node_->broken_topic_invariant();
    constexpr std::uint64_t turns_between = 16;  // it takes longer, and what is wrong there stays wrong
    if (broken == nullptr && is_pmd_honest && turns() % turns_between == 0) {
      broken = node_->directory().broken_invariant();
    }
    return broken != nullptr ? broken : "";
  }
  void ask_pmd(const std::string& name, std::function<void(Result<PeerInfo>)> on_answer) {
    touch();
    ++questions;
    node_->ask_registry(name, std::move(on_answer));
  }
  /// Which of all nodes there ever were, and whose place in the world it has.
  [[nodiscard]] std::uint32_t number() const { return number_; }
  [[nodiscard]] std::size_t place() const { return place_; }
  [[nodiscard]] State state() const { return state_; }
  [[nodiscard]] bool is_alive() const { return state_ <= State::running && !process_.is_severed(); }
  [[nodiscard]] const base::ChunkPool& out_chunks() const { return *out_chunks_; }
  [[nodiscard]] const base::ChunkPool& blocks() const { return blocks_; }

  void read_messages(bool reads) {
    touch();
    is_reading_ = reads;
    if (!reads) return node_->delivery().set_message_handler({});
    // What it captures lies outside of it: a handler that goes on when it is gone is found.
    node_->delivery().set_message_handler([self = std::make_shared<NodeMember*>(this)](const Message& message) {
      NodeMember& node = **self;
      ++node.handled_count;
      node.witness_.on_message(node, message);
      ++(*self)->returned_count;
    });
  }
  [[nodiscard]] bool is_reading() const { return is_reading_; }
  void hear_of_peers() {
    node_->delivery().set_join_handler([self = std::make_shared<NodeMember*>(this)](const PeerInfo& peer) {
      (*self)->tell_peer(peer, true);
      ++(*self)->returned_count;
    });
    node_->delivery().set_leave_handler([self = std::make_shared<NodeMember*>(this)](const PeerInfo& peer) {
      (*self)->tell_peer(peer, false);
      ++(*self)->returned_count;
    });
  }

  [[nodiscard]] runtime::TargetPtr target(const std::string& name) { return targets_.of(name); }
  SendVerdict send(const std::string& name, std::string_view json) {
    return send(name, runtime::OutgoingMessage(json));
  }
  SendVerdict send(const std::string& name, const runtime::OutgoingMessage& message) {
    touch();
    const SendVerdict verdict = node_->send(targets_.of(name), message);
    if (is_under_way(verdict)) ++accepted_count;
    return verdict;
  }

  /// The same as a thread of the application's does that is not the loop's.
  SendVerdict send_from_other_thread(const std::string& name, std::string_view json) {
    return state_ == State::running ? submit(targets_.of(name), json, accepted_count) : SendVerdict::shut_down;
  }
  // Topics: as the node's host does.
  bool subscribe(const std::string& topic, const SubscribeOptions& options) {
    touch();
    runtime::SubscriptionPtr replaced;
    const auto handler = [self = std::make_shared<NodeMember*>(this), topic](const Message& message) {
      NodeMember& node = **self;
      ++node.handled_count;
      node.witness_.on_published(node, topic, message);
      ++(*self)->returned_count;
    };
    if (!node_->subscribe(topic, handler, options, replaced)) return false;
    end(std::move(replaced));
    node_->update_groups();
    topics.insert(topic);
    return true;
  }
  void unsubscribe(const std::string& topic) {
    touch();
    topics.erase(topic);
    end(node_->unsubscribe(topic));
    node_->update_groups();
  }
  SendVerdict publish(const std::string& topic, std::string_view json) {
    touch();
    const runtime::TargetPtr target = node_->topic(topic);
    if (target == nullptr) return SendVerdict::invalid_target;
    const SendVerdict verdict = node_->publish(*target, runtime::OutgoingMessage(json));
    if (is_under_way(verdict)) ++published_count;
    return verdict;
  }
  SendVerdict publish_from_other_thread(const std::string& topic, std::string_view json) {
    if (state_ != State::running) return SendVerdict::shut_down;
    const runtime::TargetPtr target = node_->topic(topic);
    return target == nullptr ? SendVerdict::invalid_target : submit(target, json, published_count);
  }
  /// Who subscribes, as this node sees it.
  [[nodiscard]] std::set<std::string> subscribers(const std::string& topic) {
    runtime::GroupMembers members;
    const auto group = node_->groups().of(runtime::topic_address(topic),
                                          [this](auto&& visit) { node_->directory().for_each_node(visit); });
    if (group != nullptr) node_->groups().copy_members(*group, members);
    std::set<std::string> ids;
    for (const auto& member : members) ids.insert(member->node_id);
    return ids;
  }

  /// Accepted from other threads, and not seen by the loop yet.
  [[nodiscard]] std::uint64_t submitted_count() const { return submitted_count_ - submissions_.drained_count(); }
  /// As the node's host does at its end.
  void discard_submissions() {
    runtime::Submissions::leave();
    while (submissions_.drain(nullptr)) {
    }
    note_discarded();
  }

  void begin_shutdown(base::Duration deadline) {
    if (state_ >= State::closing) return;
    touch();
    state_ = State::closing;
    shutdown_since = resumes_at();
    shutdown_deadline = deadline;
    paused_before_shutdown = paused_total();
    node_->begin_shutdown(deadline);
  }

  [[nodiscard]] NodeStats stats() {
    NodeStats stats;
    node_->publish_gauges();
    node_->snapshot(stats);
    return stats;
  }

  std::uint64_t accepted_count = 0;   // sends whose verdict was that it is under way
  std::uint64_t published_count = 0;  // the same of topics
  std::uint64_t handled_count = 0;
  std::uint64_t returned_count = 0;  // handlers that have returned
  std::uint64_t questions = 0;       // asked of the PMD, and not answered yet
  std::set<std::string> refused;     // names that another thread found no room for, and was not told of room since
  std::set<std::string> topics;      // that it subscribes to
  bool is_pmd_honest = true;         // and gives each alias to one node only
  std::set<std::string> view;        // the peers that the application was told of
  base::Instant shutdown_since{};
  base::Duration shutdown_deadline{};
  base::Duration paused_before_shutdown{};

 private:
  void on_started(Result<void, StartError> outcome) override {
    network_.trace("%s %s", label_.c_str(), outcome ? "is registered" : outcome.error().message().c_str());
    if (state_ == State::starting) state_ = outcome ? State::running : State::closing;
  }
  void on_closed(const ShutdownReport&) override {
    state_ = State::closed;
    if (!process_.is_severed()) witness_.on_node_closed(*this);
  }
  void tell_peer(const PeerInfo& peer, bool is_there) {
    if (!process_.is_severed()) witness_.on_peer(*this, peer.node_id, is_there);
  }
  void start_pmd(NodeWitness::OnPmdStart on_outcome) override {
    if (!process_.is_severed()) witness_.on_pmd_wanted(*this, std::move(on_outcome));
  }
  SendVerdict submit(const runtime::TargetPtr& target, std::string_view json, std::uint64_t& accepted) {
    std::string prefix;
    std::shared_ptr<runtime::SendCredit> credit;
    std::uint64_t version = 0;
    const auto outcome =
        submissions_.submit(target, {version, prefix, credit}, runtime::OutgoingMessage(json), reactor_.wall_ms());
    if (outcome.is_announced) reactor_.notify();
    touch();
    if (outcome.verdict == SendVerdict::queued) ++accepted, ++submitted_count_;
    // A topic's room is that of all subscribers: nobody is told of it.
    if (outcome.verdict == SendVerdict::queue_full && !target->hand_out) {
      refused.insert(target->name);
      if (room_watch_.note_refused(target, outcome.missing)) reactor_.notify();
    }
    return outcome.verdict;
  }
  void end(runtime::SubscriptionPtr ended) {
    if (ended == nullptr) return;
    node_->delivery().run_where_handlers_run([ended = std::move(ended)] { runtime::Subscriptions::end(*ended); });
  }
  [[nodiscard]] bool knows(std::string_view name) { return node_->directory().knows(name); }
  bool drain_submissions() {
    const bool has_more = submissions_.drain(node_->is_closing() ? nullptr : &node_->router());
    note_discarded();
    const bool has_told = room_watch_.look([this](const runtime::TargetPtr& target) { refused.erase(target->name); });
    return has_told || has_more;
  }
  void note_discarded() {
    if (const std::uint64_t count = submissions_.take_discarded(); count > 0) node_->router().note_discarded(count);
  }
  void begin_end() override { node_->begin_shutdown(base::Duration::zero()); }
  [[nodiscard]] bool has_ended() const override { return state_ == State::closed; }

  NodeWitness& witness_;
  const std::uint32_t number_;
  const std::size_t place_;
  State state_ = State::starting;
  bool is_reading_ = true;
  std::shared_ptr<base::ChunkPool> out_chunks_ =
      std::make_shared<base::ChunkPool>(base::ChunkPoolOptions{.chunk_size = 16 * 1024, .chunk_count_max = 16});
  base::ChunkPool blocks_{{.chunk_size = 4 * 1024, .chunk_count_max = 16}};
  runtime::TargetTable targets_;
  runtime::Submissions submissions_;
  runtime::RoomWatch room_watch_;
  std::uint64_t submitted_count_ = 0;
  stream::StreamSetup stream_setup_;
  std::unique_ptr<runtime::PmdRegistry> registry_;
  std::unique_ptr<runtime::Node> node_;
};

}  // namespace distflow::test
