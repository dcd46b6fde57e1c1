#include "pmd/client_requests.hpp"

#include <charconv>

namespace distflow::pmd {
namespace {

using base::Delegate;

constexpr std::string_view kIdPrefix = "req_";

}  // namespace

std::string to_text(RequestId id) { return std::string(kIdPrefix) + std::to_string(id); }

std::optional<RequestId> to_request_id(std::string_view text) {
  if (!text.starts_with(kIdPrefix)) return std::nullopt;
  text.remove_prefix(kIdPrefix.size());
  RequestId id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return id;
}

ClientRequests::ClientRequests(io::Reactor& reactor, base::Duration timeout)
    : reactor_(reactor), timeout_(timeout), timer_(Delegate<void()>::to<&ClientRequests::on_timeout>(*this)) {
  deliver_.on_turn_end = Delegate<void()>::to<&ClientRequests::deliver_owed>(*this);
}

ClientRequests::~ClientRequests() { deliver_.unlink(); }

PendingRequest& ClientRequests::add(RequestId id, PendingRequest request) {
  request.deadline = base::saturating_add(reactor_.now(), timeout_);
  PendingRequest& added = pending_.emplace(id, std::move(request)).first->second;
  if (!timer_.is_armed()) arm_timer();
  return added;
}

void ClientRequests::refuse(OnAnswer on_answer, Error why) {
  owed_.emplace_back(std::move(on_answer), why);
  reactor_.defer(deliver_);
}

void ClientRequests::answer(RequestId id, const Answer& response) {
  const auto found = pending_.find(id);
  if (found == pending_.end()) return;
  const PendingRequest request = std::move(found->second);
  pending_.erase(found);
  request.on_answer(response);
}

void ClientRequests::on_loss(Error why) {
  for (auto place = pending_.begin(); place != pending_.end();) {
    PendingRequest& request = place->second;
    const bool stays =
        request.across_loss == AcrossLoss::repeat || (request.across_loss == AcrossLoss::fail && !request.is_sent);
    if (stays) {
      request.is_sent = false;
      ++place;
      continue;
    }
    if (request.across_loss == AcrossLoss::fail) refuse(std::move(request.on_answer), why);
    place = pending_.erase(place);
  }
}

void ClientRequests::fail_all(Error why) {
  for (auto& [id, request] : std::exchange(pending_, {})) {
    if (request.across_loss != AcrossLoss::forget) refuse(std::move(request.on_answer), why);
  }
}

/// The timer is left alone when a request is answered: it looks for what is due when it expires.
void ClientRequests::on_timeout() {
  while (!pending_.empty() && pending_.begin()->second.deadline <= reactor_.now()) {
    answer(pending_.begin()->first, Error{Errc::timed_out, "waiting for an answer of the PMD"});
  }
  arm_timer();
}

void ClientRequests::arm_timer() {
  if (!pending_.empty()) reactor_.timers().arm(timer_, pending_.begin()->second.deadline);
}

void ClientRequests::deliver_owed() {
  for (auto& [on_answer, why] : std::exchange(owed_, {})) on_answer(why);
}

}  // namespace distflow::pmd
