#include "runtime/send/router.hpp"

#include <algorithm>
#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "framing/frame.hpp"
#include "runtime/peers/dropped_frames.hpp"

namespace distflow::runtime {
namespace {

constexpr base::Duration kPatrolInterval = base::milliseconds(250);
/// A payload from this size on is copied only where there seems to be room for it.
constexpr std::size_t kAskFirst = std::size_t{64} * 1024;

/// Gives a place among the parked up, unless the message is kept there.
class LeaveUnlessParked {
 public:
  LeaveUnlessParked(ParkingRoom& parking, TargetState& target, std::size_t bytes)
      : parking_(parking), target_(target), bytes_(bytes) {}
  LeaveUnlessParked(const LeaveUnlessParked&) = delete;
  LeaveUnlessParked& operator=(const LeaveUnlessParked&) = delete;
  ~LeaveUnlessParked() {
    if (!is_kept_) parking_.leave(target_, bytes_);
  }
  void keep() { is_kept_ = true; }

 private:
  ParkingRoom& parking_;
  TargetState& target_;
  const std::size_t bytes_;
  bool is_kept_ = false;
};

/// A reply that waited for its asker to be known is not sent to one that turns out to take none, nor to one that has
/// what the asker claimed to be for an alias.
bool may_take(const Link& link, const TargetState& target, const ParkedMessage& message) {
  if (!message.is_answer()) return true;
  return link.takes_asks() && link.node_id() == target.name;
}

}  // namespace

Router::Router(RouterParts parts)
    : parts_(std::move(parts)), patrol_timer_(base::Delegate<void()>::to<&Router::on_patrol>(*this)) {
  parts_.targets.parking().set_limits(
      {.messages_max = parts_.options.parked_messages_max, .bytes_max = parts_.options.parked_bytes_max});
}

SendVerdict Router::send(const TargetPtr& target, const OutgoingMessage& message) {
  if (has_route(target)) return send_along(target->route, message, suffix_.at(parts_.reactor.wall_ms()));
  return send_unresolved(target, message);
}

SendVerdict Router::send_beside(const TargetPtr& target, const OutgoingMessage& message) {
  if (has_way(target)) return send_along(target->way, message, suffix_.at(parts_.reactor.wall_ms()));
  return send_unresolved(target, message);
}

SendVerdict Router::send_unresolved(const TargetPtr& target, const OutgoingMessage& message) {
  ParkedMessage parked{.payload = {}, .extension = {}, .timestamp = parts_.reactor.wall_ms()};
  const SendVerdict verdict = copy_message(message, parts_.options.frame_size_max, parked);
  if (verdict != SendVerdict::queued) return verdict;
  if (is_closed_) return SendVerdict::shut_down;  // by what wrote the message
  // A name that nobody has is the better reason.
  if (parts_.reactor.now() < target->unknown_until) return refuse(*target, NoPeer::unknown);
  return park(target, parked);
}

SendVerdict Router::send_reply(const TargetPtr& target, const OutgoingMessage& message) {
  if (!has_way(target)) [[unlikely]]
    return send_unresolved(target, message);
  const SendVerdict verdict = send_along(target->way, message, suffix_.at(parts_.reactor.wall_ms()));
  if (verdict != SendVerdict::queue_full || !target->way) [[likely]]
    return verdict;
  return send_where_full(target, message, false);
}

SendVerdict Router::send_past_bounds(const TargetPtr& target, const OutgoingMessage& message) {
  const SendVerdict verdict = send_beside(target, message);
  if (verdict != SendVerdict::queue_full || !target->way) return verdict;
  return send_where_full(target, message, true);
}

SendVerdict Router::send_where_full(const TargetPtr& target, const OutgoingMessage& message, bool is_past_bounds) {
  Link& link = target->way.link();
  transport::EncodedFrame frame;
  const SendVerdict written = write(link, message, parts_.reactor.wall_ms(), frame);
  if (written != SendVerdict::queued) return written;
  const SendCredit::Amount amount{frame.bytes.size(), frame.count};
  SendCredit& credit = *link.credit();
  const bool has_room = is_past_bounds ? credit.take_last(amount) : credit.take_reserved(amount);
  return has_room ? send_with_credit(link, frame) : SendVerdict::queue_full;
}

SendVerdict Router::send_again(const TargetPtr& target, const OutgoingMessage& message, base::WallMs sent_at) {
  if (!has_route(target)) return SendVerdict::unresolved;
  EnvelopeSuffix suffix;
  return send_along(target->route, message, suffix.at(sent_at));
}

SendVerdict Router::send_along(Route route, const OutgoingMessage& message, std::string_view suffix) {
  Link& link = route.link();  // before the payload is written: its writer may change where the name leads
  if (!parts_.out.is_open()) return send_through(parts_.out, link, message, suffix);
  // Sent by what writes another message in place: it needs a place of its own.
  transport::OutBuffer nested(parts_.out.pool());
  return send_through(nested, link, message, suffix);
}

SendVerdict Router::send_through(transport::OutBuffer& out, Link& link, const OutgoingMessage& message,
                                 std::string_view suffix) {
  // A large payload that there is no room for is not copied in vain: a caller that tries again and again would do
  // little else.
  const std::size_t size = message.text().size();
  if (size >= kAskFirst && size <= parts_.options.frame_size_max && !link.may_have_room(size)) [[unlikely]]
    return link.refusal();
  transport::EncodedFrame frame;
  const SendVerdict verdict = write_frame(out, link.prefix(), message, suffix, parts_.options.frame_size_max, frame);
  return verdict == SendVerdict::queued ? link.send(frame) : verdict;
}

SendVerdict Router::publish(const TargetState& topic, const OutgoingMessage& message) {
  if (is_closed_) return SendVerdict::shut_down;
  std::optional<transport::OutBuffer> nested;
  transport::OutBuffer& out = parts_.out.is_open() ? nested.emplace(parts_.out.pool()) : parts_.out;
  transport::EncodedFrame frame;
  const std::string_view suffix = suffix_.at(parts_.reactor.wall_ms());
  const SendVerdict verdict = write_frame(out, topic.prefix, message, suffix, parts_.options.frame_size_max, frame);
  if (verdict == SendVerdict::queued) topic.hand_out(frame);
  return verdict;
}

/// Messages to a topic that other threads have encoded. Their credit was against what waits for the loop. Each copy of
/// a run is work for the turn as a message is.
[[gnu::noinline]] void Router::hand_out_encoded(const TargetState& topic, SendCredit& credit,
                                                const transport::EncodedRun& run) {
  drain_max_ -= std::min<std::uint64_t>(drain_max_, topic.hand_out(run));
  credit.give_back({run.bytes.size(), run.count});
}

/// The counters of the peer that the name leads to; of messages to no known peer when it leads nowhere.
Traffic& Router::traffic_of(const TargetState& target) {
  return target.way ? target.way.link().traffic() : parts_.traffic.unresolved();
}

void Router::send_encoded(const TargetPtr& target, std::uint64_t version, const std::shared_ptr<SendCredit>& credit,
                          const transport::EncodedRun& run) {
  // Addressed to the holder of the name then: sent to its holder now it would be misrouted.
  const bool is_current = target->route && target->version.load(std::memory_order_relaxed) == version;
  SendVerdict verdict = SendVerdict::out_of_memory;
  const auto send = [&] { verdict = target->route.link().send_accepted(run); };
  DF_ASSERT(!is_current || credit == target->route.link().credit());
  if (is_current && parts_.reactor.has_memory_for(send) && is_under_way(verdict)) return;
  if (is_current && run.count > 1) return send_one_by_one(target, version, credit, run);
  if (target->hand_out) return hand_out_encoded(*target, *credit, run);
  credit->give_back({run.bytes.size(), run.count});
  // The node that has the name by now has lost nothing.
  Traffic& traffic = is_current ? traffic_of(*target) : parts_.traffic.unresolved();
  add_owned(traffic.out.accepted, run.count);
  const auto reason = is_current ? &SendCounters::dropped_queue_full : &SendCounters::dropped_peer_left;
  const io::Piece piece = run.bytes;
  keep_dropped(traffic, reason, {&piece, 1}, 0, target->name);
  if (is_current) return traffic.note_dropped(reason, run.count);
  add_owned(traffic.out.dropped_peer_left, run.count);
  parts_.drops.tell_unresolved(target->name, target->told, NoPeer::left, run.count);
}

/// Where there was no memory for the run, there may be for a part of it.
void Router::send_one_by_one(const TargetPtr& target, std::uint64_t version, const std::shared_ptr<SendCredit>& credit,
                             const transport::EncodedRun& run) {
  for (std::string_view rest = run.bytes; !rest.empty();) {
    const std::size_t size = framing::kHeaderSize + framing::read_header(rest.data());
    send_encoded(target, version, credit, {run.chunk, rest.substr(0, size), 1});
    rest.remove_prefix(size);
  }
}

void Router::send_parked(const TargetPtr& target, ParkedMessage message) {
  SendVerdict verdict = SendVerdict::out_of_memory;
  const std::size_t size = message.size();
  bool has_place = message.has_place;
  const auto send = [&] {
    if (message.extension.empty() ? has_route(target) : has_way(target)) {
      verdict = send_accepted(*target, message);
    } else {
      has_place = false;  // park() gives it up, or keeps it
      verdict = park(target, message);
    }
  };
  const bool has_memory = parts_.reactor.has_memory_for(send);
  if (has_place) parts_.targets.parking().leave(*target, size);
  if (has_memory && is_under_way(verdict)) return;
  // Its verdict was given on the other thread, as queued.
  Traffic& traffic = traffic_of(*target);
  add_owned(traffic.out.accepted, 1);
  const bool is_unknown = verdict == SendVerdict::unresolved;
  keep_parked(*target, is_unknown ? &SendCounters::dropped_unresolved : &SendCounters::dropped_queue_full, message);
  if (is_unknown) return add_owned(traffic.out.dropped_unresolved, 1);  // reported by park()
  traffic.note_dropped(&SendCounters::dropped_queue_full, 1);
}

/// Sends what was accepted as parked: the bound on that is the sender's promise, and it is not dropped for a queue that
/// has meanwhile become full under another name.
SendVerdict Router::send_accepted(const TargetState& target, const ParkedMessage& message) {
  Link& link = target.way.link();
  if (!may_take(link, target, message)) return SendVerdict::unresolved;
  transport::EncodedFrame frame;
  const SendVerdict written = write(link, message.outgoing(), message.timestamp, frame);
  if (written != SendVerdict::queued) return written;
  link.credit()->take_anyway({frame.bytes.size(), frame.count});
  return send_with_credit(link, frame);
}

SendVerdict Router::write(const Link& link, const OutgoingMessage& message, base::WallMs timestamp,
                          transport::EncodedFrame& frame) {
  EnvelopeSuffix suffix;
  std::optional<transport::OutBuffer> nested;
  transport::OutBuffer& out = parts_.out.is_open() ? nested.emplace(parts_.out.pool()) : parts_.out;
  return write_frame(out, link.prefix(), message, suffix.at(timestamp), parts_.options.frame_size_max, frame);
}

SendVerdict Router::send_with_credit(Link& link, const transport::EncodedFrame& frame) {
  const SendCredit::Amount amount{frame.bytes.size(), frame.count};
  try {
    const SendVerdict verdict = link.send_accepted(frame);
    if (!is_under_way(verdict)) link.credit()->give_back(amount);
    return verdict;
  } catch (...) {
    link.credit()->give_back(amount);
    throw;
  }
}

/// Takes a place among the parked for a message that has none; if it is not to be kept, it leaves its place here. The
/// message is taken only when this returns `queued`.
SendVerdict Router::park(const TargetPtr& target, ParkedMessage& message) {
  const std::size_t size = message.size();
  const bool had_place = std::exchange(message.has_place, true);
  if (!had_place && !parts_.targets.parking().take(*target, size)) return refuse(*target, NoPeer::too_many);
  LeaveUnlessParked place(parts_.targets.parking(), *target, size);
  if (is_closed_) return SendVerdict::shut_down;
  if (parts_.reactor.now() < target->unknown_until) return refuse(*target, NoPeer::unknown);
  // What may run out of memory comes before what is to be kept: the message is parked by all of this, or by nothing. A
  // name that waits with no message is forgotten by the patrol.
  if (target->parked.empty()) {
    target->parked_since = parts_.reactor.now();
    waiting_.emplace(target->name, target);
    if (!patrol_timer_.is_armed()) parts_.reactor.arm_after(patrol_timer_, kPatrolInterval);
  }
  ask_for(*target);
  target->parked.push_back(std::move(message));
  place.keep();
  ++parked_count_;
  return SendVerdict::queued;
}

SendVerdict Router::refuse(TargetState& target, NoPeer why) {
  parts_.drops.tell_unresolved(target.name, target.told, why, 1);
  return SendVerdict::unresolved;
}

void Router::ask_for(TargetState& target) {
  if (target.is_asking) return;
  target.is_asking = true;  // before: the answer may come at once
  try {
    parts_.ask(target.name);
  } catch (const std::bad_alloc&) {
    target.is_asking = false;
    throw;
  }
}

void Router::flush_parked(const TargetPtr& target) {
  SendCounters& unresolved = parts_.traffic.unresolved().out;
  std::size_t count = 0;
  const auto send_all = [&] {
    for (; count < target->parked.size(); ++count) {
      const SendVerdict verdict = send_accepted(*target, target->parked[count]);
      if (is_under_way(verdict)) continue;
      add_owned(unresolved.accepted, 1);
      note_if_answer(target->parked[count]);
      if (verdict == SendVerdict::unresolved) {  // a reply, and the name is not its asker's
        add_owned(unresolved.dropped_unresolved, 1);
        continue;
      }
      add_owned(unresolved.dropped_queue_full, 1);
      keep_parked(*target, &SendCounters::dropped_queue_full, target->parked[count]);
      parts_.drops.tell_sent(traffic_of(*target), &SendCounters::dropped_queue_full, 1, nullptr);
    }
  };
  try {
    send_all();
  } catch (const std::bad_alloc&) {
    forget_parked(target, count);
    throw;
  }
  forget_parked(target, count);
}

/// A copy: what is done to one changes the set.
std::vector<TargetPtr> Router::waiting() const {
  std::vector<TargetPtr> targets;
  targets.reserve(waiting_.size());
  for (const auto& [name, target] : waiting_) targets.push_back(target);
  return targets;
}

void Router::on_patrol() {
  const base::Instant now = parts_.reactor.now();
  const base::Duration patience = parts_.options.connect_deadline;
  for (auto next = waiting_.begin(); next != waiting_.end();) {
    const TargetPtr target = (next++)->second;  // what is done to it may take it out, and no other
    if (Peer* const peer = parts_.directory.find(target->name)) {
      static_cast<void>(parts_.reactor.has_memory_for([&] { bind(target, peer); }));
    }
    if (target->parked.empty() || now - target->parked_since < patience) continue;
    parts_.drops.tell_unresolved(target->name, target->told, NoPeer::unanswered, target->parked.size());
    drop_parked(target, &SendCounters::dropped_unresolved);
  }
  if (!waiting_.empty()) parts_.reactor.arm_after(patrol_timer_, kPatrolInterval);
}

}  // namespace distflow::runtime
