#include "runtime/ask/asks.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "base/room.hpp"
#include "protocol/same_id.hpp"
#include "runtime/ask/ask_slot.hpp"
#include "runtime/peers/queued_requests.hpp"

namespace distflow::runtime {
namespace {

/// How long the replies of a node that has left may still come.
constexpr base::Duration kReplyGrace = base::milliseconds(100);

/// What is left until then, in milliseconds, and one at least.
std::int64_t ms_until(base::Instant deadline, base::Instant now) {
  return std::max<std::int64_t>(1, std::chrono::ceil<std::chrono::milliseconds>(deadline - now).count());
}

AskError error_of(Counter SendCounters::*reason) {
  if (reason == &SendCounters::dropped_peer_left) return AskError::peer_left;
  if (reason == &SendCounters::dropped_connection_lost) return AskError::connection_lost;
  if (reason == &SendCounters::dropped_shutdown) return AskError::shut_down;
  return AskError::not_sent;
}

}  // namespace

Asks::Asks(AsksParts parts, std::shared_ptr<AskWay> way)
    : parts_(parts), way_(std::move(way)), resting_(std::make_unique<Group>()) {
  call_back_.on_turn_end = base::Delegate<void()>::to<&Asks::call_back_later>(*this);
  way_->open(*this);
}

Asks::~Asks() {
  finish();
  call_back_.unlink();
  for (Slots* slots : {&free_, &returned_}) {
    while (!slots->empty()) slots->pop_front();
  }
}

/// Null when all have been used up. May throw.
Asks::Slot* Asks::take_slot() {
  if (free_.empty()) {
    const std::scoped_lock lock(mutex_);
    while (!returned_.empty()) free_.push_back(returned_.pop_front());
  }
  if (free_.empty()) {
    if (slot_count_ + kSlotsPerBlock > AskId::kSlotsMax) return nullptr;
    blocks_.reserve(blocks_.size() + 1);
    blocks_.push_back(std::make_unique<Slot[]>(kSlotsPerBlock));
    for (std::size_t i = 0; i < kSlotsPerBlock; ++i) {
      Slot& slot = blocks_.back()[i];
      slot.owner = this;
      slot.index = slot_count_++;
      slot.generation = generations_.next(parts_.reactor.backend(), 0);
      free_.push_back(slot);
    }
  }
  Slot& slot = free_.pop_front();
  slot.state = Slot::State::free;
  // Of the request that had it before: also one that ends before it begins reports these.
  slot.attempts = 0;
  slot.was_sent = false;
  slot.may_retry = false;
  slot.has_backup = false;
  slot.may_have_run_elsewhere = false;
  return &slot;
}

/// Of one that has not begun.
void Asks::free_slot(Slot& slot) {
  leave_place(slot);
  slot.due = base::kNever;
  slot.question.let_go();
  free_.push_front(slot);
}

/// The same, with its callback.
[[gnu::noinline]] void Asks::give_back(Slot& slot, ReplyCallback& callback) {
  callback.swap(slot.question.callback);
  free_slot(slot);
}

/// The turn's time, which may be long before a request that a handler makes.
base::Instant Asks::now_of(const Slot& slot) const { return std::max(parts_.reactor.now(), slot.question.begun); }

/// In both of its callers: each request is begun once.
[[gnu::always_inline]] inline SendVerdict Asks::begin(Slot& slot, std::string_view json) {
  if (slot.question.deadline <= now_of(slot)) {
    close_slot(slot, {.error = AskError::deadline});
    return SendVerdict::queued;
  }
  retries_.note_asked(now_of(slot));
  Link* const link = parts_.router.link_to(slot.question.target);
  const std::uint64_t generation = slot.generation;
  const SendVerdict verdict = link == nullptr ? wait_for_name(slot, json) : send(slot, *link, json);
  // One that has ended may be called back for by now, on another thread, and be free. Its generation is the loop's.
  if (!is_under_way(verdict) || slot.generation != generation) return verdict;
  // One that rests already, as the first whom it was for is gone, has its time set.
  if (slot.question.others == nullptr) [[likely]] {
    set_due(slot, slot.question.deadline);
  } else if (slot.state != Slot::State::resting) {
    set_first_due(slot);
  }
  if (slot.question.stop.stop_possible()) {
    slot.stop.emplace(slot.question.stop, Slot::Stop{.way = way_.get(), .id = slot.id()});
  }
  return verdict;
}

SendVerdict Asks::ask(const QuestionPlan& plan, const TargetPtr& target, std::string_view json) {
  if (is_closing_) return SendVerdict::shut_down;
  Slot* const slot = take_slot();
  if (slot == nullptr) return SendVerdict::queue_full;
  plan.move_to(slot->question);
  way_->give_target(target, slot->question.target);
  try {
    const SendVerdict verdict = begin(*slot, json);
    if (!is_under_way(verdict)) give_back(*slot, plan.callback);
    return verdict;
  } catch (const std::bad_alloc&) {
    give_back(*slot, plan.callback);
    throw;
  }
}

void Asks::take(Question& question, std::string_view json) {
  SendVerdict verdict = is_closing_ ? SendVerdict::shut_down : SendVerdict::out_of_memory;
  Slot* slot = nullptr;
  const auto begin_it = [&] {
    slot = take_slot();
    if (slot == nullptr) return;
    slot->begin_with(std::move(question));
    if (!is_closing_) verdict = begin(*slot, json);
  };
  // The caller's verdict was that it is under way.
  static_cast<void>(parts_.reactor.has_memory_for(begin_it));
  if (is_under_way(verdict)) return;
  const End how{.error = is_closing_ ? AskError::shut_down : AskError::not_sent, .verdict = verdict};
  if (slot != nullptr) return end(*slot, how);
  // Without memory for a slot there is no way to put it off.
  add(way_->counters.failed[static_cast<std::size_t>(how.error)], 1);
  way_->counters.pending.leave(true);
  const Reply reply{.target = question.target->name,
                    .error = how.error,
                    .stage = AskStage::resolving,
                    .verdict = verdict,
                    .may_have_run = false};
  call_back_last(question, reply);
}

SendVerdict Asks::send(Slot& slot, Link& link, std::string_view json) {
  if (!link.takes_asks()) {
    close_slot(slot, {.error = AskError::unsupported});
    return SendVerdict::queued;
  }
  Group& group = group_of(link);
  if (group.count >= parts_.asks_per_peer_max) return SendVerdict::queue_full;
  if (slot.was_sent) [[unlikely]]
    renew_id(slot, link);
  ++slot.attempts;
  if (slot.question.may_be_sent_again()) prepare_retries(slot, json);
  const auto text = protocol::AskText::request(slot.id(), ms_until(slot.question.deadline, now_of(slot)));
  const SendVerdict verdict =
      parts_.router.send_beside(slot.question.target, OutgoingMessage(json).with(text.extension()));
  if (!is_under_way(verdict)) return verdict;
  slot.place = link.taken();
  slot.state = Slot::State::sent;
  slot.was_sent = true;
  join(slot, group);
  return verdict;
}

Asks::Group& Asks::group_of(Groups& groups, std::string_view name) {
  if (const auto found = groups.find(name); found != groups.end()) return *found->second;
  auto group = std::make_unique<Group>();
  group->name = name;
  return *groups.emplace(std::string(name), std::move(group)).first->second;
}

/// That of the link's node. Where a link was asked not long ago, its group is known without a look into the table.
Asks::Group& Asks::group_of(const Link& link) {
  constexpr std::uintptr_t apart = 256;  // links are about so many bytes apart, or more
  Group*& recent = recent_[reinterpret_cast<std::uintptr_t>(&link) / apart % kRecentMax];
  if (recent == nullptr || !protocol::is_same_id(recent->name, link.node_id()))
    recent = &group_of(asked_, link.node_id());
  return *recent;
}

void Asks::join(Slot& slot, Group& group) {
  slot.group = &group;
  ++group.count;
  group.slots.push_back(slot);
}

/// A name that nobody waits for any more is forgotten; a node's group stays until that leaves.
void Asks::forget_group(Group& group, bool was_resolving) {
  if (group.has_node_left) {
    std::erase_if(left_, [&](const auto& left) { return left.get() == &group; });
  } else if (was_resolving) {
    resolving_.erase(resolving_.find(group.name));
  }
}

void Asks::on_timer(Slot& slot) {
  if (slot.due == base::kNever) return;
  if (parts_.reactor.now() < slot.due) return set_due(slot, slot.due);
  slot.due = base::kNever;
  on_deadline(slot);
}

void Asks::on_deadline(Slot& slot) {
  if (slot.state == Slot::State::resting) return send_again(slot);
  const bool has_left = slot.group != nullptr && slot.group->has_node_left;
  if (!has_left && awaits_backup(slot) && parts_.reactor.now() < slot.question.deadline) return send_backup(slot);
  const bool is_deadline = !has_left || slot.question.deadline <= parts_.reactor.now();
  end(slot, {.error = is_deadline ? AskError::deadline : AskError::peer_left});
}

void Asks::cancel(std::uint64_t id) {
  Slot* const slot = find(AskId::of(id));
  if (slot == nullptr) return;
  const TargetPtr target = slot->question.target;
  const bool is_told = leads_to_asked(*slot);
  end(*slot, {.error = AskError::cancelled});
  if (is_told) say_cancelled(target, id);
}

/// Whether the node that has the request can learn of its end. The name may lead to another node by now than to the
/// one that was asked: that one is not notified.
bool Asks::leads_to_asked(const Slot& slot) {
  if (slot.state != Slot::State::sent) return false;
  bool leads_there = false;
  static_cast<void>(parts_.reactor.has_memory_for([&] {
    Link* const link = parts_.router.link_to(slot.question.target);
    leads_there = link != nullptr && link->takes_asks() && link->node_id() == slot.group->name;
  }));
  return leads_there;
}

void Asks::say_cancelled(const TargetPtr& target, std::uint64_t id) {
  const auto text = protocol::AskText::request(id, 0);
  static_cast<void>(parts_.reactor.has_memory_for([&] {
    static_cast<void>(parts_.router.send_beside(target, OutgoingMessage::without_payload().with(text.extension())));
  }));
}

/// What was handed over may run, whatever `how` says of it.
void Asks::end(Slot& slot, const End& how) {
  End known = how;
  if (slot.state == Slot::State::sent) known.may_have_run = true;
  close_slot(slot, known);
}

void Asks::end_group(Groups& groups, std::string_view name, const End& how) {
  const auto found = groups.find(name);
  if (found == groups.end()) return;
  const std::unique_ptr<Group> group = std::move(found->second);
  groups.erase(found);
  recent_.fill(nullptr);
  end_all(*group, how);
}

/// For a group that is in none of the lists.
void Asks::end_all(Group& group, const End& how) {
  while (!group.slots.empty()) {
    Slot& slot = group.slots.pop_front();
    slot.group = nullptr;
    end(slot, how);
  }
}

/// The registry may report it before its last replies have been read: they lie in its connection, or on their way.
void Asks::on_peer_left(std::string_view node_id) {
  const auto found = asked_.find(node_id);
  if (found == asked_.end()) return;
  std::unique_ptr<Group> group = std::move(found->second);
  asked_.erase(found);
  recent_.fill(nullptr);
  if (group->slots.empty()) return;
  const bool has_memory = parts_.reactor.has_memory_for([&] { base::make_room(left_, left_.size() + 1); });
  if (!has_memory) return end_all(*group, {.error = AskError::peer_left});
  group->has_node_left = true;
  const base::Instant until = base::saturating_add(parts_.reactor.now(), kReplyGrace);
  group->slots.for_each([&](Slot& slot) {
    if (awaits_backup(slot) && !is_closing_) send_backup(slot);  // what else would it wait for?
    if (until < slot.question.deadline) set_due(slot, until);
  });
  left_.push_back(std::move(group));
}

/// What is not among them has been handed over, is still queued, or was of a way before.
void Asks::on_dropped(Link& link, const DroppedMessages& dropped, Counter SendCounters::*reason) {
  const auto found = asked_.find(link.node_id());
  if (found == asked_.end()) return;
  const End how{.error = error_of(reason), .may_have_run = false};
  found->second->slots.for_each([&](Slot& slot) {
    if (dropped.has(slot.place) && !rests_after(slot, how)) close_slot(slot, how);
  });
}

void Asks::on_leaving(const Link& link, std::span<const io::Piece> frames) {
  if (frames.empty() || asked_.find(link.node_id()) == asked_.end()) return;
  auto ms_left = [this](std::uint64_t id) -> std::int64_t {
    // Its first frame to a node may open the connection that this is about, before it counts as sent.
    const Slot* const slot = holder_of(AskId::of(id));
    if (slot == nullptr) return 0;
    const base::Instant now = parts_.reactor.now();
    return slot->question.deadline <= now ? 0 : ms_until(slot->question.deadline, now);
  };
  restamp_requests(frames, link.prefix(), base::Delegate<std::int64_t(std::uint64_t)>::of(ms_left));
}

void Asks::begin_shutdown() {
  is_closing_ = true;
  way_->begin_shutdown();
  has_ended_answers_ = true;
  while (!resolving_.empty()) {
    const std::string_view name = resolving_.begin()->first;
    end_group(resolving_, name, {.error = AskError::shut_down});
  }
  while (!asked_.empty()) {
    const std::string_view name = asked_.begin()->first;
    end_group(asked_, name, {.error = AskError::shut_down});
  }
  while (!left_.empty()) end(left_.front()->slots.front(), {.error = AskError::shut_down});
  while (!resting_->slots.empty()) end(resting_->slots.front(), {.error = AskError::shut_down});
}

void Asks::finish() {
  has_ended_answers_ = true;  // there is no link any more that would send one
  begin_shutdown();
  way_->close();
  while (call_back()) {
  }
}

}  // namespace distflow::runtime
