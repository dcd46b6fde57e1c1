// Asks' part in the answers that this node gives.
#include <string>

#include "protocol/same_id.hpp"
#include "runtime/ask/asks.hpp"

namespace distflow::runtime {

SendVerdict Asks::reply(const Addressee& asker, std::string_view json) {
  if (has_ended_answers_) return SendVerdict::shut_down;
  if (asker.deadline <= parts_.reactor.now()) return SendVerdict::unresolved;  // nobody waits for it
  TargetPtr held;
  const TargetPtr* const target = whom_to_answer(asker, held);
  if (target == nullptr) return SendVerdict::unresolved;
  if (!may_be_sent_to(asker, *target, Answer::reply)) return SendVerdict::queue_full;
  const auto text = protocol::AskText::reply(asker.request_id());
  return parts_.router.send_reply(*target, OutgoingMessage(json).with(text.extension()));
}

/// It cannot be tried again, as a reply can: the caller is done with the request, and the asker would wait for its
/// whole deadline. So it is sent even where the asker's queue is full, for so many in a second.
SendVerdict Asks::refuse(const Addressee& asker, protocol::AskWord word) {
  if (has_ended_answers_) return SendVerdict::shut_down;
  TargetPtr held;
  const TargetPtr* const target = whom_to_answer(asker, held);
  if (target == nullptr) return SendVerdict::unresolved;
  if (!may_be_sent_to(asker, *target, Answer::word)) return SendVerdict::queue_full;
  const auto text = protocol::AskText::error(asker.request_id(), word);
  const auto message = OutgoingMessage::without_payload().with(text.extension());
  const SendVerdict verdict = parts_.router.send_reply(*target, message);
  if (verdict != SendVerdict::queue_full || !past_bounds_limit_.admit(parts_.reactor.now())) return verdict;
  return parts_.router.send_past_bounds(*target, message);
}

void Asks::tell_of_loss(const Addressee& asker) {
  if (has_ended_answers_) return;
  TargetPtr held;
  const TargetPtr* const target = whom_to_answer(asker, held);
  if (target == nullptr || parts_.router.link_to(*target) == nullptr) return;
  if (!may_be_sent_to(asker, *target, Answer::word)) return;
  const auto text = protocol::AskText::error(asker.request_id(), protocol::AskWord::failed);
  parts_.router.send_parked(*target, {.payload = {},
                                      .extension = std::string(text.extension().text()),
                                      .has_payload = false,
                                      .timestamp = parts_.reactor.wall_ms()});
}

/// Any peer may ask in the name of another node, and have it sent the answers. Those to a node that has not
/// proved, on that connection, to be the asker leave a part of its queue to others. Words in place of answers have a
/// quarter more of it than answers: who waits needs them most where there is much to do.
bool Asks::may_be_sent_to(const Addressee& asker, const TargetPtr& target, Answer answer) {
  if (asker.is_proven()) [[likely]]
    return true;
  Link* const link = parts_.router.link_to(target);
  return link == nullptr || !link->credit()->is_used_beyond(answer == Answer::reply ? 2 : 3);
}

/// The asker as a name of the table, which may be `held`; null: it is not answered. The sender of a request may write
/// any name. A node that joined a moment ago may not be known yet: what its handler says waits for it, for so
/// many in a second, and only then its name takes a place in the table. An alias is nobody's sender.
const TargetPtr* Asks::whom_to_answer(const Addressee& asker, TargetPtr& held) {
  const TargetPtr* target = &asker.target;
  bool is_admitted = false;
  if (asker.target->is_outside_table) [[unlikely]] {
    is_admitted = !parts_.directory.knows_id(asker.target->name);
    if (is_admitted && !stranger_limit_.admit(parts_.reactor.now())) return nullptr;
    held = way_->target_of(asker.target->name);
    if (held == nullptr) return nullptr;
    target = &held;
  }
  Link* const link = parts_.router.link_to(*target);
  if (link == nullptr) return is_admitted || stranger_limit_.admit(parts_.reactor.now()) ? target : nullptr;
  return link->takes_asks() && protocol::is_same_id(link->node_id(), (*target)->name) ? target : nullptr;
}

}  // namespace distflow::runtime
