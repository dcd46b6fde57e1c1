// The registry of a PMD: a client, and the policy of starting one. A PMD on this machine is started, unless the options
// forbid it, or an administrator has ended the last one.
//
// Loop thread only. Lines 1 to 5 of registry_client.hpp.
//   1. A PMD is started when nothing listens at its port, by one attempt at a time.
//   2. Final, while the node starts, are Erlang's epmd or another program at the PMD's port, a host without an address,
//      and a PMD's program that is not there. All else is tried again.
// Use: make_registry_client(parts, options), in registry_choice.hpp.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <distflow/node_options.hpp>

#include "io/resolver.hpp"
#include "pmd/client/client.hpp"
#include "runtime/node/pmd_starter.hpp"
#include "runtime/node/registry_client.hpp"

namespace distflow::runtime {

class PmdRegistry final : public RegistryClient, private pmd::ClientObserver {
 public:
  PmdRegistry(const RegistryParts& parts, const NodeOptions& options);
  ~PmdRegistry() override;

  void start(RegistryObserver& observer, protocol::Registration registration) override;
  void resolve(std::string_view name, OnAnswer on_answer) override;
  [[nodiscard]] bool answer_stats(std::uint64_t id, std::string_view stats) override {
    return client_->answer_stats(id, stats);
  }
  [[nodiscard]] io::PeerOwner owner_of_registry() const override {
    return client_ ? client_->owner_of_pmd() : io::PeerOwner();
  }
  void set_groups(protocol::Groups groups) override { client_->set_groups(std::move(groups)); }
  void close() override;
  [[nodiscard]] bool is_registered() const override { return client_ && client_->is_registered(); }
  [[nodiscard]] StartError why_unregistered() const override;
  /// Null until it is started.
  [[nodiscard]] const pmd::Client* client() const { return client_.get(); }

 private:
  // From the client: passed on, except calls that concern a PMD alone.
  void on_registered() override;
  pmd::AfterRefusal on_registration_refused(const Error& error, std::string_view text,
                                            const protocol::NodeInfo* holder) override;
  void on_registration_lost(const Error& why, const protocol::NodeInfo* holder) override;
  void on_snapshot(std::vector<protocol::NodeInfo> nodes) override;
  void on_join(const protocol::NodeInfo& node) override { observer_->on_join(node); }
  void on_leave(const protocol::NodeInfo& node) override { observer_->on_leave(node); }
  void on_stats_asked(const protocol::StatsPart& part) override { observer_->on_stats_asked(part); }
  void on_groups_kept(bool are_kept) override { observer_->on_groups_kept(are_kept); }
  void on_groups_refused(std::string_view text) override { observer_->on_groups_refused(text); }
  void on_disconnected(const Error& why) override;
  void on_pmd_shutdown() override { was_told_to_end_ = true; }
  void on_unreachable(const Error& why, std::uint32_t attempts) override;
  void on_closed() override { observer_->on_closed(); }

  [[nodiscard]] pmd::ClientOptions client_options(protocol::Registration registration) const;
  /// Until the node is registered and knows who else is there.
  [[nodiscard]] bool is_starting() const { return !was_registered_ || !has_snapshot_; }
  void heed_ended_pmd();
  void start_pmd();
  void on_pmd_started(const Result<PmdStart>& outcome);

  const RegistryParts parts_;
  const NodeOptions options_;
  RegistryObserver* observer_ = nullptr;
  std::string node_id_;
  bool is_closing_ = false;
  bool is_starting_pmd_ = false;
  bool was_told_to_end_ = false;
  bool was_registered_ = false;
  bool has_snapshot_ = false;
  std::optional<StartError> pmd_failure_;       // why the PMD could not be started, the last time it was tried
  std::optional<StartError> last_unreachable_;  // why it could not be reached
  io::Resolver resolver_;
  transport::OutBuffer out_;
  std::unique_ptr<pmd::Client> client_;
};

}  // namespace distflow::runtime
