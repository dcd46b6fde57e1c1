// A store of registrations that decides late and in another order than it was asked, by books of its own or by the
// server's view, and ends late; for tests of a server over it. Where a test holds it, it decides when and as it is
// told, and announces nodes of others.
//
// Loop thread only. It keeps to lines 1 to 5 of pmd/server/registry_store.hpp, unless it is told to do otherwise. A
// server that breaks line 6, 9, or what the view shows of lines 7 and 8, ends the test. That what was decided is also
// answered and announced by then, and that losers are notified, has tests of its own in registry_store_test.cpp.
// Use: LateStore store(reactor, choice); Server server(reactor, stream_setup, log, options, &store);
//      store.hold(); ... store.decide(store.undecided().front());
#pragma once

#include <cstdint>
#include <map>
#include <new>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/assert.hpp"
#include "base/random.hpp"
#include "io/reactor.hpp"
#include "pmd/server/registry_store.hpp"

namespace distflow::test {

/// What the server of a test asks who gets a name.
struct StoreChoice {
  enum class Kind : std::uint8_t {
    local,         ///< its own registry
    late,          ///< a LateStore with books of its own
    late_by_view,  ///< a LateStore that decides as the server's view would when it decides
  };
  Kind kind = Kind::local;
  std::uint64_t seed = 0;  ///< of a LateStore
};

class LateStore final : public pmd::RegistryStore {
 public:
  using Ticket = pmd::Ticket;
  using Decision = pmd::Decision;
  using Claim = pmd::Claim;

  /// `reactor` must outlive the store.
  LateStore(io::Reactor& reactor, StoreChoice choice)
      : reactor_(reactor), decides_by_view_(choice.kind == StoreChoice::Kind::late_by_view), random_(choice.seed) {
    tick_.on_turn_end = base::Delegate<void()>::to<&LateStore::tick>(*this);
  }
  ~LateStore() override { tick_.unlink(); }

  void start(pmd::StoreObserver& observer, const pmd::Registry& view) noexcept override {
    DF_ASSERT(observer_ == nullptr);
    observer_ = &observer;
    view_ = &view;
  }
  void propose(Ticket ticket, const Claim& claim) override {
    DF_ASSERT(!is_calling_ && !is_stopped_);  // line 9; stop() is the last call
    if (std::exchange(has_no_memory_, false)) throw std::bad_alloc();
    for (const Proposal& other : undecided_) {
      DF_ASSERT(other.claim.node.node_id != claim.node.node_id);  // line 6
      DF_ASSERT(!claim.node.alias || other.claim.node.alias != claim.node.alias);
    }
    ++proposals_;
    undecided_.push_back({ticket, claim, random_.next() % kTurnsMax});
    reactor_.defer(tick_);
  }
  void release(pmd::OwnerId owner, std::string_view node_id) noexcept override {
    DF_ASSERT(!is_stopped_);
    DF_ASSERT(!is_calling_ || node_id == taken_ || node_id == loser_);  // line 9
    is_given_back_ |= is_calling_ && node_id == taken_;
    const auto found = held_.find(std::string(node_id));
    if (found != held_.end() && found->second.owner == owner) held_.erase(found);
  }
  void release_owner(pmd::OwnerId owner) noexcept override {
    DF_ASSERT(!is_calling_ && !is_stopped_);
    std::erase_if(held_, [owner](const auto& held) { return held.second.owner == owner; });
    gone_.insert(owner);
    if (decides_for_the_gone_) return;
    std::erase_if(undecided_, [owner](const Proposal& proposal) { return proposal.claim.owner == owner; });
  }
  void stop(base::Duration within) noexcept override {
    DF_ASSERT(!is_stopped_);
    is_stopped_ = true;
    time_to_end_ = within;
    held_.clear();
    undecided_.clear();
    turns_to_end_ = random_.next() % kTurnsMax;
    reactor_.defer(tick_);
  }

  /// Whether it will do something by itself.
  [[nodiscard]] bool is_busy() const {
    return is_stopped_ ? !has_ended_ && !holds_end_ : !is_held_ && !undecided_.empty();
  }

  // What a test tells it.

  /// Decides nothing by itself from now on.
  void hold() { is_held_ = true; }
  /// Decides by itself again.
  void let_go() {
    is_held_ = false;
    reactor_.defer(tick_);
  }
  /// Does not end, after stop(), before end().
  void hold_end() { holds_end_ = true; }
  void end() {
    holds_end_ = false;
    reactor_.defer(tick_);
  }
  /// Decides, against its contract, also for owners that are gone.
  void decide_for_the_gone() { decides_for_the_gone_ = true; }

  /// Has no memory for the next proposal.
  void run_out_of_memory() { has_no_memory_ = true; }

  [[nodiscard]] std::vector<Ticket> undecided() const {
    std::vector<Ticket> tickets;
    for (const Proposal& proposal : undecided_) tickets.push_back(proposal.ticket);
    return tickets;
  }
  [[nodiscard]] bool is_started() const { return observer_ != nullptr; }
  [[nodiscard]] bool is_stopped() const { return is_stopped_; }
  /// That it was given with stop().
  [[nodiscard]] base::Duration time_to_end() const { return time_to_end_; }
  [[nodiscard]] std::uint64_t proposals() const { return proposals_; }
  /// Whose each node is by its books; of others, kStoreOwner.
  [[nodiscard]] std::map<std::string, pmd::OwnerId> owners() const {
    std::map<std::string, pmd::OwnerId> owners;
    for (const auto& [node_id, held] : held_) owners[node_id] = held.owner;
    return owners;
  }

  /// Decides the ticket by its books, or by the view.
  void decide(Ticket ticket) {
    const Claim claim = take(ticket);
    tell(ticket, claim, decides_by_view_ ? pmd::decide_by(*view_, claim) : judge(claim));
  }
  /// Decides it otherwise, with its books as they are unless it is accepted.
  void decide_as(Ticket ticket, Decision::Status status, const protocol::NodeInfo* holder = nullptr) {
    tell(ticket, take(ticket), {status, holder});
  }
  /// A node that was registered elsewhere. It has its names from now on, whoever had them here.
  bool announce(const protocol::NodeInfo& node) {
    std::erase_if(held_, [&](const auto& held) {
      const protocol::NodeInfo& other = held.second.node;
      return other.node_id == node.node_id || (node.alias && other.alias == node.alias);
    });
    held_[node.node_id] = {.owner = pmd::kStoreOwner, .node = node};
    const std::uint64_t revision = view_->revision();
    bool is_taken_up = false;
    {
      const Calling calling(*this, &node);
      is_taken_up = observer_->on_entry(node);
    }
    protocol::NodeInfo listed = node;
    listed.uid.reset();
    if (is_taken_up) DF_ASSERT(is_listed(listed, pmd::kStoreOwner) && view_->revision() > revision);  // line 8
    return is_taken_up;
  }
  bool announce_end(const std::string& node_id) {
    held_.erase(node_id);
    const std::uint64_t revision = view_->revision();
    bool is_taken_up = false;
    {
      const Calling calling(*this, nullptr);
      is_taken_up = observer_->on_gone(node_id);
    }
    if (is_taken_up && !is_stopped_) DF_ASSERT(view_->find_id(node_id) == nullptr);  // line 8
    if (!is_taken_up) DF_ASSERT(view_->revision() == revision);
    return is_taken_up;
  }

 private:
  static constexpr std::uint64_t kTurnsMax = 4;

  struct Proposal {
    Ticket ticket;
    Claim claim;
    std::uint64_t turns_left;
  };
  /// While the server is called, of a node that has its names from now on; null: of none.
  struct Calling {
    Calling(LateStore& store, const protocol::NodeInfo* taken) : store_(store) {
      store.is_calling_ = true;
      store.is_given_back_ = false;
      if (taken == nullptr) return;
      store.taken_ = taken->node_id;
      const pmd::Registry::Entry* const before = taken->alias ? store.view_->resolve(*taken->alias) : nullptr;
      if (before != nullptr && before->node.alias == taken->alias) store.loser_ = before->node.node_id;
    }
    Calling(const Calling&) = delete;
    Calling& operator=(const Calling&) = delete;
    ~Calling() {
      store_.is_calling_ = false;
      store_.taken_.clear();
      store_.loser_.clear();
    }

   private:
    LateStore& store_;
  };

  void tell(Ticket ticket, const Claim& claim, const Decision& decision) {
    const bool is_accepted = decision.status == Decision::Status::accepted;
    if (is_accepted) held_[claim.node.node_id] = claim;
    const std::uint64_t revision = view_->revision();
    {
      const Calling calling(*this, is_accepted ? &claim.node : nullptr);
      observer_->on_decided(ticket, decision);
    }
    if (!is_accepted || gone_.contains(claim.owner)) {
      DF_ASSERT(view_->revision() == revision);  // refused, all is as before; for the gone, nothing is done (line 10)
    } else if (is_given_back_) {
      DF_ASSERT(view_->find_id(claim.node.node_id) == nullptr);  // line 7: and what the node had before
    } else {
      DF_ASSERT(is_listed(claim.node, claim.owner) && view_->revision() > revision);  // line 7
    }
  }

  /// Whether the view has the node as it is here, under both names.
  [[nodiscard]] bool is_listed(protocol::NodeInfo node, pmd::OwnerId owner) const {
    const pmd::Registry::Entry* const entry = view_->find_id(node.node_id);
    if (entry == nullptr || entry->owner != owner) return false;
    node.last_heartbeat_ms = entry->node.last_heartbeat_ms;  // the time at which it was taken up
    return entry->node == node && (!node.alias || view_->resolve(*node.alias) == entry);
  }

  Claim take(Ticket ticket) {
    for (auto proposal = undecided_.begin(); proposal != undecided_.end(); ++proposal) {
      if (proposal->ticket != ticket) continue;
      Claim claim = std::move(proposal->claim);
      undecided_.erase(proposal);
      return claim;
    }
    DF_ASSERT(false && "no such ticket is undecided");
    return {};
  }

  Decision judge(const Claim& claim) const {
    for (const auto& [node_id, held] : held_) {
      if (node_id == claim.node.node_id || !claim.node.alias || held.node.alias != claim.node.alias) continue;
      return {Decision::Status::alias_in_use, &held.node};
    }
    const auto found = held_.find(claim.node.node_id);
    if (found == held_.end() || found->second.owner == claim.owner) return {Decision::Status::accepted};
    if (!claim.secret.empty() && found->second.secret == claim.secret) return {Decision::Status::accepted};
    return {Decision::Status::node_id_in_use, &found->second.node};
  }

  void tick() {
    if (is_stopped_) return end_in_time();
    if (is_held_) return;
    std::vector<Ticket> due;
    for (Proposal& proposal : undecided_) {
      if (proposal.turns_left == 0) {
        due.push_back(proposal.ticket);
      } else {
        --proposal.turns_left;
      }
    }
    while (!due.empty()) {
      const std::size_t i = static_cast<std::size_t>(random_.next() % due.size());
      decide(std::exchange(due[i], due.back()));
      due.pop_back();
    }
    if (!undecided_.empty()) reactor_.defer(tick_);
  }
  void end_in_time() {
    if (holds_end_) return;
    if (turns_to_end_-- > 0) return reactor_.defer(tick_);
    has_ended_ = true;
    observer_->on_stopped();
  }

  io::Reactor& reactor_;
  const bool decides_by_view_;
  base::Random random_;
  pmd::StoreObserver* observer_ = nullptr;
  const pmd::Registry* view_ = nullptr;
  io::DeferredTask tick_;
  std::map<std::string, Claim> held_;
  std::vector<Proposal> undecided_;
  std::uint64_t proposals_ = 0;
  bool is_held_ = false;
  bool is_stopped_ = false;
  bool has_ended_ = false;
  bool holds_end_ = false;
  bool is_calling_ = false;
  bool is_given_back_ = false;   // what is being decided, or was last
  std::string taken_;            // while the server is called: the node that has its names from now on,
  std::string loser_;            // and the one that had the alias
  std::set<pmd::OwnerId> gone_;  // all so far
  std::uint64_t turns_to_end_ = 0;
  base::Duration time_to_end_{};
  bool has_no_memory_ = false;
  bool decides_for_the_gone_ = false;
};

}  // namespace distflow::test
