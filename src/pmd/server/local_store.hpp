// The store of a PMD that shares its registry with no other: its own view decides, at once.
//
// Loop thread only. Keeps nothing: what the view has is what is registered.
// Use: LocalStore store(registry); store.start(observer); store.propose(ticket, change);
#pragma once

#include "pmd/server/registry_store.hpp"

namespace distflow::pmd {

class LocalStore final : public RegistryStore {
 public:
  /// `view` must outlive the store.
  explicit LocalStore(const Registry& view) : view_(view) {}

  void start(StoreObserver& observer) override { observer_ = &observer; }
  void propose(Ticket ticket, const Registry::Change& change) override {
    const Registry::Verdict verdict = view_.judge(change);
    observer_->on_decided(ticket, {status_of(verdict.status), verdict.holder ? &verdict.holder->node : nullptr});
  }
  void release(OwnerId, std::string_view) noexcept override {}
  void release_owner(OwnerId) noexcept override {}
  void stop() noexcept override {}

 private:
  static Decision::Status status_of(Registry::Status status) {
    switch (status) {
      case Registry::Status::joined:
      case Registry::Status::replaced: return Decision::Status::accepted;
      case Registry::Status::alias_in_use: return Decision::Status::alias_in_use;
      case Registry::Status::node_id_in_use: return Decision::Status::node_id_in_use;
      case Registry::Status::full: return Decision::Status::full;
      case Registry::Status::owner_full: return Decision::Status::owner_full;
      case Registry::Status::user_full: return Decision::Status::user_full;
    }
    return Decision::Status::unavailable;
  }

  const Registry& view_;
  StoreObserver* observer_ = nullptr;
};

}  // namespace distflow::pmd
