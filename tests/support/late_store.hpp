// A store of registrations that decides late and in another order than it was asked, by books of its own or by the
// server's view, and ends late; for tests of a server over it. Where a test holds it, it decides when and as it is
// told, and announces nodes of others.
//
// Loop thread only. It keeps to lines 1 to 5 of pmd/server/registry_store.hpp, unless it is told to do otherwise.
// Use: LateStore store(reactor, choice); Server server(reactor, stream_setup, log, options, &store);
//      store.hold(); ... store.decide(store.undecided().front());
#pragma once

#include <cstdint>
#include <map>
#include <new>
#include <optional>
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
    const auto found = held_.find(std::string(node_id));
    if (found != held_.end() && found->second.owner == owner) held_.erase(found);
  }
  void release_owner(pmd::OwnerId owner) noexcept override {
    DF_ASSERT(!is_calling_ && !is_stopped_);
    std::erase_if(held_, [owner](const auto& held) { return held.second.owner == owner; });
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
    const Calling calling(is_calling_);
    return observer_->on_entry(node);
  }
  bool announce_end(const std::string& node_id) {
    held_.erase(node_id);
    const Calling calling(is_calling_);
    return observer_->on_gone(node_id);
  }

 private:
  static constexpr std::uint64_t kTurnsMax = 4;

  struct Proposal {
    Ticket ticket;
    Claim claim;
    std::uint64_t turns_left;
  };
  /// While the server is called.
  struct Calling {
    explicit Calling(bool& is_calling) : is_calling_(is_calling) { is_calling = true; }
    Calling(const Calling&) = delete;
    Calling& operator=(const Calling&) = delete;
    ~Calling() { is_calling_ = false; }

   private:
    bool& is_calling_;
  };

  void tell(Ticket ticket, const Claim& claim, const Decision& decision) {
    if (decision.status == Decision::Status::accepted) held_[claim.node.node_id] = claim;
    const Calling calling(is_calling_);
    observer_->on_decided(ticket, decision);
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
  std::uint64_t turns_to_end_ = 0;
  base::Duration time_to_end_{};
  bool has_no_memory_ = false;
  bool decides_for_the_gone_ = false;
};

}  // namespace distflow::test
