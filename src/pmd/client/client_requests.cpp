#include "pmd/client/client_requests.hpp"

#include <charconv>
#include <iterator>
#include <utility>

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
  owed_.emplace(next_id(), PendingRequest{.text = {}, .on_answer = std::move(on_answer), .why = why});
  reactor_.defer(deliver_);
}

/// Takes the request off the table, to be answered at the turn's end. Gives what is behind it.
ClientRequests::Pending::iterator ClientRequests::owe(Pending::iterator request, Error why) {
  const auto next = std::next(request);
  request->second.why = why;
  owed_.insert(pending_.extract(request));
  reactor_.defer(deliver_);
  return next;
}

void ClientRequests::answer(RequestId id, const Answer& response) {
  const auto found = pending_.find(id);
  if (found == pending_.end()) return;
  const Pending::node_type request = pending_.extract(found);
  tell(request.mapped(), response);
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
    place = request.across_loss == AcrossLoss::fail ? owe(place, why) : pending_.erase(place);
  }
}

void ClientRequests::fail_all(Error why) {
  for (auto place = pending_.begin(); place != pending_.end();) {
    place = place->second.across_loss == AcrossLoss::forget ? pending_.erase(place) : owe(place, why);
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
  Pending owed;  // what is refused meanwhile belongs to the next turn
  owed.swap(owed_);
  for (const auto& [id, request] : owed) tell(request, request.why);
}

void ClientRequests::tell(const PendingRequest& request, const Answer& answer) {
  if (reactor_.has_memory_for([&] { request.on_answer(answer); })) return;
  request.on_answer(Error{Errc::out_of_memory, "taking an answer of the PMD"});
}

}  // namespace distflow::pmd
