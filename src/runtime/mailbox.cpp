#include "runtime/mailbox.hpp"

#include <array>
#include <cstddef>
#include <cstring>
#include <memory>
#include <utility>

namespace distflow::runtime {
namespace {

constexpr std::size_t kBatchMax = 32;  // messages moved at once through the stack
constexpr int kEvictionAttempts = 64;  // at a queue whose oldest message is not to be had at once
using MailBatch = std::array<Mail, kBatchMax>;

/// The first messages of a run that share chunk and sender.
struct Alike {
  std::size_t count;
  std::size_t charge;
};

/// Where a message lies and whom it is from, side by side, to be compared at once.
using Origin [[gnu::vector_size(16)]] = std::uint64_t;
static_assert(offsetof(Mail, chunk) == 0 && offsetof(Mail, sender) == 8 && sizeof(void*) == 8);

/// Zeros where the message is of the same origin.
Origin difference(const Mail& mail, Origin first) {
  Origin origin;
  std::memcpy(&origin, std::assume_aligned<alignof(Mail)>(&mail), sizeof origin);
  return origin ^ first;
}

Origin difference_of_four(const Mail* mail, Origin first) {
  return difference(mail[0], first) | difference(mail[1], first) | difference(mail[2], first) |
         difference(mail[3], first);
}

std::size_t text_size_of_four(const Mail* mail) {
  return std::size_t{mail[0].text_size} + mail[1].text_size + mail[2].text_size + mail[3].text_size;
}

bool is_zero(Origin origin) { return (origin[0] | origin[1]) == 0; }

Alike leading_alike(std::span<const Mail> run) {
  const Origin first = difference(run.front(), Origin{});
  const Mail* mail = run.data();
  const Mail* const end = mail + run.size();
  std::size_t text_size = 0;
  // By eights, with one branch for all: nearly every run is alike throughout.
  for (const Mail* const last_eight = end - run.size() % 8; mail != last_eight; mail += 8) {
    if (!is_zero(difference_of_four(mail, first) | difference_of_four(mail + 4, first))) break;
    text_size += text_size_of_four(mail) + text_size_of_four(mail + 4);
  }
  for (; mail != end && is_zero(difference(*mail, first)); ++mail) text_size += mail->text_size;
  const auto count = static_cast<std::size_t>(mail - run.data());
  return {count, text_size + count * sizeof(Mail)};
}

/// The first messages of `batch` whose charge is within `room`.
Alike leading_within(std::span<const Mail> batch, std::size_t room) {
  Alike within{0, 0};
  while (within.count < batch.size() && batch[within.count].charge() <= room - within.charge) {
    within.charge += batch[within.count++].charge();
  }
  return within;
}

/// Calls `visit` with each part of `run` that shares chunk and sender, and with its charge.
template <class Visit>
void for_each_alike(std::span<const Mail> run, Visit visit) {
  while (!run.empty()) {
    const Alike alike = leading_alike(run);
    visit(run.first(alike.count), alike.charge);
    run = run.subspan(alike.count);
  }
}

bool pins_scarce_memory(const base::Chunk& chunk) {
  return chunk.home() != nullptr && chunk.home()->is_under_pressure();
}

/// Makes `copies` of messages, all in one chunk with one lease each; null without memory.
base::Chunk* copy_out(std::span<const Mail> mails, std::size_t charge, MailBatch& copies) {
  base::Chunk* chunk = base::Chunk::allocate(charge - mails.size() * sizeof(Mail));
  if (chunk == nullptr) return nullptr;
  char* out = chunk->data();
  const auto copy = [&out](const char* text, std::size_t size) {
    if (size > 0) std::memcpy(out, text, size);
    return std::exchange(out, out + size);
  };
  for (std::size_t i = 0; i < mails.size(); ++i) {
    Mail& mail = copies[i] = mails[i];
    mail.chunk = chunk;
    mail.from = copy(mail.from, mail.from_size);
    mail.to = copy(mail.to, mail.to_size);
    mail.payload = copy(mail.payload, mail.payload_size);
  }
  return chunk;
}

}  // namespace

Mailbox::Mailbox(MailboxOptions options)
    : options_(options),
      queue_({.max_size = options.max_size,
              .producers = options.producers,
              .poppers = options.overflow == Overflow::drop_oldest ? base::Sharing::several : base::Sharing::one}),
      budget_(options.bytes_max, options.producers) {}

Mailbox::~Mailbox() { discard_all(); }

PushResult Mailbox::push_run(std::span<const Mail> run) {
  PushResult result;
  run = run.subspan(offer(run, result));
  if (run.empty()) return result;
  if (options_.overflow != Overflow::block) {
    drop_newest(run, result);
    return result;
  }
  // Offered once more after the announcement: the consumer either sees that, or had made its room before it. Both sides
  // exchange the flag, with acquire and release, so that one of the two comes first.
  is_blocking_.exchange(1, std::memory_order_acq_rel);
  result.blocked = run.size() - offer(run, result);
  return result;
}

/// Counts for a producer. The only one there is needs no locked instruction.
void Mailbox::count_pushed(Counter& counter, std::uint64_t n) const {
  options_.producers == base::Sharing::one ? add_owned(counter, n) : add(counter, n);
}

void Mailbox::take_back_pushed(Counter& counter, std::uint64_t n) const { count_pushed(counter, ~n + 1); }

/// Takes the first messages of `run`, as far as there is room or room can be made; returns how many.
std::size_t Mailbox::offer(std::span<const Mail> run, PushResult& result) {
  std::size_t done = 0;
  int attempts = options_.overflow == Overflow::drop_oldest ? kEvictionAttempts : 1;
  while (done < run.size() && attempts > 0) {
    const std::span<const Mail> rest = run.subspan(done);
    const std::size_t admitted = admit(rest);
    done += admitted;
    result.accepted += admitted;
    if (admitted > 0) continue;
    if (rest.front().charge() > options_.bytes_max) {
      drop_newest(rest.first(1), result);
      ++done;
    } else if (options_.overflow != Overflow::drop_oldest || !evict(rest.size())) {
      --attempts;
    }
  }
  return done;
}

/// Queues the first messages of `run`, those that share chunk and sender and have room; returns how many.
std::size_t Mailbox::admit(std::span<const Mail> run) {
  const bool is_scarce = pins_scarce_memory(*run.front().chunk);
  if (is_scarce) run = run.first(std::min(run.size(), kBatchMax));
  Alike batch = leading_alike(run);
  while (!budget_.try_reserve(batch.charge)) {
    batch = leading_within(run.first(batch.count), budget_.room());
    if (batch.count == 0) return 0;
  }
  return is_scarce ? enqueue_copies(run.first(batch.count), batch.charge)
                   : enqueue(run.first(batch.count), batch.charge);
}

/// Queues messages alike, whose charge is reserved; gives the charge of those back that find no room.
std::size_t Mailbox::enqueue(std::span<const Mail> batch, std::size_t charge) {
  base::Chunk& chunk = *batch.front().chunk;
  PeerCounters& sender = *batch.front().sender;
  // Before they are seen by the consumer, which may be done with them before push_run() is.
  chunk.retain(static_cast<std::uint32_t>(batch.size()));
  count_pushed(sender.received, batch.size());
  count_pushed(counters_.accepted, batch.size());
  const std::size_t queued = queue_.push_run(batch.data(), batch.size());
  const std::size_t refused = batch.size() - queued;
  if (refused == 0) return queued;
  chunk.release(static_cast<std::uint32_t>(refused));
  take_back_pushed(sender.received, refused);
  take_back_pushed(counters_.accepted, refused);
  budget_.give_back(charge - leading_within(batch.first(queued), charge).charge);
  return queued;
}

std::size_t Mailbox::enqueue_copies(std::span<const Mail> batch, std::size_t charge) {
  if (queue_.size() == options_.max_size) {
    budget_.give_back(charge);
    return 0;
  }
  MailBatch copies;
  const auto chunk = base::ChunkRef::adopt(copy_out(batch, charge, copies));
  if (!chunk) return enqueue(batch, charge);
  const std::size_t queued = enqueue(std::span(copies).first(batch.size()), charge);
  add(counters_.copied_out, queued);
  return queued;
}

/// Gives back leases and charge of messages that left the queue, and counts what became of them.
template <class Count>
void Mailbox::retire(std::span<const Mail> mails, Count count) {
  std::size_t charge = 0;
  for_each_alike(mails, [&](std::span<const Mail> alike, std::size_t alike_charge) {
    count(*alike.front().sender, alike.size());
    alike.front().chunk->release(static_cast<std::uint32_t>(alike.size()));
    charge += alike_charge;
  });
  budget_.give_back(charge);
}

/// Drops the oldest messages so that `wanted` find room, or one if it is bytes that lack; false when none was to be
/// had.
bool Mailbox::evict(std::size_t wanted) {
  note_size();
  const std::size_t room = options_.max_size - queue_.size();
  const std::size_t lacking = wanted > room ? wanted - room : 1;
  MailBatch oldest;
  const std::size_t count = queue_.pop_run(oldest.data(), std::min(lacking, kBatchMax));
  retire(std::span(oldest).first(count),
         [](PeerCounters& sender, std::size_t n) { add(sender.dropped_mailbox_oldest, n); });
  add(counters_.dropped_oldest, count);
  return count > 0;
}

void Mailbox::drop_newest(std::span<const Mail> mails, PushResult& result) {
  for_each_alike(mails, [this](std::span<const Mail> alike, std::size_t) {
    PeerCounters& sender = *alike.front().sender;
    count_pushed(sender.received, alike.size());
    add(sender.dropped_mailbox_newest, alike.size());
  });
  add(counters_.dropped_newest, mails.size());
  result.dropped += mails.size();
}

std::size_t Mailbox::pop_run(std::span<Mail> out) {
  note_size();
  return queue_.pop_run(out.data(), out.size());
}

void Mailbox::release_run(std::span<const Mail> run) {
  retire(run, [](PeerCounters& sender, std::size_t n) { add_owned(sender.handled, n); });
  add_owned(counters_.handled, run.size());
  tell_room();
}

std::size_t Mailbox::discard_all() {
  MailBatch batch;
  std::size_t discarded = 0;
  while (const std::size_t count = pop_run(batch)) {
    retire(std::span(batch).first(count), [](PeerCounters& sender, std::size_t n) { add(sender.dropped_shutdown, n); });
    discarded += count;
  }
  add(counters_.dropped_shutdown, discarded);
  tell_room();
  return discarded;
}

/// For the consumer, after it made room.
void Mailbox::tell_room() {
  if (options_.overflow != Overflow::block) return;
  // An exchange of the flag for itself: see push_run().
  if (is_blocking_.fetch_add(0, std::memory_order_acq_rel) == 0) return;
  if (size() > options_.max_size / 2 || bytes() > options_.bytes_max / 2) return;
  is_blocking_.store(0, std::memory_order_release);
  if (on_room_) on_room_();
}

/// Only pops make the size fall, so that the largest is seen before one.
void Mailbox::note_size() {
  const std::uint64_t size = queue_.size();
  std::uint64_t highest = read(high_water_);
  while (size > highest && !high_water_.compare_exchange_weak(highest, size, std::memory_order_relaxed)) {
  }
}

}  // namespace distflow::runtime
