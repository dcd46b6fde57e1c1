#include "pmd/server/turn_work.hpp"

#include <utility>

namespace distflow::pmd {

bool TurnWork::begin_run(WorkAccount& account) {
  const std::size_t share = std::exchange(account.share, 0);
  const bool owes_much = account.paid_at > now_ + kCredit;
  if (share == 0 && (owes_much || taken_ >= kTurnMax)) return false;
  const std::size_t left = kTurnMax - std::min(kTurnMax, taken_);
  account.run_max = share > 0 ? share : std::clamp(left, kRunMin, kRunMax);
  account.run_work = 0;
  return true;
}

/// Who has waited pays from when it would have begun: others have moved the clock on before its run.
void TurnWork::spend(WorkAccount& account, std::size_t work) {
  taken_ += work;
  account.run_work += work;
  account.paid_at = std::max(account.paid_at, &account == running_ ? account.begins_at : now_) + work;
  last_ = std::max(last_, account.paid_at);
  reactor_.defer(turn_);
}

void TurnWork::wait(WorkAccount& account, std::size_t work) {
  if (account.is_linked()) return;
  account.begins_at = std::clamp<std::uint64_t>(account.paid_at, now_ - kLead, now_ + kDebtMax);
  bucket_of(account.begins_at + std::min(work, kLead)).push_back(account);
  ++waiting_;
  reactor_.defer(turn_);
}

void TurnWork::leave(WorkAccount& account) {
  if (!account.is_linked()) return;
  account.unlink();
  --waiting_;
}

/// The one whose work would end first, at `place` or later. The clock goes on to when it would have begun.
WorkAccount& TurnWork::pop_next(std::uint64_t& place) {
  while (bucket_of(place).empty()) ++place;
  WorkAccount& account = bucket_of(place).pop_front();
  now_ = std::max(now_, account.begins_at);
  --waiting_;
  return account;
}

void TurnWork::on_turn_end() {
  taken_ = 0;
  if (waiting_ == 0) {
    now_ = last_;
    return;
  }
  const std::size_t share = std::clamp(kTurnMax / waiting_, kRunMin, kRunMax);
  std::uint64_t place = now_ - kLead;
  for (std::size_t runs_left = waiting_; runs_left > 0 && waiting_ > 0 && taken_ < kTurnMax; --runs_left) {
    WorkAccount& account = pop_next(place);
    const std::size_t before = taken_;
    account.share = share;
    running_ = &account;
    account.on_turn();
    running_ = nullptr;
    account.share = 0;
    taken_ = std::max(taken_, before + kRunCost);
  }
  taken_ = 0;
  if (waiting_ > 0) reactor_.defer(turn_);
}

}  // namespace distflow::pmd
