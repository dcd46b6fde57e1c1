// The node that the client keeps registered: over losses of the PMD, refusals, and with its groups.
#include <utility>

#include "pmd/client/client.hpp"

namespace distflow::pmd {

void Client::set_registration(protocol::Registration registration) {
  if (is_closed()) return;
  options_.registration = completed(std::move(registration));
  if (connection_) in_session_or_end_it([this] { register_now(); });
}

/// May throw: the session is to end then.
void Client::register_now() {
  told_groups_.begin(options_.registration->node.groups);
  ask_for_session([this](std::string_view id) { return protocol::register_request(id, *options_.registration); },
                  &Client::on_register_answer);
  // Only now: an answer that was never asked for would be awaited for the rest of the session.
  ++registers_unanswered_;
  is_registered_ = false;
  parts_.reactor.timers().cancel(registration_timer_);
}

void Client::set_groups(protocol::Groups groups) {
  if (is_closed() || !options_.registration) return;
  options_.registration->node.groups.swap(groups);
  if (connection_) in_session_or_end_it([this] { regroup(); });
}

/// Reports to the PMD how the groups differ from those reported last.
void Client::regroup() {
  if (is_closed() || !options_.registration || !told_groups_.is_begun() || !keeps_groups_) return;
  const protocol::NodeInfo& node = options_.registration->node;
  const protocol::GroupChange change = change_between(told_groups_.groups(), node.groups);
  if (change.empty()) return;
  const ToldGroups::Number number = told_groups_.note(change);
  post([&](std::string_view id) { return protocol::regroup_request(id, node.node_id, change); }, AcrossLoss::forget,
       [this, number](const Answer& answer) { on_regroup_answer(number, answer); });
}

void Client::on_regroup_answer(ToldGroups::Number number, const Answer& answer) {
  if (is_closed()) return;
  if (!answer) return end_session(answer.error());
  in_session_or_end_it([&] {
    const bool is_current = told_groups_.on_answer(number, !answer->error);
    const bool is_refused = is_current && answer->error && answer->error != protocol::kNodeNotFound;
    if (is_refused) observer_.on_groups_refused(*answer->error);
  });
}

void Client::on_register_answer(const Answer& answer) {
  if (--registers_unanswered_ > 0 || !options_.registration) return;  // it is another registration by now
  if (answer->error) return on_refused(*answer->error, answer->holder);
  is_registered_ = true;
  knows_registered_ = true;
  refusal_backoff_.reset();
  parts_.reactor.arm_after(registration_timer_, options_.heartbeat_interval);
  observer_.on_registered();
}

protocol::Registration Client::completed(protocol::Registration registration) const {
  if (registration.secret.empty()) registration.secret = secret_;
  if (registration.node.has_cap(protocol::kShutdownCap)) return registration;
  if (!registration.node.caps) registration.node.caps.emplace();
  registration.node.caps->emplace_back(protocol::kShutdownCap);
  return registration;
}

void Client::on_lost(const protocol::Event& event) {
  if (!is_registered_ || event.node_id != options_.registration->node.node_id) return;
  is_registered_ = false;
  const Errc errc = event.reason == protocol::LossReason::expired ? Errc::timed_out : Errc::registration_refused;
  parts_.reactor.arm_after(registration_timer_, refusal_backoff_.next(random_));
  tell_lost({errc, "being registered with the PMD"}, event.holder ? &*event.holder : nullptr);
}

void Client::tell_lost(const Error& why, const protocol::NodeInfo* holder) {
  if (std::exchange(knows_registered_, false)) observer_.on_registration_lost(why, holder);
}

void Client::on_refused(const std::string& text, const std::optional<protocol::NodeInfo>& holder) {
  const std::optional<std::string>& alias = options_.registration->node.alias;
  const bool is_taken = alias && text == protocol::alias_in_use(*alias);
  const Error why{is_taken ? Errc::alias_in_use : Errc::registration_refused, "registering with the PMD"};
  tell_lost(why, holder ? &*holder : nullptr);
  if (is_closed() || registers_unanswered_ > 0 || !options_.registration) return;
  const AfterRefusal next = observer_.on_registration_refused(why, text, holder ? &*holder : nullptr);
  if (is_closed() || registers_unanswered_ > 0) return;  // the owner has decided otherwise meanwhile
  if (next == AfterRefusal::give_up) return forget_registration();
  parts_.reactor.arm_after(registration_timer_, refusal_backoff_.next(random_));
}

void Client::forget_registration() {
  options_.registration.reset();
  is_registered_ = false;
  knows_registered_ = false;
  told_groups_.end();
  parts_.reactor.timers().cancel(registration_timer_);
}

void Client::on_registration_timer() {
  in_session_or_end_it([this] {
    if (!is_registered_) return register_now();
    parts_.reactor.arm_after(registration_timer_, options_.heartbeat_interval);
    ask_for_session(
        [this](std::string_view id) { return protocol::heartbeat_request(id, options_.registration->node.node_id); },
        &Client::on_heartbeat_answer);
  });
}

void Client::on_heartbeat_answer(const Answer& answer) {
  if (is_registered_ && answer->error == protocol::kNodeNotFound) return register_now();
  regroup();  // what was refused
}

void Client::unregister(Callback<void> on_answer) {
  auto tell = [on_answer = std::move(on_answer)](const Answer& answer) { on_answer(to_success(answer)); };
  if (options_.registration && connection_) {
    ask([&](std::string_view id) { return protocol::unregister_request(id, options_.registration->node.node_id); },
        AcrossLoss::fail, std::move(tell));
  } else {
    // Without a connection the PMD has none: it went with the connection it came on.
    requests_.refuse(std::move(tell), {Errc::node_not_found, kAsking});
  }
  forget_registration();  // behind what may throw: the PMD still has the node then
}

}  // namespace distflow::pmd
