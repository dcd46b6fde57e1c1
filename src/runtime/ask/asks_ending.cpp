// Asks' part in the ends of requests: replies, and who is believed to give them; callbacks, and the thread they run on.
#include <algorithm>
#include <array>
#include <utility>

#include "base/give_back.hpp"
#include "protocol/same_id.hpp"
#include "runtime/ask/ask_slot.hpp"
#include "runtime/ask/asks.hpp"
#include "runtime/peers/carrier.hpp"

namespace distflow::runtime {
namespace {

using protocol::is_same_id;

/// As AskWord has them, and whether the handler has surely not run.
struct Meaning {
  AskError error;
  bool may_have_run;
};
constexpr std::array<Meaning, protocol::kAskWords.size()> kMeanings{{{AskError::no_handler, false},
                                                                     {AskError::busy, false},
                                                                     {AskError::expired, false},
                                                                     {AskError::denied, true},
                                                                     {AskError::failed, true},
                                                                     {AskError::shut_down, true},
                                                                     {AskError::unsupported, false}}};

}  // namespace

/// Ends it, and puts its callback off. One of two may end without the request.
void Asks::close_slot(Slot& slot, const End& how) {
  if (slot.twin != nullptr && is_left_to_twin(slot, how)) [[unlikely]]
    return;
  slot.stage = slot.was_sent ? AskStage::sent : AskStage::resolving;
  leave_group(slot);
  leave_place(slot);
  slot.due = base::kNever;
  slot.stop.reset();
  slot.state = Slot::State::ended;
  slot.how = how;
  slot.how.may_have_run |= slot.may_have_run_elsewhere;
  slot.took = std::max(base::Duration::zero(), parts_.reactor.now() - slot.question.begun);
  slot.generation = generations_.next(parts_.reactor.backend(), slot.generation);
  if (slot.question.is_direct) return call_back_for(slot);
  if (how.error != AskError::none || parts_.delivery.has_thread()) put_off(slot);
}

void Asks::put_off(Slot& slot) {
  {
    const std::scoped_lock lock(mutex_);
    ended_.push_back(slot);
    has_ended_.store(true, std::memory_order_relaxed);
  }
  parts_.delivery.has_thread() ? parts_.delivery.wake_for_callbacks() : parts_.reactor.defer(call_back_);
}

/// What ends meanwhile waits for the next time.
bool Asks::call_back() {
  if (!has_ended()) return false;
  Slots ended;
  {
    const std::scoped_lock lock(mutex_);
    has_ended_.store(false, std::memory_order_relaxed);
    while (!ended_.empty()) ended.push_back(ended_.pop_front());
  }
  if (ended.empty()) return false;
  while (!ended.empty()) call_back_for(ended.pop_front());
  return true;
}

void Asks::call_back_for(Slot& slot) {
  AskCounters& counters = way_->counters;
  Question& question = slot.question;  // nobody else's: the slot has ended, and is not free yet
  const Reply reply{.target = question.target->name,
                    .payload = slot.payload,
                    .error = slot.how.error,
                    .stage = slot.stage,
                    .verdict = slot.how.verdict,
                    .may_have_run = slot.how.may_have_run,
                    .took = std::chrono::duration_cast<std::chrono::microseconds>(slot.took)};
  const bool is_on_loop = question.is_direct || !parts_.delivery.has_thread();
  if (reply) {
    counters.replied.add(1, is_on_loop);
  } else {
    add(counters.failed[static_cast<std::size_t>(reply.error)], 1);
  }
  counters.pending.leave(is_on_loop);
  if (question.is_direct) {
    question.callback(reply);
  } else if (!is_on_loop) {
    parts_.delivery.run_handler([&] { question.callback(reply); });
  } else {
    const AskWay::OnLoop on_loop(*way_);
    parts_.delivery.run_handler([&] { question.callback(reply); });
  }
  if (is_on_loop) way_->take_back(question.target);
  question.let_go();
  slot.payload = {};
  slot.chunk.reset();
  if (slot.kept_bytes > 0) kept_bytes_.fetch_sub(std::exchange(slot.kept_bytes, 0), std::memory_order_relaxed);
  if (slot.text.capacity() > Slot::kTextKept) base::give_back(slot.text);
  if (is_on_loop) return free_.push_front(slot);
  const std::scoped_lock lock(mutex_);
  returned_.push_back(slot);
}

void Asks::on_reply(const IncomingReply& reply) {
  using Kind = protocol::AskMembers::Kind;
  const AskId id = AskId::of(reply.members.id);
  Slot* const slot = find(id);
  if (slot == nullptr || slot->state != Slot::State::sent || !is_same_id(slot->group->name, reply.mail.from_text()) ||
      reply.members.kind == Kind::invalid || !is_believed(reply)) {
    const bool was_asked = slot == nullptr && id.slot < slot_count_ && id.generation >= AskId::kFirstGeneration &&
                           reply.members.kind != Kind::invalid;
    return add(was_asked ? way_->counters.late : way_->counters.unasked, 1);
  }
  if (reply.members.kind == Kind::error) {
    const Meaning meaning = kMeanings[static_cast<std::size_t>(reply.members.word)];
    const End how{.error = meaning.error, .may_have_run = meaning.may_have_run};
    if (!rests_after(*slot, how)) close_slot(*slot, how);
    return;
  }
  if (slot->twin != nullptr) [[unlikely]]
    drop_twin(*slot, AskError::none);
  slot->payload = reply.mail.payload_text();
  if (parts_.delivery.has_thread() && !slot->question.is_direct && !keep_payload(*slot, reply)) {
    slot->payload = {};
    return close_slot(*slot, {.error = AskError::reply_lost, .may_have_run = true});
  }
  const bool is_direct = slot->question.is_direct;
  close_slot(*slot, {.may_have_run = true});
  if (!is_direct && !parts_.delivery.has_thread()) call_back_for(*slot);
}

/// Until the second thread has called back; false when there is no room. While chunks are scarce a small reply does not
/// hold a large one.
bool Asks::keep_payload(Slot& slot, const IncomingReply& reply) {
  leave_place(slot);  // the text of the request is not needed any more
  const std::size_t size = slot.payload.size();
  const std::size_t kept = kept_bytes_.load(std::memory_order_relaxed);
  if (kept > 0 && kept + size > parts_.reply_bytes_max) return false;
  kept_bytes_.fetch_add(size, std::memory_order_relaxed);
  slot.kept_bytes = size;
  const base::ChunkPool* const home = reply.mail.chunk->home();
  const auto copy = [&] { slot.text.assign(slot.payload); };
  if (home != nullptr && home->is_under_pressure() && parts_.reactor.has_memory_for(copy)) {
    slot.payload = slot.text;
  } else {
    slot.chunk = base::ChunkRef::share(*reply.mail.chunk);
  }
  return true;
}

bool Asks::is_opener(const Carrier& carrier, std::string_view node_id) const {
  return is_same_id(carrier.opener(), node_id);
}

bool Asks::is_believed(const IncomingReply& reply) const {
  const std::string_view from = reply.mail.from_text();
  if (reply.carrier == nullptr) return is_same_id(reply.opened_to, from);
  if (!reply.carrier->opener().empty()) return is_same_id(reply.carrier->opener(), from);
  const Peer* const peer = parts_.directory.find_id(from);
  if (peer == nullptr || !peer->shares_connections) return true;
  return reply.connection.peer().owner.is_same_user(parts_.reactor.backend().own_user());
}

}  // namespace distflow::runtime
