#include "runtime/ask/requests.hpp"

#include <algorithm>
#include <memory>
#include <new>
#include <optional>
#include <utility>

#include "io/clock.hpp"
#include "protocol/same_id.hpp"

namespace distflow::runtime {

using protocol::AskWord;

std::function<void()> Requests::setting(RequestHandler handler) {
  return [this, handler = std::move(handler), setting = setting_]() mutable {
    handler_ = std::move(handler);
    setting.reset();
  };
}

/// The node that the request is of, as a name to send to; outside the table when it is a stranger's, or when there is
/// no room: answering finds its place (Asks::whom_to_answer). May throw std::bad_alloc.
const TargetPtr& Requests::asker_of(const Mail& mail) {
  const std::string_view name = mail.from_text();
  const bool is_of_last = asker_ != nullptr && protocol::is_same_id(asker_->name, name);
  if (is_of_last && !asker_->is_outside_table) return asker_;
  TargetPtr known = targets_.find(name);
  if (known == nullptr && directory_.knows_id(name)) known = targets_.of(name);
  if (known != nullptr) return asker_ = std::move(known);
  if (is_of_last) return asker_;
  const auto outside = std::make_shared<TargetState>(name, 0);
  outside->is_outside_table = true;
  return asker_ = outside;
}

inline void Requests::hand_to_handler(const Mail& mail, std::uint64_t id, base::Instant deadline) {
  const bool is_on_loop = !delivery_.has_thread();
  Responder responder;
  try {
    const TargetPtr& asker = asker_of(mail);
    is_on_loop ? way_->give(asker, responder.asker_) : void(responder.asker_ = asker);
  } catch (const std::bad_alloc&) {
    reactor_.note_out_of_memory();
  }
  if (responder.asker_ == nullptr) return say(mail, id & protocol::kAskIdMax, AskWord::failed);
  is_on_loop ? way_->give(way_, responder.way_) : void(responder.way_ = way_);
  responder.id_ = id;
  responder.deadline_ = deadline;
  way_->counters.in_handlers.add(1, is_on_loop);
  Request request;
  request.from = mail.from_text();
  request.payload = mail.payload_text();
  request.timestamp = mail.timestamp;
  request.way_ = &way_;
  request.deadline_ = deadline;
  delivery_.run_handler([&] { handler_(request, std::move(responder)); });
}

void Requests::handle(const Mail& mail, const protocol::AskMembers& members) {
  way_->counters.waiting.add(-1, !delivery_.has_thread());
  std::optional<AskWay::OnLoop> on_loop;
  if (!delivery_.has_thread()) on_loop.emplace(*way_);
  const base::Instant now = way_->now();
  const auto now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  const RequestOrigin origin(mail);
  const auto waited = static_cast<std::int64_t>(static_cast<std::uint32_t>(now_ms) - origin.came_at_ms());
  // It may have come a millisecond ahead. And the second thread reads its clock itself: it may be before the loop by
  // less than a turn.
  const std::int64_t waited_ms = waited > UINT32_MAX / 2 ? 0 : waited;
  const bool is_expired = waited_ms >= members.ms;
  if (is_expired || !handler_) {
    const AskWord word = is_expired ? AskWord::expired : AskWord::no_handler;
    return word_limit_.admit(now) ? say(mail, members.id, word) : say_nothing(word);
  }
  const std::int64_t ms = std::min<std::int64_t>(members.ms, AskWay::kDeadlineMax.count());
  hand_to_handler(mail, answered_id(members.id, origin.is_proven()),
                  now + base::milliseconds(ms - std::min(waited_ms, ms)));
}

/// Of a request that no handler has had.
void Requests::say(const Mail& mail, std::uint64_t id, AskWord word) {
  if (!directory_.knows_id(mail.from_text())) return say_nothing(word);
  TargetPtr asker;
  try {
    asker = delivery_.has_thread() ? targets_.of(mail.from_text()) : asker_of(mail);
  } catch (const std::bad_alloc&) {
    reactor_.note_out_of_memory();
  }
  if (asker == nullptr) return say_nothing(word);
  way_->refuse({.target = asker, .id = answered_id(id, RequestOrigin(mail).is_proven()), .deadline = {}}, word);
}

/// Counts the word that would have been sent.
void Requests::say_nothing(AskWord word) {
  add(way_->counters.words[static_cast<std::size_t>(word)], 1);
  add(way_->counters.answers_lost, 1);
}

void Requests::refuse(const Mail& mail) {
  way_->counters.waiting.add_on_loop(-1);
  if (!busy_limit_.admit(reactor_.now())) return say_nothing(AskWord::busy);
  const AskWay::OnLoop on_loop(*way_);
  const auto members = protocol::read_ask_members(mail.extension_view(), mail.has_payload());
  say(mail, members.id, AskWord::busy);
}

void Requests::drop(std::size_t count) {
  way_->counters.waiting.add(-static_cast<std::int64_t>(count));
  add(way_->counters.words[static_cast<std::size_t>(AskWord::shut_down)], count);
  add(way_->counters.answers_lost, count);
}

}  // namespace distflow::runtime
