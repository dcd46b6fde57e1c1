// Registers nodes: has the store decide, takes up in the registry what was decided, and answers and announces it. Ends
// registrations when they are given up, when their connection ends, or when their TTL does.
//
// Loop thread only.
//   1. A registration is answered once, unless its session ends first. The reply is queued before the events.
//   2. A claim to an alias or a nodeId in use is answered when the name is free, or at the end of the grace period.
//      Where all places of those that wait are taken, it is answered at once, or another user's in its stead.
//   3. While its registration is not answered, no request of a session is read.
//   4. Of those that wait a turn answers a bounded number.
//   5. At most proposal_count_max registrations are undecided at a time; further ones are refused.
// What may happen between a proposal and its decision: registry_store.hpp.
// Use: registrar.start(); registrar.claim(session, change, id); ... registrar.on_session_closed(session);
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pmd/server/announcer.hpp"
#include "pmd/server/departures.hpp"
#include "pmd/server/local_store.hpp"
#include "pmd/server/options.hpp"
#include "pmd/server/pending_registrations.hpp"
#include "pmd/server/registry.hpp"
#include "pmd/server/reply_writer.hpp"

namespace distflow::pmd {

/// What a registrar works with. All of it must outlive the registrar.
struct RegistrarParts {
  io::Reactor& reactor;
  const ServerOptions& options;
  ServerCounters& counters;
  ReplyWriter& replies;
  Announcer& announcer;
  RegistryStore* store;               ///< null: the registry decides by itself
  base::Delegate<void()> on_stopped;  ///< the store has ended, after stop(); perhaps from inside that
};

class Registrar final : private StoreObserver {
 public:
  explicit Registrar(const RegistrarParts& parts);
  ~Registrar();
  Registrar(const Registrar&) = delete;
  Registrar& operator=(const Registrar&) = delete;

  /// Once, before the first request.
  void start() noexcept { store_.start(*this, registry_); }

  /// The four requests. All are answered; a claim and a regroup perhaps later.
  void claim(Session& session, Registry::Change change, std::string_view raw_request_id);
  /// The node is registered anew with other groups: the store decides, and the bounds hold, as for any registration.
  void regroup(Session& session, std::string_view node_id, const protocol::GroupChange& groups,
               std::string_view raw_request_id);
  void unregister(Session& session, std::string_view node_id, std::string_view raw_request_id);
  void heartbeat(Session& session, std::string_view node_id, std::string_view raw_request_id);

  /// The session is gone: so are its nodes, and its claim.
  void on_session_closed(Session& session);
  /// Nothing more is decided, expires or leaves. The registrar may be destroyed when the store has ended, too.
  void stop();
  [[nodiscard]] bool has_stopped() const { return has_store_stopped_; }

  [[nodiscard]] Registry& registry() { return registry_; }
  [[nodiscard]] const Registry& registry() const { return registry_; }

 private:
  using Taken = PendingRegistrations::Taken;
  enum class Next : std::uint8_t { answered, wait, undecided };

  void on_decided(Ticket ticket, const Decision& decision) override;
  bool on_entry(const protocol::NodeInfo& node) override;
  bool on_gone(std::string_view node_id) override;
  void on_stopped() override;

  // The way of a claim.
  void take_up(PendingRegistration registration);
  [[nodiscard]] Next try_now(PendingRegistration& registration);
  [[nodiscard]] Next propose(PendingRegistration& registration);
  [[nodiscard]] Next settle(PendingRegistration& registration, const Decision& decision);
  [[nodiscard]] Next settle_or_close(PendingRegistration& registration, const Decision& decision);
  [[nodiscard]] Next wait_or_refuse(PendingRegistration& registration, const Decision& decision);
  void admit(PendingRegistration& registration);
  void welcome(const PendingRegistration& registration, const Registry::Outcome& outcome);
  void give_back(OwnerId owner, const std::string& node_id);
  void refuse(const PendingRegistration& registration, std::uint64_t& counter, std::string_view error);
  void refuse_name(const PendingRegistration& registration, const Decision& decision);
  void go_on_with(Taken& registration, Next next);
  void park(Taken& parked, Next next);
  void displace_one();
  [[nodiscard]] Next try_or_close(PendingRegistration& registration);
  void close_without_memory(Session& session);

  // Those that wait.
  [[nodiscard]] std::optional<Decision> undecided_conflict(const Claim& claim) const;
  [[nodiscard]] std::optional<Decision> conflict(const Claim& claim) const;
  [[nodiscard]] bool is_due(const PendingRegistration& registration, base::Instant refused_until) const;
  void settle_waiting(base::Instant refused_until);
  void grant_waiting() { settle_waiting(base::Instant::min()); }
  void arm_waiting(base::Instant at);
  void on_waiting_timer();

  void note_free_names();
  void evict(const Registry::Entry& entry, const protocol::NodeInfo& successor);

  io::Reactor& reactor_;
  const ServerOptions& options_;
  ServerCounters& counters_;
  ReplyWriter& replies_;
  Announcer& announcer_;
  const base::Delegate<void()> on_stopped_;
  bool is_stopped_ = false;
  bool has_store_stopped_ = false;

  Registry registry_;
  LocalStore local_store_;
  RegistryStore& store_;
  Departures departures_;

  /// The registration whose proposal is on the call stack, and what was decided of it there.
  struct Proposing {
    Proposing(PendingRegistration& proposed, Proposing*& its_place) : registration(proposed), place(its_place) {
      place = this;
    }
    Proposing(const Proposing&) = delete;
    Proposing& operator=(const Proposing&) = delete;
    ~Proposing() { place = nullptr; }

    PendingRegistration& registration;
    Proposing*& place;
    Next next = Next::undecided;
  };
  Proposing* proposing_ = nullptr;
  Ticket last_ticket_ = 0;
  std::uint64_t last_arrival_ = 0;
  std::uint64_t names_freed_ = 1;  // how often, by leaves and by nodes that took another alias
  PendingRegistrations pending_;
  base::Timer waiting_timer_;
  base::Instant waiting_armed_at_;
  io::DeferredTask grant_waiting_;
};

}  // namespace distflow::pmd
