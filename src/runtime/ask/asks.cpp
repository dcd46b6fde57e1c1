#include "runtime/ask/asks.hpp"

#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include "runtime/ask/stop_callback.hpp"
#include "runtime/peers/carrier.hpp"

namespace distflow::runtime {
namespace {

using base::Duration;

constexpr std::size_t kTextKept = 4096;  // bytes of a slot's memory that is used again

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

/// Requests to one node, or those that wait for one name.
struct Asks::Group {
  std::string name;
  Slots slots{};
  std::uint32_t count = 0;
};

struct Asks::Slot : base::ListNode<Slot> {
  enum class State : std::uint8_t { free, resolving, sent, ended };
  /// On the thread of whoever asks to stop.
  struct Stop {
    AskWay* way;
    std::uint64_t id;
    void operator()() const noexcept { way->cancel(id); }
  };

  Slot() : timer(base::Delegate<void()>::to<&Slot::on_timer>(*this)) {}
  void on_timer() { owner->on_deadline(*this); }
  [[nodiscard]] std::uint64_t id() const { return AskId{.slot = index, .generation = generation}.number(); }

  Asks* owner = nullptr;
  std::uint32_t index = 0;
  std::uint64_t generation = 0;
  State state = State::free;
  base::Timer timer;
  Group* group = nullptr;
  Question question{};
  std::uint64_t place = 0;  // among the messages that its link has taken
  bool has_place = false;   // for `text`, among what waits for a name
  std::optional<StopCallback<Stop>> stop{};
  std::string text{};  // the request's while it waits for its name; the reply's, where that was copied

  // When it has ended.
  End how{};
  AskStage stage = AskStage::resolving;
  Duration took{};
  std::string_view payload{};
  base::ChunkRef chunk{};      // where that lies
  std::size_t kept_bytes = 0;  // of it, in Asks::kept_bytes_
};

Asks::Asks(AsksParts parts, std::shared_ptr<AskWay> way) : parts_(parts), way_(std::move(way)) {
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
  return &slot;
}

/// Of one that has not begun.
void Asks::free_slot(Slot& slot) {
  leave_place(slot);
  slot.question = {};
  free_.push_back(slot);
}

Asks::Slot* Asks::find(AskId id) {
  if (id.slot >= slot_count_) return nullptr;
  Slot& slot = blocks_[id.slot / kSlotsPerBlock][id.slot % kSlotsPerBlock];
  const bool is_open = slot.state == Slot::State::resolving || slot.state == Slot::State::sent;
  return is_open && slot.generation == id.generation ? &slot : nullptr;
}

SendVerdict Asks::ask(Question& question, std::string_view json) {
  if (is_closing_) return SendVerdict::shut_down;
  Slot* const slot = take_slot();
  if (slot == nullptr) return SendVerdict::queue_full;
  slot->question = std::move(question);
  try {
    const SendVerdict verdict = begin(*slot, json);
    if (!is_under_way(verdict)) free_slot(*slot);
    return verdict;
  } catch (const std::bad_alloc&) {
    free_slot(*slot);
    throw;
  }
}

void Asks::take(Question& question, std::string_view json) {
  SendVerdict verdict = is_closing_ ? SendVerdict::shut_down : SendVerdict::out_of_memory;
  Slot* slot = nullptr;
  const auto begin_it = [&] {
    slot = take_slot();
    if (slot == nullptr) return;
    slot->question = std::move(question);
    if (!is_closing_) verdict = begin(*slot, json);
  };
  // Whoever asked has been told that it is under way.
  static_cast<void>(parts_.reactor.has_memory_for(begin_it));
  if (is_under_way(verdict)) return;
  const End how{.error = is_closing_ ? AskError::shut_down : AskError::not_sent, .verdict = verdict};
  if (slot != nullptr) return end(*slot, how);
  // Without memory for a slot there is no way to put it off.
  add(way_->counters.failed[static_cast<std::size_t>(how.error)], 1);
  way_->counters.pending.fetch_sub(1, std::memory_order_relaxed);
  const Reply reply{.target = question.target->name,
                    .error = how.error,
                    .stage = AskStage::resolving,
                    .verdict = verdict,
                    .may_have_run = false};
  call_back_last(question, reply);
}

/// The turn's time, which may be long before a request that a handler makes.
base::Instant Asks::now_of(const Slot& slot) const { return std::max(parts_.reactor.now(), slot.question.begun); }

SendVerdict Asks::begin(Slot& slot, std::string_view json) {
  if (slot.question.deadline <= now_of(slot)) {
    close_slot(slot, {.error = AskError::deadline});
    return SendVerdict::queued;
  }
  Link* const link = parts_.router.link_to(slot.question.target);
  const std::uint64_t generation = slot.generation;
  const SendVerdict verdict = link == nullptr ? wait_for_name(slot, json) : send(slot, *link, json);
  // One that has ended may be called back for by now, on another thread, and be free. Its generation is the loop's.
  if (!is_under_way(verdict) || slot.generation != generation) return verdict;
  parts_.reactor.timers().arm(slot.timer, slot.question.deadline);
  if (slot.question.stop.stop_possible()) {
    slot.stop.emplace(slot.question.stop, Slot::Stop{.way = way_.get(), .id = slot.id()});
  }
  return verdict;
}

SendVerdict Asks::wait_for_name(Slot& slot, std::string_view json) {
  if (!parts_.router.look_up(slot.question.target)) {
    close_slot(slot, {.error = AskError::unresolved});
    return SendVerdict::queued;
  }
  if (json.data() != slot.text.data()) slot.text.assign(json);
  if (!take_place(slot)) return SendVerdict::queue_full;
  Group& group = group_of(resolving_, slot.question.target->name);  // the last to need memory: none stays empty
  if (group.count >= parts_.asks_per_peer_max) return SendVerdict::queue_full;
  slot.state = Slot::State::resolving;
  join(slot, group);
  return SendVerdict::queued;
}

/// Among what waits for a name, for the text that it keeps.
bool Asks::take_place(Slot& slot) {
  slot.has_place = parts_.router.take_place(slot.question.target, slot.text.size());
  return slot.has_place;
}

void Asks::leave_place(Slot& slot) {
  if (std::exchange(slot.has_place, false)) parts_.router.leave_place(slot.question.target, slot.text.size());
}

SendVerdict Asks::send(Slot& slot, Link& link, std::string_view json) {
  if (!link.takes_asks()) {
    close_slot(slot, {.error = AskError::unsupported});
    return SendVerdict::queued;
  }
  Group& group = group_of(asked_, link.node_id());
  if (group.count >= parts_.asks_per_peer_max) return SendVerdict::queue_full;
  const auto text = protocol::AskText::request(slot.id(), ms_until(slot.question.deadline, now_of(slot)));
  const SendVerdict verdict = parts_.router.send(slot.question.target, OutgoingMessage(json).with(text.extension()));
  if (!is_under_way(verdict)) return verdict;
  slot.place = read(link.traffic().out.accepted);
  slot.state = Slot::State::sent;
  join(slot, group);
  return verdict;
}

/// The name of the group's requests leads somewhere, or may.
void Asks::begin_again(Group& group) {
  const std::string name = group.name;  // the group goes with its last request
  for (std::uint32_t left = group.count; left > 0; --left) {
    const auto found = resolving_.find(name);
    if (found == resolving_.end()) return;
    Slot& slot = found->second->slots.front();
    Link* const link = parts_.router.link_to(slot.question.target);
    if (link == nullptr) return;
    leave_group(slot);
    leave_place(slot);
    slot.state = Slot::State::free;
    SendVerdict verdict = SendVerdict::out_of_memory;
    static_cast<void>(parts_.reactor.has_memory_for([&] { verdict = send(slot, *link, slot.text); }));
    if (!is_under_way(verdict)) close_slot(slot, {.error = AskError::not_sent, .verdict = verdict});
  }
}

Asks::Group& Asks::group_of(Groups& groups, std::string_view name) {
  if (const auto found = groups.find(name); found != groups.end()) return *found->second;
  auto group = std::make_unique<Group>();
  group->name = name;
  return *groups.emplace(std::string(name), std::move(group)).first->second;
}

void Asks::join(Slot& slot, Group& group) {
  slot.group = &group;
  ++group.count;
  group.slots.push_back(slot);
}

/// A name that nobody waits for any more is forgotten; a node's group stays until that leaves.
void Asks::leave_group(Slot& slot) {
  if (slot.group == nullptr) return;
  Group& group = *std::exchange(slot.group, nullptr);
  slot.unlink();
  --group.count;
  if (group.count == 0 && slot.state == Slot::State::resolving) resolving_.erase(group.name);
}

void Asks::on_deadline(Slot& slot) { end(slot, {.error = AskError::deadline}); }

void Asks::cancel(std::uint64_t id) {
  Slot* const slot = find(AskId::of(id));
  if (slot == nullptr) return;
  const bool was_sent = slot->state == Slot::State::sent;
  const TargetPtr target = slot->question.target;
  end(*slot, {.error = AskError::cancelled});
  Link* const link = was_sent ? parts_.router.link_to(target) : nullptr;
  if (link == nullptr || !link->takes_asks()) return;
  const auto text = protocol::AskText::request(id, 0);
  static_cast<void>(parts_.reactor.has_memory_for([&] {
    static_cast<void>(parts_.router.send(target, OutgoingMessage::without_payload().with(text.extension())));
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
  while (!group->slots.empty()) {
    Slot& slot = group->slots.pop_front();
    slot.group = nullptr;
    end(slot, how);
  }
}

/// Ends it, and puts its callback off.
void Asks::close_slot(Slot& slot, const End& how) {
  slot.stage = slot.state == Slot::State::sent ? AskStage::sent : AskStage::resolving;
  leave_group(slot);
  leave_place(slot);
  parts_.reactor.timers().cancel(slot.timer);
  slot.stop.reset();
  slot.state = Slot::State::ended;
  slot.how = how;
  slot.took = std::max(Duration::zero(), parts_.reactor.now() - slot.question.begun);
  slot.generation = generations_.next(parts_.reactor.backend(), slot.generation);
  if (slot.question.is_direct) return call_back_for(slot);
  if (how.error != AskError::none || parts_.delivery.has_thread()) put_off(slot);
}

void Asks::put_off(Slot& slot) {
  {
    const std::scoped_lock lock(mutex_);
    ended_.push_back(slot);
  }
  parts_.delivery.has_thread() ? parts_.delivery.wake_for_callbacks() : parts_.reactor.defer(call_back_);
}

bool Asks::has_ended() {
  const std::scoped_lock lock(mutex_);
  return !ended_.empty();
}

/// What ends meanwhile waits for the next time.
bool Asks::call_back() {
  Slots ended;
  {
    const std::scoped_lock lock(mutex_);
    while (!ended_.empty()) ended.push_back(ended_.pop_front());
  }
  if (ended.empty()) return false;
  while (!ended.empty()) call_back_for(ended.pop_front());
  return true;
}

void Asks::call_back_for(Slot& slot) {
  AskCounters& counters = way_->counters;
  Question question = std::move(slot.question);
  const Reply reply{.target = question.target->name,
                    .payload = slot.payload,
                    .error = slot.how.error,
                    .stage = slot.stage,
                    .verdict = slot.how.verdict,
                    .may_have_run = slot.how.may_have_run,
                    .took = std::chrono::duration_cast<std::chrono::microseconds>(slot.took)};
  add(reply ? counters.replied : counters.failed[static_cast<std::size_t>(reply.error)], 1);
  counters.pending.fetch_sub(1, std::memory_order_relaxed);
  if (question.is_direct) {
    question.callback(reply);
  } else if (parts_.delivery.has_thread()) {
    parts_.delivery.run_handler([&] { question.callback(reply); });
  } else {
    const AskWay::OnLoop on_loop(*way_);
    parts_.delivery.run_handler([&] { question.callback(reply); });
  }
  slot.payload = {};
  slot.chunk.reset();
  if (slot.kept_bytes > 0) kept_bytes_.fetch_sub(std::exchange(slot.kept_bytes, 0), std::memory_order_relaxed);
  if (slot.text.capacity() > kTextKept) slot.text = {};
  const std::scoped_lock lock(mutex_);
  returned_.push_back(slot);
}

void Asks::on_reply(const IncomingReply& reply) {
  using Kind = protocol::AskMembers::Kind;
  const AskId id = AskId::of(reply.members.id);
  Slot* const slot = find(id);
  if (slot == nullptr || slot->state != Slot::State::sent || slot->group->name != reply.mail.from_text() ||
      reply.members.kind == Kind::invalid || !is_believed(reply)) {
    const bool was_asked = slot == nullptr && id.slot < slot_count_ && id.generation >= AskId::kFirstGeneration &&
                           reply.members.kind != Kind::invalid;
    return add(was_asked ? way_->counters.late : way_->counters.unasked, 1);
  }
  if (reply.members.kind == Kind::error) {
    const Meaning meaning = kMeanings[static_cast<std::size_t>(reply.members.word)];
    return close_slot(*slot, {.error = meaning.error, .may_have_run = meaning.may_have_run});
  }
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

bool Asks::is_believed(const IncomingReply& reply) const {
  const std::string_view from = reply.mail.from_text();
  if (reply.carrier == nullptr) return reply.opened_to == from;
  if (!reply.carrier->opener().empty()) return reply.carrier->opener() == from;
  const Peer* const peer = parts_.directory.find_id(from);
  if (peer == nullptr || !peer->shares_connections) return true;
  return reply.connection.owner_of_peer().is_same_user(parts_.reactor.backend().own_user());
}

void Asks::on_binding(std::string_view name) {
  if (const auto found = resolving_.find(name); found != resolving_.end()) begin_again(*found->second);
}

void Asks::on_unknown(std::string_view name) {
  const auto found = resolving_.find(name);
  if (found == resolving_.end()) return;
  while (true) {
    const auto left = resolving_.find(name);
    if (left == resolving_.end()) return;
    close_slot(left->second->slots.front(), {.error = AskError::unresolved});
  }
}

void Asks::on_snapshot() {
  const auto look_up = [this] {
    std::vector<std::string> names;
    names.reserve(resolving_.size());
    for (const auto& [name, group] : resolving_) names.push_back(name);
    for (const std::string& name : names) {
      on_binding(name);
      const auto found = resolving_.find(name);
      if (found == resolving_.end()) continue;
      if (!parts_.router.look_up(found->second->slots.front().question.target)) on_unknown(name);
    }
  };
  static_cast<void>(parts_.reactor.has_memory_for(look_up));
}

void Asks::on_peer_left(std::string_view node_id) { end_group(asked_, node_id, {.error = AskError::peer_left}); }

/// Those are the last that the link has taken: what is not among them has been handed over, or was of a way before.
void Asks::on_dropped(Link& link, std::uint32_t count, Counter SendCounters::*reason) {
  const auto found = asked_.find(link.node_id());
  if (found == asked_.end()) return;
  const std::uint64_t kept = read(link.traffic().out.accepted) - count;
  found->second->slots.for_each([&](Slot& slot) {
    if (slot.place > kept) close_slot(slot, {.error = error_of(reason), .may_have_run = false});
  });
}

SendVerdict Asks::reply(const Addressee& asker, std::string_view json) {
  if (is_closing_) return SendVerdict::shut_down;
  if (asker.deadline <= parts_.reactor.now()) return SendVerdict::unresolved;  // nobody waits for it
  if (!may_answer(asker)) return SendVerdict::unresolved;
  const auto text = protocol::AskText::reply(asker.id);
  return parts_.router.send(asker.target, OutgoingMessage(json).with(text.extension()));
}

SendVerdict Asks::refuse(const Addressee& asker, protocol::AskWord word) {
  if (is_closing_) return SendVerdict::shut_down;
  if (!may_answer(asker)) return SendVerdict::unresolved;
  const auto text = protocol::AskText::error(asker.id, word);
  return parts_.router.send(asker.target, OutgoingMessage::without_payload().with(text.extension()));
}

void Asks::tell_of_loss(const Addressee& asker) {
  if (is_closing_ || parts_.router.link_to(asker.target) == nullptr || !may_answer(asker)) return;
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

void Asks::begin_shutdown() {
  is_closing_ = true;
  while (!resolving_.empty()) {
    const std::string_view name = resolving_.begin()->first;
    end_group(resolving_, name, {.error = AskError::shut_down});
  }
  while (!asked_.empty()) {
    const std::string_view name = asked_.begin()->first;
    end_group(asked_, name, {.error = AskError::shut_down});
  }
}

void Asks::finish() {
  begin_shutdown();
  way_->close();
  while (call_back()) {
  }
}

}  // namespace distflow::runtime
