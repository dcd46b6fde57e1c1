// Asks' part in the answers that this node gives.
#include <string>

#include "runtime/ask/asks.hpp"

namespace distflow::runtime {

SendVerdict Asks::reply(const Addressee& asker, std::string_view json) {
  if (has_ended_answers_) return SendVerdict::shut_down;
  if (asker.deadline <= parts_.reactor.now()) return SendVerdict::unresolved;  // nobody waits for it
  if (!may_answer(asker)) return SendVerdict::unresolved;
  const auto text = protocol::AskText::reply(asker.id);
  return parts_.router.send_reply(asker.target, OutgoingMessage(json).with(text.extension()));
}

/// It cannot be tried again, as a reply can: whoever refuses is done with the request, and the asker would wait for its
/// whole deadline. So it is sent even where the asker's queue is full, for so many in a second.
SendVerdict Asks::refuse(const Addressee& asker, protocol::AskWord word) {
  if (has_ended_answers_) return SendVerdict::shut_down;
  if (!may_answer(asker)) return SendVerdict::unresolved;
  const auto text = protocol::AskText::error(asker.id, word);
  const auto message = OutgoingMessage::without_payload().with(text.extension());
  const SendVerdict verdict = parts_.router.send_reply(asker.target, message);
  if (verdict != SendVerdict::queue_full || !past_bounds_limit_.admit(parts_.reactor.now())) return verdict;
  return parts_.router.send_past_bounds(asker.target, message);
}

void Asks::tell_of_loss(const Addressee& asker) {
  if (has_ended_answers_ || parts_.router.link_to(asker.target) == nullptr || !may_answer(asker)) return;
  const auto text = protocol::AskText::error(asker.id, protocol::AskWord::failed);
  parts_.router.send_parked(asker.target, {.payload = {},
                                           .extension = std::string(text.extension().text()),
                                           .has_payload = false,
                                           .timestamp = parts_.reactor.wall_ms()});
}

/// Whom a request is from is said by whoever sends it. A node that joined a moment ago may not be known yet: what its
/// handler says waits for it, for so many in a second. An alias is nobody's sender.
bool Asks::may_answer(const Addressee& asker) {
  Link* const link = parts_.router.link_to(asker.target);
  if (link == nullptr) return stranger_limit_.admit(parts_.reactor.now()).has_value();
  return link->takes_asks() && link->node_id() == asker.target->name;
}

}  // namespace distflow::runtime
