#include "runtime/topic/publications.hpp"

#include <algorithm>
#include <atomic>
#include <utility>

#include "framing/frame.hpp"
#include "protocol/envelope.hpp"
#include "protocol/pmd_node.hpp"

namespace distflow::runtime {

std::string Publications::address_of(std::string_view topic) {
  return std::string(protocol::kTopicPrefix).append(topic);
}

Publications::Publications(PublicationsParts parts)
    : parts_(std::move(parts)), welcome_timer_(base::Delegate<void()>::to<&Publications::welcome_waiting>(*this)) {
  welcome_.on_turn_end = base::Delegate<void()>::to<&Publications::welcome_all>(*this);
}

Publications::~Publications() {
  welcome_.unlink();
  parts_.reactor.timers().cancel(welcome_timer_);
}

Publications::Topic::Topic(Publications& owner, GroupStatePtr members_of)
    : publications(owner), group(std::move(members_of)) {
  publications.parts_.groups.tell_changes(*group, base::Delegate<void()>::to<&Topic::on_joined>(*this),
                                          base::Delegate<void(std::size_t, std::size_t)>::to<&Topic::on_left>(*this));
}

Publications::Topic::~Topic() { publications.parts_.groups.tell_changes(*group, {}, {}); }

/// A newcomer gets what is retained at the turn's end: the table of groups is not to be called from here.
void Publications::Topic::on_joined() noexcept {
  if (retained.is_empty()) return;
  has_newcomers = true;
  publications.parts_.reactor.defer(publications.welcome_);
}

/// The name of who has left is not to be held until the next message to the topic, which may never come. The last
/// member takes its place, here as in the group.
void Publications::Topic::on_left(std::size_t place, std::size_t last) noexcept {
  if (is_handing_out) {
    has_lost_any = true;
    return;
  }
  if (place >= subscribers.size()) return;
  if (subscribers[place].is_put_off()) --put_off;
  if (last < subscribers.size()) {
    std::swap(subscribers[place], subscribers[last]);
    subscribers.pop_back();
  } else {
    subscribers[place] = {};  // the one that is there now comes with the next message
  }
}

/// One that is held by this table alone has nothing under way. Each holds its group, too, and so has to go before the
/// table of groups has room again.
bool Publications::forget_idle_locked() {
  const std::size_t count = std::erase_if(by_name_, [](const auto& entry) {
    if (entry.second->target.use_count() > 1 || entry.second->retained.is_on()) return false;
    std::atomic_thread_fence(std::memory_order_acquire);  // the loop's thread may have let go of it a moment ago
    return true;
  });
  return count > 0;
}

TargetPtr Publications::make(std::string_view topic, GroupStatePtr group) {
  auto made = std::make_unique<Topic>(*this, std::move(group));
  auto target = std::make_shared<TargetState>(made->group->name, 0);
  target->hand_out = base::Delegate<std::size_t(const transport::EncodedRun&)>::to<&Topic::hand_out>(*made);
  target->publish(protocol::envelope_prefix(parts_.node_id, made->group->name),
                  std::make_shared<SendCredit>(parts_.credit_limits.bytes_max, parts_.credit_limits.frames_max));
  made->target = target;
  by_name_.emplace(topic, std::move(made));
  return target;
}

/// The subscribers are not looked at anew while a message is handed out: what that leads to may publish, too. Says how
/// many there are.
std::size_t Publications::hand_out(Topic& topic, const transport::EncodedRun& run) {
  if (is_outdated(topic) && !topic.is_handing_out) [[unlikely]]
    catch_up(topic);
  const bool was_handing_out = std::exchange(topic.is_handing_out, true);
  if (topic.retained.is_used()) [[unlikely]] {
    add_owned(counters_.not_retained, topic.retained.keep(run));
    // Who was to have it in a welcome has it as all do, where nothing is kept any more.
    if (topic.retained.is_empty() && topic.put_off > 0 && !was_handing_out) welcome_some(topic);
  }
  const base::ChunkRef lease = base::ChunkRef::share(*run.chunk);
  const std::size_t count = topic.subscribers.size();
  for (std::size_t i = send_copies(topic, 0, run); i < count; i = send_copies(topic, i + 1, run)) {
    send_without_memory(topic, topic.subscribers[i], run);
  }
  topic.is_handing_out = was_handing_out;
  add_owned(counters_.published, run.count);
  add_owned(counters_.copies, std::uint64_t{run.count} * (count - topic.put_off));
  if (topic.has_lost_any && !was_handing_out) forget_those_who_left(topic);
  return count;
}

bool Publications::is_outdated(const Topic& topic) const {
  return topic.group->version.load(std::memory_order_acquire) != topic.version ||
         parts_.reactor.now() >= topic.look_again_at;
}

/// With all others: who is at which place has changed.
void Publications::forget_those_who_left(Topic& topic) {
  topic.has_lost_any = false;
  topic.subscribers.clear();
  topic.put_off = 0;
}

/// Members stay at their places except those that leave: who was at a place before is still looked up. Newcomers have
/// no target before they are welcomed, if there is anything to welcome them with.
void Publications::refresh(Topic& topic) {
  GroupMembers members;
  const std::uint64_t version = parts_.groups.copy_members(*topic.group, members);
  std::vector<Subscriber> subscribers;
  subscribers.reserve(members.size());
  bool has_place = true;  // after one that has none, nobody else has: the table is not asked again
  for (std::size_t i = 0; i < members.size(); ++i) {
    const bool is_known = i < topic.subscribers.size() && topic.subscribers[i].member == members[i];
    TargetPtr target = is_known ? topic.subscribers[i].target : nullptr;
    const bool is_to_come = target == nullptr && members[i]->awaits_welcome && !topic.retained.is_empty();
    if (target == nullptr && !is_to_come && has_place) target = parts_.targets.of(members[i]->node_id);
    has_place = has_place && (target != nullptr || is_to_come);
    subscribers.push_back({std::move(members[i]), std::move(target)});
  }
  topic.subscribers.swap(subscribers);
  topic.put_off = 0;
  for (const auto& [member, target] : topic.subscribers) {
    member->is_put_off = target == nullptr && member->awaits_welcome && !topic.retained.is_empty();
    if (member->is_put_off) ++topic.put_off;
  }
  topic.version = version;
  topic.look_again_at = has_place ? base::kNever : parts_.reactor.now() + kLookInterval;
}

/// Who has come since the last message gets what is retained. Without memory the subscribers are those of before.
void Publications::catch_up(Topic& topic) {
  topic.retained.forget_if_off();
  const bool has_memory = !is_outdated(topic) || parts_.reactor.has_memory_for([&] { refresh(topic); });
  if (!has_memory && topic.retained.is_used()) wait_to_welcome(topic);
  topic.is_handing_out = true;  // what a send leads to may publish, too
  welcome_some(topic);
  topic.is_handing_out = false;
}

/// Those that there is time for. While it is handed out.
void Publications::welcome_some(Topic& topic) {
  const bool retains = topic.retained.is_used();
  bool has_place = true;  // as in refresh()
  for (Subscriber& subscriber : topic.subscribers) {
    if (subscriber.member == nullptr || !subscriber.member->awaits_welcome) continue;
    if (subscriber.target != nullptr || (!retains && !subscriber.member->is_put_off)) {
      subscriber.member->awaits_welcome = false;  // there was nothing to welcome it with
    } else if (!topic.retained.is_empty() && !may_welcome()) {
      topic.has_newcomers = true;
      parts_.reactor.defer(welcome_);
    } else if (!welcome(topic, subscriber, has_place)) {
      wait_to_welcome(topic);
    }
  }
}

void Publications::set_put_off(Topic& topic, GroupMember& member, bool is_put_off) {
  if (std::exchange(member.is_put_off, is_put_off) == is_put_off) return;
  is_put_off ? ++topic.put_off : --topic.put_off;
}

/// False when there is no memory, or no place for its name. Without a place, what is published is lost for it.
bool Publications::welcome(Topic& topic, Subscriber& subscriber, bool& has_place) {
  TargetPtr target;
  const auto find = [&] {
    if (has_place) target = parts_.targets.of(subscriber.member->node_id);
    has_place = target != nullptr;
    if (has_place) static_cast<void>(parts_.router.link_to(target));
  };
  if (!parts_.reactor.has_memory_for(find)) return false;
  set_put_off(topic, *subscriber.member, has_place);
  if (!has_place) {
    topic.look_again_at = parts_.reactor.now() + kLookInterval;
    return false;
  }
  parts_.reactor.defer(welcome_);  // which begins to count anew
  welcomes_left_.messages -= static_cast<std::int64_t>(1 + topic.retained.end() - topic.retained.first());
  welcomes_left_.bytes -= static_cast<std::int64_t>(topic.retained.bytes());
  send_retained(topic, subscriber, target);
  subscriber.target = std::move(target);
  set_put_off(topic, *subscriber.member, false);
  subscriber.member->awaits_welcome = false;
  return true;
}

/// What is published meanwhile is retained, too, and comes in its turn: the subscriber is put off until the end. An old
/// message is not to be taken for the last one.
void Publications::send_retained(Topic& topic, const Subscriber& subscriber, const TargetPtr& target) {
  Link* link = nullptr;
  const auto find = [&] { link = parts_.router.link_to(target); };
  static_cast<void>(parts_.reactor.has_memory_for(find));
  const Retained::Number first_sent = link == nullptr ? topic.retained.end() : first_with_room(topic.retained, *link);
  for (Retained::Number number = topic.retained.first(); number < topic.retained.end(); ++number) {
    const Retained::Message message = topic.retained.at(number);
    if (!message.chunk) continue;
    link = nullptr;
    static_cast<void>(parts_.reactor.has_memory_for(find));  // what the last one led to may have moved the name
    if (link == nullptr) {
      lose_without_link(topic, subscriber, 1);
    } else if (number < first_sent) {
      lose(*link, SendVerdict::queue_full);
    } else {
      send_what_fits(*link, {message.chunk.get(), message.bytes, 1});
    }
    add_owned(counters_.copies, 1);
    add_owned(counters_.retained_copies, 1);
  }
}

/// For memory, or for a place.
void Publications::wait_to_welcome(Topic& topic) {
  topic.has_waiting = true;
  if (!welcome_timer_.is_armed()) parts_.reactor.arm_after(welcome_timer_, kLookInterval);
}

void Publications::welcome_waiting() {
  const std::scoped_lock lock(mutex_);
  for (const auto& [name, topic] : by_name_) {
    if (std::exchange(topic->has_waiting, false)) topic->has_newcomers = true;
  }
  parts_.reactor.defer(welcome_);
}

Retained::Number Publications::first_with_room(const Retained& retained, const Link& link) {
  SendCredit::Amount room = link.credit()->room();
  Retained::Number first = retained.end();
  while (first > retained.first()) {
    const std::size_t size = retained.at(first - 1).bytes.size();
    if (room.messages == 0 || room.bytes < size) break;
    room = {room.bytes - size, room.messages - 1};
    --first;
  }
  return first;
}

/// A topic is not forgotten while its target is held.
void Publications::welcome_all() {
  welcomes_left_ = {.messages = kWelcomeMessages, .bytes = kWelcomeBytes};
  while (may_welcome()) {
    Topic* topic = nullptr;
    TargetPtr holder;
    {
      const std::scoped_lock lock(mutex_);
      const auto found =
          std::find_if(by_name_.begin(), by_name_.end(), [](const auto& entry) { return entry.second->has_newcomers; });
      if (found == by_name_.end()) return;
      topic = found->second.get();
      holder = topic->target;
      topic->has_newcomers = false;
    }
    catch_up(*topic);
    if (topic->has_lost_any) forget_those_who_left(*topic);
  }
  parts_.reactor.defer(welcome_);
}

/// Hands it to each subscriber from the first one on; returns how many had it when memory ran out, or all.
std::size_t Publications::send_copies(Topic& topic, std::size_t first, const transport::EncodedRun& run) {
  std::size_t i = first;
  static_cast<void>(parts_.reactor.has_memory_for([&] {
    for (; i < topic.subscribers.size(); ++i) {
      const TargetPtr& target = topic.subscribers[i].target;
      Link* const link = target == nullptr ? nullptr : parts_.router.link_to(target);
      if (link != nullptr && is_under_way(link->send(run))) [[likely]]
        continue;
      link != nullptr ? send_what_fits(*link, run) : pass_over_or_lose(topic, topic.subscribers[i], run.count);
    }
  }));
  return i;
}

/// There was no memory for the subscriber's link, or for the whole run in its queue.
void Publications::send_without_memory(Topic& topic, const Subscriber& subscriber, const transport::EncodedRun& run) {
  Link* link = nullptr;
  const auto find = [&] { link = subscriber.target == nullptr ? nullptr : parts_.router.link_to(subscriber.target); };
  static_cast<void>(parts_.reactor.has_memory_for(find));
  link != nullptr ? send_what_fits(*link, run) : pass_over_or_lose(topic, subscriber, run.count);
}

/// Where there is no room for all, there may be for a part.
void Publications::send_what_fits(Link& link, const transport::EncodedRun& run) {
  for (std::string_view rest = run.bytes; !rest.empty();) {
    const std::size_t size = framing::kHeaderSize + framing::read_header(rest.data());
    const SendVerdict verdict = send_one(link, {run.chunk, rest.substr(0, size), 1});
    if (!is_under_way(verdict)) lose(link, verdict);
    rest.remove_prefix(size);
  }
}

SendVerdict Publications::send_one(Link& link, const transport::EncodedRun& frame) {
  SendVerdict verdict = SendVerdict::out_of_memory;
  static_cast<void>(parts_.reactor.has_memory_for([&] {
    verdict = link.send(frame);
    if (verdict == SendVerdict::queue_full) verdict = send_before_those_who_wait(link, frame);
  }));
  return verdict;
}

/// Threads that wait for room get it before others, who may try again. A published message is not tried again: it is
/// dropped only where there is no room.
SendVerdict Publications::send_before_those_who_wait(Link& link, const transport::EncodedRun& frame) {
  if (!link.credit()->take_waiting({frame.bytes.size(), frame.count})) return SendVerdict::queue_full;
  return Router::send_with_credit(link, frame);
}

/// Counts a copy that its subscriber's link has not taken.
void Publications::lose(Link& link, SendVerdict why) {
  Traffic& traffic = link.traffic();
  add_owned(traffic.out.accepted, 1);
  if (why == SendVerdict::queue_full) return traffic.note_no_room(1);
  traffic.note_dropped(
      why == SendVerdict::shut_down ? &SendCounters::dropped_peer_left : &SendCounters::dropped_queue_full, 1);
}

/// No copy is made for one that is yet to be welcomed.
void Publications::pass_over_or_lose(Topic& topic, const Subscriber& subscriber, std::uint32_t count) {
  if (!subscriber.is_put_off()) lose_without_link(topic, subscriber, count);
}

/// Counts copies for a subscriber that there is no link to: without a place for its name, without memory, or because
/// the name is another node's.
void Publications::lose_without_link(Topic& topic, const Subscriber& subscriber, std::uint32_t count) {
  SendCounters& unresolved = parts_.traffic.unresolved().out;
  add_owned(unresolved.accepted, count);
  add_owned(unresolved.dropped_unresolved, count);
  if (subscriber.target != nullptr || subscriber.member == nullptr) return;
  parts_.drops.tell_unresolved(subscriber.member->node_id, topic.told, NoPeer::no_place, count);
}

}  // namespace distflow::runtime
