// A registry in memory, for nodes of one reactor: no PMD, no connection, no name that is not told at once. A test takes
// it away and brings it back, refuses a registration, loses one, or has it ask its nodes as whatever user.
//
// One thread, which turns the reactor. What a call leads to is told from inside a later turn. A call that breaks line 6
// or 7 of registry_client.hpp fails the test.
// Use: FakeRegistry registry(reactor); TestNode& node = cluster.add_node_of(options, registry.make_client());
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "io/reactor.hpp"
#include "runtime/node/registry_client.hpp"

namespace distflow::test {

class FakeRegistry {
 public:
  class Client;

  /// `reactor` must outlive the registry, and the registry its clients.
  explicit FakeRegistry(io::Reactor& reactor) : reactor_(reactor) {
    work_.on_turn_end = base::Delegate<void()>::to<&FakeRegistry::run_tasks>(*this);
  }
  ~FakeRegistry() { work_.unlink(); }

  /// A node's way to this registry.
  [[nodiscard]] std::unique_ptr<runtime::RegistryClient> make_client() { return std::make_unique<Client>(*this); }

  /// The next node that starts is told that there is no registry for it.
  void fail_next_start(StartError why) { start_failure_ = std::move(why); }
  /// The session of every node is lost. Until come_back() a registry that is away does nothing: it registers nobody,
  /// tells of nobody, asks nothing, and takes no stats. Look-ups wait, those that are under way too, for kLookUpTime.
  void go_away() {
    is_away_ = true;
    for (Client* client : clients_) client->is_registered_ = false;
    tell_all([](runtime::RegistryObserver& observer) {
      observer.on_disconnected({Errc::end_of_stream, "asking the registry"});
    });
  }
  void come_back() {
    is_away_ = false;
    for (Client* client : clients_) {
      register_client(*client);
      client->look_up_again();
    }
  }
  static constexpr base::Duration kLookUpTime = base::seconds(5);
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }

  /// Asks every node for a part of what it tells of itself.
  void ask(const protocol::StatsPart& part) {
    if (is_away_) return;
    tell_all([part](runtime::RegistryObserver& observer) { observer.on_stats_asked(part); });
  }
  std::vector<std::string> stats_told;  ///< their answers
  bool has_room_for_answers = true;
  io::PeerOwner owner;  ///< as whom it runs, as the system has it

  class Client final : public runtime::RegistryClient {
   public:
    explicit Client(FakeRegistry& registry) : registry_(registry) {}
    ~Client() override {
      EXPECT_TRUE(state_ == State::idle || state_ == State::closed) << "destroyed before on_closed (line 7)";
      leave();
    }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    void start(runtime::RegistryObserver& observer, protocol::Registration registration) override {
      EXPECT_EQ(state_, State::idle) << "start() a second time (line 6)";
      state_ = State::started;
      observer_ = &observer;
      node_ = std::move(registration.node);
      if (std::optional<StartError> why = std::exchange(registry_.start_failure_, std::nullopt)) {
        return tell([why](runtime::RegistryObserver& told) { told.on_start_failed(*why); });
      }
      registry_.clients_.push_back(this);
      registry_.register_client(*this);
    }
    void resolve(std::string_view name, std::function<void(Result<protocol::NodeInfo>)> on_answer) override {
      if (!may_call("resolve()")) return;
      ++unanswered_;
      look_up({std::string(name), std::move(on_answer), registry_.reactor_.now() + kLookUpTime});
    }
    [[nodiscard]] bool answer_stats(std::uint64_t, std::string_view stats) override {
      if (!may_call("answer_stats()") || registry_.is_away_ || !registry_.has_room_for_answers) return false;
      registry_.stats_told.emplace_back(stats);
      return true;
    }
    [[nodiscard]] io::PeerOwner owner_of_registry() const override {
      return may_call("owner_of_registry()") && !registry_.is_away_ ? registry_.owner : io::PeerOwner();
    }
    void set_groups(protocol::Groups groups) override {
      if (!may_call("set_groups()")) return;
      EXPECT_EQ(state_, State::started) << "set_groups() after close() (line 6)";
      node_.groups = std::move(groups);
    }
    void close() override {
      if (!may_call("close()")) return;
      EXPECT_EQ(state_, State::started) << "close() a second time (line 6)";
      if (std::exchange(state_, State::closing) == State::closing) return;
      leave();
      if (!registry_.is_away_) {
        registry_.tell_all([node = node_](runtime::RegistryObserver& other) { other.on_leave(node); });
      }
      look_up_again();  // to be canceled
      registry_.later([this] { end(); });
    }
    [[nodiscard]] bool is_registered() const override { return is_registered_; }
    [[nodiscard]] StartError why_unregistered() const override {
      if (may_call("why_unregistered()")) {
        EXPECT_EQ(state_, State::started) << "why_unregistered() after close() (line 6)";
      }
      return Error{Errc::timed_out, "being registered"};
    }

   private:
    friend FakeRegistry;
    enum class State : std::uint8_t { idle, started, closing, closed };
    struct LookUp {
      std::string name;
      std::function<void(Result<protocol::NodeInfo>)> on_answer;
      base::Instant deadline;
    };

    [[nodiscard]] bool may_call(const char* call) const {
      const bool may = state_ == State::started || state_ == State::closing;
      EXPECT_TRUE(may) << call << (state_ == State::idle ? " before start() (line 6)" : " after on_closed (line 6)");
      return may;
    }
    /// At the turn's end, or when the registry is back.
    void look_up(LookUp asked) {
      registry_.later([this, asked = std::move(asked)] {
        const bool is_too_late = asked.deadline <= registry_.reactor_.now();
        if (registry_.is_away_ && state_ == State::started && !is_too_late) return wait_for_registry(asked);
        --unanswered_;
        asked.on_answer(is_too_late ? Error{Errc::timed_out, "resolving"} : find(asked.name));
      });
    }
    void wait_for_registry(LookUp asked) {
      waiting_.push_back(std::move(asked));
      registry_.reactor_.timers().arm(patience_timer_, waiting_.front().deadline);
    }
    void look_up_again() {
      registry_.reactor_.timers().cancel(patience_timer_);
      for (LookUp& asked : std::exchange(waiting_, {})) look_up(std::move(asked));
    }
    [[nodiscard]] Result<protocol::NodeInfo> find(std::string_view name) const {
      if (state_ == State::closing) return Error{Errc::canceled, "resolving"};
      const auto found = std::ranges::find_if(registry_.nodes_, [name](const protocol::NodeInfo& node) {
        return node.node_id == name || node.alias == name;
      });
      if (found == registry_.nodes_.end()) return Error{Errc::node_not_found, "resolving"};
      return *found;
    }
    /// Unless the client is closed by then.
    void tell(std::function<void(runtime::RegistryObserver&)> event) {
      registry_.later([this, event = std::move(event)] {
        if (state_ == State::started) event(*observer_);
      });
    }
    void leave() {
      is_registered_ = false;
      std::erase(registry_.clients_, this);
      std::erase_if(registry_.nodes_, [this](const protocol::NodeInfo& node) { return node.node_id == node_.node_id; });
    }
    /// Behind all answers.
    void end() {
      if (unanswered_ > 0) return registry_.later([this] { end(); });
      state_ = State::closed;
      observer_->on_closed();
    }

    FakeRegistry& registry_;
    State state_ = State::idle;
    runtime::RegistryObserver* observer_ = nullptr;
    protocol::NodeInfo node_;
    std::size_t unanswered_ = 0;
    std::vector<LookUp> waiting_;  // for a registry that is away
    base::Timer patience_timer_{base::Delegate<void()>::to<&Client::look_up_again>(*this)};
    bool is_registered_ = false;
  };

 private:
  void register_client(Client& client) {
    if (is_away_) return;
    std::erase_if(nodes_, [&client](const protocol::NodeInfo& node) { return node.node_id == client.node_.node_id; });
    nodes_.push_back(client.node_);
    client.is_registered_ = true;
    client.tell([](runtime::RegistryObserver& observer) { observer.on_registered(); });
    client.tell([this](runtime::RegistryObserver& observer) { observer.on_snapshot(nodes_); });
    tell_all([node = client.node_](runtime::RegistryObserver& other) { other.on_join(node); });
  }
  void tell_all(const std::function<void(runtime::RegistryObserver&)>& event) {
    for (Client* client : clients_) client->tell(event);
  }
  void later(std::function<void()> task) {
    tasks_.push_back(std::move(task));
    reactor_.defer(work_);
  }
  void run_tasks() {
    for (const std::function<void()>& task : std::exchange(tasks_, {})) task();
  }

  io::Reactor& reactor_;
  io::DeferredTask work_;
  bool is_away_ = false;
  std::optional<StartError> start_failure_;
  std::vector<std::function<void()>> tasks_;
  std::vector<protocol::NodeInfo> nodes_;
  std::vector<Client*> clients_;
};

}  // namespace distflow::test
