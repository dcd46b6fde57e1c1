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

Publications::Publications(PublicationsParts parts) : parts_(std::move(parts)) {
  welcome_.on_turn_end = base::Delegate<void()>::to<&Publications::welcome_all>(*this);
}

Publications::Topic::Topic(Publications& owner, GroupStatePtr members_of)
    : publications(owner), group(std::move(members_of)) {
  publications.parts_.groups.tell_changes(*group, base::Delegate<void()>::to<&Topic::on_joined>(*this),
                                          base::Delegate<void(std::size_t, std::size_t)>::to<&Topic::on_left>(*this));
}

Publications::Topic::~Topic() { publications.parts_.groups.tell_changes(*group, {}, {}); }

/// Whoever comes gets what is retained at the turn's end: the table of groups is not to be called from here.
void Publications::Topic::on_joined() noexcept {
  if (retained.first() == retained.end()) return;
  has_newcomers = true;
  publications.parts_.reactor.defer(publications.welcome_);
}

/// The name of who has left is not to be held until the next message to the topic, which may never come. The last
/// member takes its place, here as in the group.
void Publications::Topic::on_left(std::size_t place, std::size_t last) noexcept {
  if (is_handing_out) {
    has_lost_any = true;
  } else if (last < subscribers.size()) {
    std::swap(subscribers[place], subscribers[last]);
    subscribers.pop_back();
  } else if (place < subscribers.size()) {
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
  target->hand_out = base::Delegate<void(const transport::EncodedRun&)>::to<&Topic::hand_out>(*made);
  target->publish(protocol::envelope_prefix(parts_.node_id, made->group->name),
                  std::make_shared<SendCredit>(parts_.credit_limits.bytes_max, parts_.credit_limits.frames_max));
  made->target = target;
  by_name_.emplace(topic, std::move(made));
  return target;
}

/// The subscribers are not looked at anew while a message is handed out: what that leads to may publish, too.
void Publications::hand_out(Topic& topic, const transport::EncodedRun& run) {
  const bool is_outdated = topic.group->version.load(std::memory_order_acquire) != topic.version ||
                           parts_.reactor.now() >= topic.look_again_at;
  if (is_outdated && !topic.is_handing_out) [[unlikely]]
    catch_up(topic);
  const bool was_handing_out = std::exchange(topic.is_handing_out, true);
  if (topic.retained.is_used()) [[unlikely]]
    add_owned(counters_.not_retained, topic.retained.keep(run));
  const base::ChunkRef lease = base::ChunkRef::share(*run.chunk);
  for (std::size_t i = send_copies(topic, 0, run); i < topic.subscribers.size(); i = send_copies(topic, i + 1, run)) {
    send_without_memory(topic, topic.subscribers[i], run);
  }
  topic.is_handing_out = was_handing_out;
  add_owned(counters_.published, run.count);
  add_owned(counters_.copies, std::uint64_t{run.count} * topic.subscribers.size());
  if (topic.has_lost_any && !was_handing_out) {
    topic.has_lost_any = false;
    topic.subscribers.clear();
  }
}

/// Members stay at their places but for those that leave: who was at a place before is still looked up.
void Publications::refresh(Topic& topic) {
  GroupMembers members;
  const std::uint64_t version = parts_.groups.copy_members(*topic.group, members);
  std::vector<Subscriber> subscribers;
  subscribers.reserve(members.size());
  bool has_place = true;  // after one that has none, nobody else has: the table is not asked again
  for (std::size_t i = 0; i < members.size(); ++i) {
    const bool is_known = i < topic.subscribers.size() && topic.subscribers[i].member == members[i];
    TargetPtr target = is_known ? topic.subscribers[i].target : nullptr;
    if (target == nullptr && has_place) target = parts_.targets.of(members[i]->node_id);
    has_place = has_place && target != nullptr;
    subscribers.push_back({std::move(members[i]), std::move(target)});
  }
  topic.subscribers.swap(subscribers);
  topic.version = version;
  topic.look_again_at = has_place ? base::kNever : parts_.reactor.now() + kLookInterval;
}

/// Who has come since the last message gets what is retained. Without memory the subscribers are those of before.
void Publications::catch_up(Topic& topic) {
  static_cast<void>(parts_.reactor.has_memory_for([&] { refresh(topic); }));
  topic.retained.forget_if_off();
  topic.is_handing_out = true;  // what a send leads to may publish, too
  std::uint64_t newest = topic.welcomed;
  for (const Subscriber& subscriber : topic.subscribers) {
    if (subscriber.member == nullptr || subscriber.member->number <= topic.welcomed) continue;
    newest = std::max(newest, subscriber.member->number);
    send_retained(topic, subscriber);
  }
  topic.welcomed = newest;
  topic.is_handing_out = false;
}

/// What is published meanwhile comes to the subscriber as to all. An old message is not to be taken for the last one.
void Publications::send_retained(Topic& topic, const Subscriber& subscriber) {
  const Retained::Number end = topic.retained.end();
  Link* link = nullptr;
  const auto find = [&] { link = subscriber.target == nullptr ? nullptr : parts_.router.link_to(subscriber.target); };
  static_cast<void>(parts_.reactor.has_memory_for(find));
  const Retained::Number first_sent = link == nullptr ? end : first_with_room(topic.retained, *link);
  for (Retained::Number number = topic.retained.first(); number < end; ++number) {
    const Retained::Message message = topic.retained.at(number);
    if (!message.chunk) continue;
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
  for (;;) {
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
    if (std::exchange(topic->has_lost_any, false)) topic->subscribers.clear();
  }
}

/// Hands it to each subscriber from the first one on; says how many had it when memory ran out, or all.
std::size_t Publications::send_copies(Topic& topic, std::size_t first, const transport::EncodedRun& run) {
  std::size_t i = first;
  static_cast<void>(parts_.reactor.has_memory_for([&] {
    for (; i < topic.subscribers.size(); ++i) {
      const TargetPtr& target = topic.subscribers[i].target;
      Link* const link = target == nullptr ? nullptr : parts_.router.link_to(target);
      if (link != nullptr && is_under_way(link->send(run))) [[likely]]
        continue;
      link != nullptr ? send_what_fits(*link, run) : lose_without_link(topic, topic.subscribers[i], run.count);
    }
  }));
  return i;
}

/// There was no memory for the subscriber's link, or for the whole run in its queue.
void Publications::send_without_memory(Topic& topic, const Subscriber& subscriber, const transport::EncodedRun& run) {
  Link* link = nullptr;
  const auto find = [&] { link = subscriber.target == nullptr ? nullptr : parts_.router.link_to(subscriber.target); };
  static_cast<void>(parts_.reactor.has_memory_for(find));
  link != nullptr ? send_what_fits(*link, run) : lose_without_link(topic, subscriber, run.count);
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
