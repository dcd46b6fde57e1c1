// A store of registrations that decides late and in another order than it was asked, by books of its own, for tests of
// a server over it. Where a test holds it, it decides when and as it is told, and announces nodes of others.
//
// Loop thread only. It keeps to lines 1 to 5 of pmd/server/registry_store.hpp, unless it is told to do otherwise.
// Use: LateStore store(reactor, seed); Server server(reactor, log, options, &store);
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
    local,  ///< its own registry
    late,   ///< a LateStore
  };
  Kind kind = Kind::local;
  std::uint64_t seed = 0;  ///< of a LateStore
};

class LateStore final : public pmd::RegistryStore {
 public:
  using Ticket = pmd::Ticket;
  using Decision = pmd::Decision;

  /// `reactor` must outlive the store.
  LateStore(io::Reactor& reactor, std::uint64_t seed) : reactor_(reactor), random_(seed) {
    tick_.on_turn_end = base::Delegate<void()>::to<&LateStore::tick>(*this);
  }
  ~LateStore() override { tick_.unlink(); }

  void start(pmd::StoreObserver& observer) override { observer_ = &observer; }
  void propose(Ticket ticket, const pmd::Registry::Change& change) override {
    if (std::exchange(has_no_memory_, false)) throw std::bad_alloc();
    for (const Proposal& other : undecided_) {
      DF_ASSERT(other.claim.node.node_id != change.node.node_id);  // line 6
      DF_ASSERT(!change.node.alias || other.claim.node.alias != change.node.alias);
    }
    ++proposals_;
    undecided_.push_back({ticket, {change.owner, change.secret, change.node}, random_.next() % kTurnsMax});
    reactor_.defer(tick_);
  }
  void release(pmd::OwnerId owner, std::string_view node_id) noexcept override {
    const auto found = held_.find(std::string(node_id));
    if (found != held_.end() && found->second.owner == owner) held_.erase(found);
  }
  void release_owner(pmd::OwnerId owner) noexcept override {
    std::erase_if(held_, [owner](const auto& held) { return held.second.owner == owner; });
    if (decides_for_the_gone_) return;
    std::erase_if(undecided_, [owner](const Proposal& proposal) { return proposal.claim.owner == owner; });
  }
  void stop() noexcept override {
    tick_.unlink();
    is_stopped_ = true;
    held_.clear();
    undecided_.clear();
  }

  /// Whether it will decide something by itself.
  [[nodiscard]] bool is_busy() const { return !is_held_ && !undecided_.empty(); }

  // What a test tells it.

  /// Decides nothing by itself from now on.
  void hold() { is_held_ = true; }
  /// Decides by itself again.
  void let_go() {
    is_held_ = false;
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
  [[nodiscard]] bool is_stopped() const { return is_stopped_; }
  [[nodiscard]] std::uint64_t proposals() const { return proposals_; }
  /// Whose each node is by its books; of others, kStoreOwner.
  [[nodiscard]] std::map<std::string, pmd::OwnerId> owners() const {
    std::map<std::string, pmd::OwnerId> owners;
    for (const auto& [node_id, held] : held_) owners[node_id] = held.owner;
    return owners;
  }

  /// Decides the ticket by its books.
  void decide(Ticket ticket) {
    const Claim claim = take(ticket);
    const protocol::NodeInfo* holder = nullptr;
    const Decision::Status status = judge(claim, holder);
    const std::optional<protocol::NodeInfo> named = holder == nullptr ? std::nullopt : std::optional(*holder);
    if (status == Decision::Status::accepted) held_[claim.node.node_id] = claim;
    observer_->on_decided(ticket, {status, named ? &*named : nullptr});
  }
  /// Decides it otherwise than by its books, which stay as they are unless it is accepted.
  void decide_as(Ticket ticket, Decision::Status status, const protocol::NodeInfo* holder = nullptr) {
    const Claim claim = take(ticket);
    if (status == Decision::Status::accepted) held_[claim.node.node_id] = claim;
    observer_->on_decided(ticket, {status, holder});
  }
  /// A node that was registered elsewhere. It has its names from now on, whoever had them here.
  bool announce(const protocol::NodeInfo& node) {
    std::erase_if(held_, [&](const auto& held) {
      const protocol::NodeInfo& other = held.second.node;
      return other.node_id == node.node_id || (node.alias && other.alias == node.alias);
    });
    held_[node.node_id] = {pmd::kStoreOwner, {}, node};
    return observer_->on_entry(node);
  }
  bool announce_end(const std::string& node_id) {
    held_.erase(node_id);
    return observer_->on_gone(node_id);
  }

 private:
  static constexpr std::uint64_t kTurnsMax = 4;

  struct Claim {
    pmd::OwnerId owner = 0;
    std::string secret;
    protocol::NodeInfo node;
  };
  struct Proposal {
    Ticket ticket;
    Claim claim;
    std::uint64_t turns_left;
  };

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

  Decision::Status judge(const Claim& claim, const protocol::NodeInfo*& holder) const {
    for (const auto& [node_id, held] : held_) {
      if (node_id == claim.node.node_id || !claim.node.alias || held.node.alias != claim.node.alias) continue;
      holder = &held.node;
      return Decision::Status::alias_in_use;
    }
    const auto found = held_.find(claim.node.node_id);
    if (found == held_.end() || found->second.owner == claim.owner) return Decision::Status::accepted;
    if (!claim.secret.empty() && found->second.secret == claim.secret) return Decision::Status::accepted;
    holder = &found->second.node;
    return Decision::Status::node_id_in_use;
  }

  void tick() {
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

  io::Reactor& reactor_;
  base::Random random_;
  pmd::StoreObserver* observer_ = nullptr;
  io::DeferredTask tick_;
  std::map<std::string, Claim> held_;
  std::vector<Proposal> undecided_;
  std::uint64_t proposals_ = 0;
  bool is_held_ = false;
  bool is_stopped_ = false;
  bool has_no_memory_ = false;
  bool decides_for_the_gone_ = false;
};

}  // namespace distflow::test
