// The functions of BasicRingMailbox: for ring_mailbox.cpp, which is shipped, and for tests with other atomics than the
// standard library's.
#pragma once

#include "runtime/receive/ring_mailbox.hpp"

#include <utility>

#include "runtime/receive/alike_mails.hpp"

namespace distflow::runtime {
namespace mailbox_detail {

inline constexpr int kEvictionAttempts = 64;  // at a queue whose oldest message cannot be popped at once
}  // namespace mailbox_detail

template <class Atomics>
BasicRingMailbox<Atomics>::BasicRingMailbox(MailboxOptions options)
    : Mailbox(options),
      queue_({.max_size = options.max_size,
              .producers = options.producers,
              .poppers = options.overflow == Overflow::drop_oldest ? base::Sharing::several : base::Sharing::one}),
      budget_(options.bytes_max, options.producers) {}

template <class Atomics>
BasicRingMailbox<Atomics>::~BasicRingMailbox() {
  discard_all(&PeerCounters::dropped_shutdown);
}

template <class Atomics>
PushResult BasicRingMailbox<Atomics>::push_run(std::span<const Mail> run) {
  if (run.empty()) return {};
  const std::size_t admitted = admit(run);
  return admitted == run.size() ? PushResult{.accepted = admitted} : push_rest(run.subspan(admitted), admitted);
}

/// For messages that were not admitted at once.
template <class Atomics>
PushResult BasicRingMailbox<Atomics>::push_rest(std::span<const Mail> run, std::size_t admitted) {
  PushResult result{.accepted = admitted};
  run = run.subspan(offer(run, result));
  if (run.empty()) return result;
  if (options_.overflow != Overflow::block) {
    drop_newest(run, result);
    return result;
  }
  // Offered again after the announcement: either the consumer sees the announcement before it sleeps, or it had made
  // room before (base/sleep_flag.hpp; here the producer is the one that waits).
  waiting_.announce();
  result.blocked = run.size() - offer(run, result);
  return result;
}

template <class Atomics>
void BasicRingMailbox<Atomics>::take_back_pushed(Counter& counter, std::uint64_t n) const {
  count_pushed(counter, ~n + 1);
}

/// Takes the first messages of `run`, as far as there is room or room can be made; returns how many.
template <class Atomics>
std::size_t BasicRingMailbox<Atomics>::offer(std::span<const Mail> run, PushResult& result) {
  std::size_t done = 0;
  int attempts = options_.overflow == Overflow::drop_oldest ? mailbox_detail::kEvictionAttempts : 1;
  while (done < run.size() && attempts > 0) {
    const std::span<const Mail> rest = run.subspan(done);
    const std::size_t admitted = admit(rest);
    done += admitted;
    result.accepted += admitted;
    if (admitted > 0) continue;
    if (rest.front().charge() > options_.bytes_max) {
      drop_newest(rest.first(1), result);
      ++done;
    } else if (options_.overflow != Overflow::drop_oldest || !evict(rest)) {
      --attempts;
    }
  }
  return done;
}

/// Queues the first messages of `run`, those that share chunk and sender and have room; returns how many.
template <class Atomics>
std::size_t BasicRingMailbox<Atomics>::admit(std::span<const Mail> run) {
  const bool is_scarce = mailbox_detail::pins_scarce_memory(*run.front().chunk);
  if (is_scarce) run = run.first(std::min(run.size(), mailbox_detail::kBatchMax));
  mailbox_detail::Alike batch = mailbox_detail::leading_alike(run);
  while (!budget_.try_reserve(batch.charge)) {
    batch = mailbox_detail::leading_within(run.first(batch.count), budget_.room());
    if (batch.count == 0) return 0;
  }
  return is_scarce ? enqueue_copies(run.first(batch.count), batch.charge)
                   : enqueue(run.first(batch.count), batch.charge);
}

/// Queues messages of one chunk and sender, whose charge is reserved; gives back the charge of those without room.
template <class Atomics>
std::size_t BasicRingMailbox<Atomics>::enqueue(std::span<const Mail> batch, std::size_t charge) {
  base::Chunk& chunk = *batch.front().chunk;
  PeerCounters& sender = *batch.front().sender;
  // Before the consumer sees them: it may have handled them before push_run() returns.
  chunk.retain(static_cast<std::uint32_t>(batch.size()));
  count_pushed(sender.received, batch.size());
  count_pushed(counters_.accepted, batch.size());
  const std::size_t queued = queue_.push_run(batch.data(), batch.size());
  const std::size_t refused = batch.size() - queued;
  note_size();
  if (refused > 0) take_back(batch, queued, charge);
  return queued;
}

/// Undoes leases and counts of the messages that were not queued.
template <class Atomics>
void BasicRingMailbox<Atomics>::take_back(std::span<const Mail> batch, std::size_t queued, std::size_t charge) {
  base::Chunk& chunk = *batch.front().chunk;
  PeerCounters& sender = *batch.front().sender;
  const std::size_t refused = batch.size() - queued;
  chunk.release(static_cast<std::uint32_t>(refused));
  take_back_pushed(sender.received, refused);
  take_back_pushed(counters_.accepted, refused);
  budget_.cancel(charge - mailbox_detail::leading_within(batch.first(queued), charge).charge);
}

template <class Atomics>
std::size_t BasicRingMailbox<Atomics>::enqueue_copies(std::span<const Mail> batch, std::size_t charge) {
  if (queue_.size() == options_.max_size) {
    budget_.cancel(charge);
    return 0;
  }
  mailbox_detail::MailBatch copies;
  const auto chunk = base::ChunkRef::adopt(mailbox_detail::copy_out(batch, charge, copies));
  if (!chunk) return enqueue(batch, charge);
  const std::size_t queued = enqueue(std::span(copies).first(batch.size()), charge);
  add(counters_.copied_out, queued);
  return queued;
}

/// Counts messages that have left the queue, and gives back their charge and leases.
template <class Atomics>
template <class Count>
void BasicRingMailbox<Atomics>::retire(std::span<const Mail> mails, Count count) {
  std::size_t charge = 0;
  mailbox_detail::for_each_alike(mails, [&](std::span<const Mail> alike, std::size_t alike_charge) {
    count(*alike.front().sender, alike.size());
    keep_leases(*alike.front().chunk, static_cast<std::uint32_t>(alike.size()));
    charge += alike_charge;
  });
  budget_.give_back(charge);
  if (options_.overflow == Overflow::drop_oldest) {
    popped_charge_ -= charge;
    being_handled_.store(popped_charge_, std::memory_order_relaxed);
  }
  is_settled_ = false;
}

/// Keeps leases, to give them back with those of the next messages if these lie in the same chunk.
template <class Atomics>
void BasicRingMailbox<Atomics>::keep_leases(base::Chunk& chunk, std::uint32_t count) {
  if (&chunk != kept_.chunk || kept_.leases >= kKeptMax) give_kept_leases_back();
  kept_.chunk = &chunk;
  kept_.leases += count;
}

template <class Atomics>
void BasicRingMailbox<Atomics>::give_kept_leases_back() {
  if (kept_.leases > 0) kept_.chunk->release(std::exchange(kept_.leases, 0));
}

/// The charge that no eviction can free. Waits for a pop that is under way: an eviction makes the pop copy again, and a
/// producer faster than the consumer would never let it finish. It does not wait for a pop that stalls, and each one is
/// found to stall only once. relaxed, here and where it is written: it orders nothing. With an old value one eviction
/// more or less is tried; the budget and the queue decide whether there is room.
template <class Atomics>
std::uint64_t BasicRingMailbox<Atomics>::being_handled_when_popped() {
  const std::uint64_t first = being_handled_.load(std::memory_order_relaxed);
  if ((first & kPopping) == 0 || first == stalled_pop_.load(std::memory_order_relaxed)) return first;
  for (int looks = 0; looks < Atomics::kPatience; ++looks) {
    const std::uint64_t now = being_handled_.load(std::memory_order_relaxed);
    if (now != first) return now;
  }
  stalled_pop_.store(first, std::memory_order_relaxed);
  return first;
}

/// Drops as many of the oldest messages as `rest` needs places, or one if it needs bytes; false when none could be
/// popped, or when dropping would make no room.
template <class Atomics>
bool BasicRingMailbox<Atomics>::evict(std::span<const Mail> rest) {
  const std::uint64_t being_handled = being_handled_when_popped();
  if (budget_.room() < rest.front().charge()) {
    // Dropping frees no bytes of messages that are being handled.
    if ((being_handled & kPopping) != 0 || being_handled + rest.front().charge() > options_.bytes_max) return false;
  }
  const std::size_t lacking = queue_.size() == options_.max_size ? rest.size() : 1;
  mailbox_detail::MailBatch oldest;
  const std::size_t count = queue_.pop_run(oldest.data(), std::min(lacking, mailbox_detail::kBatchMax));
  std::size_t charge = 0;
  mailbox_detail::for_each_alike(std::span(oldest).first(count),
                                 [&charge](std::span<const Mail> alike, std::size_t alike_charge) {
                                   PeerCounters& sender = *alike.front().sender;
                                   add(sender.dropped_mailbox_oldest, alike.size());
                                   sender.tell_drop(&PeerCounters::dropped_mailbox_oldest, alike.size());
                                   alike.front().chunk->release(static_cast<std::uint32_t>(alike.size()));
                                   charge += alike_charge;
                                 });
  budget_.cancel(charge);
  add(counters_.dropped_oldest, count);
  return count > 0;
}

template <class Atomics>
void BasicRingMailbox<Atomics>::drop_newest(std::span<const Mail> mails, PushResult& result) {
  mailbox_detail::for_each_alike(mails, [this](std::span<const Mail> alike, std::size_t) {
    PeerCounters& sender = *alike.front().sender;
    count_pushed(sender.received, alike.size());
    add(sender.dropped_mailbox_newest, alike.size());
    sender.tell_drop(&PeerCounters::dropped_mailbox_newest, alike.size());
  });
  add(counters_.dropped_newest, mails.size());
  result.dropped += mails.size();
}

template <class Atomics>
std::size_t BasicRingMailbox<Atomics>::pop_run(std::span<Mail> out) {
  const std::size_t count =
      options_.overflow == Overflow::drop_oldest ? pop_contended(out) : queue_.pop_run(out.data(), out.size());
  if (count == 0) {
    settle();
  } else if (out.front().chunk != kept_.chunk) {
    give_kept_leases_back();  // now: handling these messages may take long
  }
  return count;
}

/// Beside producers that evict: publishes the charge that no eviction can free.
template <class Atomics>
std::size_t BasicRingMailbox<Atomics>::pop_contended(std::span<Mail> out) {
  // Before the charge is known, so that none too small is public: a producer may evict while this thread stalls here.
  being_handled_.store(kPopping | ++pops_, std::memory_order_relaxed);
  const std::size_t count = queue_.pop_run(out.data(), out.size());
  mailbox_detail::for_each_alike(out.first(count),
                                 [this](std::span<const Mail>, std::size_t charge) { popped_charge_ += charge; });
  being_handled_.store(popped_charge_, std::memory_order_relaxed);
  return count;
}

template <class Atomics>
void BasicRingMailbox<Atomics>::release_run(std::span<const Mail> run) {
  retire(run, [](PeerCounters& sender, std::size_t n) { add_owned(sender.handled, n); });
  add_owned(counters_.handled, run.size());
  tell_room_at_half();
}

template <class Atomics>
void BasicRingMailbox<Atomics>::drop_run(std::span<const Mail> run, Reason reason) {
  retire(run, [reason](PeerCounters& sender, std::size_t n) { add(sender.*reason, n); });
  add(counters_.discarded, run.size());
  tell_room_at_half();
}

template <class Atomics>
std::size_t BasicRingMailbox<Atomics>::discard_all(Reason reason) {
  mailbox_detail::MailBatch batch;
  std::size_t discarded = 0;
  while (const std::size_t count = pop_run(batch)) {
    drop_run(std::span(batch).first(count), reason);
    discarded += count;
  }
  return discarded;
}

/// For a consumer that found nothing and may sleep: does what it postponed while there were messages.
template <class Atomics>
void BasicRingMailbox<Atomics>::settle() {
  if (is_settled_) return;
  is_settled_ = true;
  give_kept_leases_back();
  if (options_.overflow != Overflow::block) return;
  // Whatever size and bytes are: all that was popped is released, and any other charge belongs to a push that is about
  // to find room or to take its charge back.
  if (waiting_.is_announced()) tell_room();
}

/// While there are messages. Uses no locked instruction, and may miss a producer that is just about to wait; settle()
/// does not miss it.
template <class Atomics>
void BasicRingMailbox<Atomics>::tell_room_at_half() {
  if (!waiting_.seems_announced()) return;
  if (size() <= options_.max_size / 2 && bytes() <= options_.bytes_max / 2) tell_room();
}

template <class Atomics>
void BasicRingMailbox<Atomics>::tell_room() {
  if (waiting_.take() && on_room_) on_room_();
}

/// For producers: only a push makes the size grow.
template <class Atomics>
void BasicRingMailbox<Atomics>::note_size() {
  std::uint64_t highest = read(counters_.high_water);
  const std::uint64_t size = queue_.size_beyond(highest);
  while (size > highest && !counters_.high_water.compare_exchange_weak(highest, size, std::memory_order_relaxed)) {
  }
}

}  // namespace distflow::runtime
