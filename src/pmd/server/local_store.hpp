// The store of a PMD that shares its registry with no other: its own view decides, at once.
//
// Loop thread only. Keeps nothing: what the view has is what is registered.
// Use: LocalStore store; store.start(observer, view); store.propose(ticket, claim);
#pragma once

#include "pmd/server/registry_store.hpp"

namespace distflow::pmd {

class LocalStore final : public RegistryStore {
 public:
  void start(StoreObserver& observer, const Registry& view) noexcept override {
    observer_ = &observer;
    view_ = &view;
  }
  void propose(Ticket ticket, const Claim& claim) override { observer_->on_decided(ticket, decide_by(*view_, claim)); }
  void release(OwnerId, std::string_view) noexcept override {}
  void release_owner(OwnerId) noexcept override {}
  void stop(base::Duration) noexcept override { observer_->on_stopped(); }

 private:
  StoreObserver* observer_ = nullptr;
  const Registry* view_ = nullptr;
};

}  // namespace distflow::pmd
