// What becomes of messages that wait for their name when they are sent, or dropped.
#include <algorithm>

#include "runtime/send/router.hpp"

namespace distflow::runtime {
namespace {

/// As a dead letter: it is no request and no reply.
bool may_be_kept(const ParkedMessage& message) { return message.has_payload && message.extension.empty(); }

}  // namespace

std::uint64_t Router::drop_parked(const TargetPtr& target, Counter SendCounters::*reason) {
  const std::uint64_t count = target->parked.size();
  keep_newest(*target, reason);
  for (const ParkedMessage& message : target->parked) note_if_answer(message);
  add_owned(parts_.traffic.unresolved().out.accepted, count);
  add_owned(parts_.traffic.unresolved().out.*reason, count);
  forget_parked(target, target->parked.size());
  return count;
}

/// Those that would not stay are not copied.
void Router::keep_newest(const TargetState& target, Counter SendCounters::*reason) {
  if (!parts_.dead_letters.keeps(reason)) return;
  const auto& parked = target.parked;
  const auto fits = [this](const ParkedMessage& message) {
    return may_be_kept(message) && message.payload.size() <= parts_.dead_letters.bytes_max();
  };
  auto left = static_cast<std::size_t>(std::count_if(parked.begin(), parked.end(), fits));
  for (const ParkedMessage& message : parked) {
    if (fits(message) && left-- > parts_.dead_letters.letters_max()) {
      parts_.dead_letters.note_displaced(1);
    } else {
      keep_parked(target, reason, message);
    }
  }
}

void Router::keep_parked(const TargetState& target, Counter SendCounters::*reason, const ParkedMessage& message) {
  if (!may_be_kept(message)) return;
  const std::string_view node_id = target.way ? target.way.link().node_id() : std::string_view();
  parts_.dead_letters.add({.name = target.name,
                           .node_id = node_id,
                           .reason = reason,
                           .text = message.payload,
                           .sent_at = message.timestamp});
}

/// The verdict on it was that it was queued.
void Router::note_if_answer(const ParkedMessage& dropped) {
  if (answers_lost_ != nullptr && dropped.is_answer()) add(*answers_lost_, 1);
}

/// Of the messages parked, the first `count`.
void Router::forget_parked(const TargetPtr& target, std::size_t count) {
  parked_count_ -= count;
  const auto end = target->parked.begin() + static_cast<std::ptrdiff_t>(count);
  for (auto message = target->parked.begin(); message != end; ++message) {
    parts_.targets.parking().leave(*target, message->size());
  }
  target->parked.erase(target->parked.begin(), end);
  if (target->parked.empty()) waiting_.erase(target->name);
}

std::uint64_t Router::discard() {
  is_closed_ = true;
  std::uint64_t count = 0;
  while (!waiting_.empty()) {
    const TargetPtr target = waiting_.begin()->second;
    count += drop_parked(target, &SendCounters::dropped_shutdown);
  }
  parts_.reactor.timers().cancel(patrol_timer_);
  return count;
}

void Router::note_discarded(std::uint64_t count) {
  add_owned(parts_.traffic.unresolved().out.accepted, count);
  add_owned(parts_.traffic.unresolved().out.dropped_shutdown, count);
}

}  // namespace distflow::runtime
