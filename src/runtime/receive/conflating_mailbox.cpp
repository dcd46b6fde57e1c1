#include "runtime/receive/conflating_mailbox.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <functional>
#include <utility>

#include "base/assert.hpp"
#include "runtime/receive/alike_mails.hpp"

namespace distflow::runtime {

using mailbox_detail::kBatchMax;

namespace {

/// Where `part` of a message's text lies in a copy of that message.
std::string_view moved(std::string_view part, const Mail& original, const Mail& copy) {
  if (part.empty()) return part;
  const std::string_view payload = original.payload_text();
  const bool is_in_payload = std::greater_equal<>{}(part.data(), payload.data()) &&
                             std::less<>{}(part.data(), payload.data() + payload.size());
  const char* const from =
      is_in_payload ? copy.payload + (part.data() - original.payload) : copy.from + (part.data() - original.from);
  return {from, part.size()};
}

}  // namespace

/// Collects drops; consecutive ones of one sender become one entry.
class ConflatingMailbox::Drops {
 public:
  [[nodiscard]] bool is_full() const { return count_ == drops_.size(); }

  void add(const PeerCounters& sender, Counter PeerCounters::*reason) {
    if (count_ > 0 && drops_[count_ - 1].sender == &sender && drops_[count_ - 1].reason == reason) {
      ++drops_[count_ - 1].count;
      return;
    }
    DF_ASSERT(!is_full());
    drops_[count_++] = {.sender = &sender, .reason = reason, .count = 1};
  }

  void tell_all() {
    for (const Drop& drop : std::span(drops_).first(std::exchange(count_, 0))) {
      drop.sender->tell_drop(drop.reason, drop.count);
    }
  }

 private:
  std::array<Drop, kBatchMax> drops_;  // filled up to `count_`
  std::size_t count_ = 0;
};

ConflatingMailbox::ConflatingMailbox(MailboxOptions options, ConflationKey key, const base::SipKey& hash_key)
    : Mailbox(options),
      key_(std::move(key)),
      hash_(hash_key),
      bucket_mask_(std::bit_ceil(std::uint64_t{options.max_size}) - 1),
      slots_(std::make_unique_for_overwrite<Slot[]>(std::size_t{options.max_size} + 1)),
      buckets_(std::make_unique<Place[]>(bucket_mask_ + 1)) {
  DF_ASSERT(options.max_size > 0 && options.bytes_max > 0);
}

ConflatingMailbox::~ConflatingMailbox() { discard_all(&PeerCounters::dropped_shutdown); }

PushResult ConflatingMailbox::push_run(std::span<const Mail> run) {
  PushResult result;
  Drops drops;
  while (!run.empty()) {
    const std::span<const Mail> batch = run.first(std::min(run.size(), kBatchMax));
    std::array<Key, kBatchMax> keys;  // filled as far as the batch goes
    std::transform(batch.begin(), batch.end(), keys.begin(), [this](const Mail& mail) { return key_of(mail); });
    std::size_t done = 0;
    auto outcome = Outcome::taken;
    while (done < batch.size() && outcome != Outcome::blocked) {
      {
        const std::scoped_lock lock(mutex_);
        do {
          outcome = offer(batch[done], keys[done], drops);
          result.accepted += outcome == Outcome::taken ? 1 : 0;
          result.dropped += outcome == Outcome::dropped ? 1 : 0;
          done += outcome == Outcome::taken || outcome == Outcome::dropped ? 1 : 0;
        } while (done < batch.size() && outcome != Outcome::blocked && outcome != Outcome::later);
      }
      drops.tell_all();
    }
    if (outcome == Outcome::blocked) {
      result.blocked = run.size() - done;
      return result;
    }
    run = run.subspan(done);
  }
  return result;
}

ConflatingMailbox::Key ConflatingMailbox::key_of(const Mail& mail) const {
  const std::string_view text = key_.of(mail);
  return {.text = text, .hash = text.empty() ? 0 : hash_(text)};
}

/// Takes a message, or returns why not.
ConflatingMailbox::Outcome ConflatingMailbox::offer(const Mail& mail, const Key& key, Drops& drops) {
  if (drops.is_full()) return Outcome::later;
  if (mail.charge() > options_.bytes_max) return drop_newest(mail, drops);
  const Place replaced = find(key);
  const std::size_t old_charge = replaced == kNowhere ? 0 : slots_[replaced].mail.charge();
  if (!has_room(mail.charge() - std::min(mail.charge(), old_charge), replaced == kNowhere)) {
    if (options_.overflow == Overflow::drop_newest) return drop_newest(mail, drops);
    if (options_.overflow == Overflow::block) {
      is_waiting_ = true;
      return Outcome::blocked;
    }
    if (const Outcome outcome = make_room(mail, mail.charge() - old_charge, replaced, drops);
        outcome != Outcome::taken) {
      return outcome;
    }
  }
  replaced == kNowhere ? insert(mail, key) : replace(replaced, mail, key);
  return Outcome::taken;
}

bool ConflatingMailbox::has_room(std::size_t charge, bool needs_place) const {
  return charge <= options_.bytes_max - bytes() && (!needs_place || size() < options_.max_size);
}

/// Drops the oldest messages, except the one that is replaced, until `charge` more bytes have room; and a place, if
/// none is replaced.
ConflatingMailbox::Outcome ConflatingMailbox::make_room(const Mail& mail, std::size_t charge, Place replaced,
                                                        Drops& drops) {
  const std::size_t old_charge = replaced == kNowhere ? 0 : slots_[replaced].mail.charge();
  // Dropping frees no bytes of messages that are being handled.
  if (being_handled_bytes_ + old_charge + charge > options_.bytes_max) return drop_newest(mail, drops);
  while (!has_room(charge, replaced == kNowhere)) {
    if (drops.is_full()) return Outcome::later;
    const Place oldest = oldest_ == replaced ? slots_[oldest_].newer : oldest_;
    DF_ASSERT(oldest != kNowhere);
    const Mail dropped = slots_[oldest].mail;
    take_out(oldest);
    change(bytes_, ~dropped.charge() + 1);
    count_pushed(dropped.sender->dropped_mailbox_oldest, 1);
    count_pushed(counters_.dropped_oldest, 1);
    drops.add(*dropped.sender, &PeerCounters::dropped_mailbox_oldest);
    dropped.chunk->release();
  }
  return Outcome::taken;
}

ConflatingMailbox::Outcome ConflatingMailbox::drop_newest(const Mail& mail, Drops& drops) {
  count_pushed(mail.sender->received, 1);
  count_pushed(mail.sender->dropped_mailbox_newest, 1);
  count_pushed(counters_.dropped_newest, 1);
  drops.add(*mail.sender, &PeerCounters::dropped_mailbox_newest);
  return Outcome::dropped;
}

void ConflatingMailbox::insert(const Mail& mail, const Key& key) {
  const Place place = free_ != kNowhere ? free_ : ++slots_used_;
  Slot& slot = slots_[place];
  if (free_ != kNowhere) free_ = slot.newer;
  keep(slot, mail, key);
  slot.older = newest_;
  slot.newer = kNowhere;
  (newest_ == kNowhere ? oldest_ : slots_[newest_].newer) = place;
  newest_ = place;
  if (!key.text.empty()) slot.next_in_bucket = std::exchange(bucket_of(key), place);
  change(size_, 1);
  if (size() > read(counters_.high_water)) counters_.high_water.store(size(), std::memory_order_relaxed);
}

/// The new message takes the place of the old one, in the list and in the chain: their keys are equal.
void ConflatingMailbox::replace(Place place, const Mail& mail, const Key& key) {
  Slot& slot = slots_[place];
  const Mail old = slot.mail;
  keep(slot, mail, key);
  change(bytes_, ~old.charge() + 1);
  count_pushed(old.sender->conflated, 1);
  count_pushed(counters_.conflated, 1);
  old.chunk->release();
}

/// Puts a message into a slot, with a lease, and counts it. Each copy has a chunk of its own: a shared one would stay
/// until the last of its messages is replaced or handled.
void ConflatingMailbox::keep(Slot& slot, const Mail& mail, const Key& key) {
  slot.mail = mail;
  slot.key = key;
  mailbox_detail::MailBatch copies;
  base::Chunk* const chunk = mailbox_detail::pins_scarce_memory(*mail.chunk)
                                 ? mailbox_detail::copy_out({&mail, 1}, mail.charge(), copies)
                                 : nullptr;
  if (chunk == nullptr) {
    mail.chunk->retain();
  } else {
    slot.mail = copies.front();
    slot.key.text = moved(key.text, mail, slot.mail);
    count_pushed(counters_.copied_out, 1);
  }
  count_pushed(mail.sender->received, 1);
  count_pushed(counters_.accepted, 1);
  change(bytes_, mail.charge());
}

/// Removes a message from the list and its chain. The caller gets its lease and its charge.
void ConflatingMailbox::take_out(Place place) {
  Slot& slot = slots_[place];
  (slot.older == kNowhere ? oldest_ : slots_[slot.older].newer) = slot.newer;
  (slot.newer == kNowhere ? newest_ : slots_[slot.newer].older) = slot.older;
  if (!slot.key.text.empty()) {
    Place* link = &bucket_of(slot.key);
    while (*link != place) link = &slots_[*link].next_in_bucket;
    *link = slot.next_in_bucket;
  }
  slot.newer = std::exchange(free_, place);
  change(size_, ~std::size_t{0});
}

/// The message that waits with that key; kNowhere when there is none.
ConflatingMailbox::Place ConflatingMailbox::find(const Key& key) const {
  if (key.text.empty()) return kNowhere;
  Place place = bucket_of(key);
  while (place != kNowhere && !(slots_[place].key.hash == key.hash && slots_[place].key.text == key.text)) {
    place = slots_[place].next_in_bucket;
  }
  return place;
}

std::size_t ConflatingMailbox::pop_run(std::span<Mail> out) {
  std::size_t count = 0;
  bool is_room = false;
  {
    const std::scoped_lock lock(mutex_);
    for (; count < out.size() && oldest_ != kNowhere; ++count) {
      out[count] = slots_[oldest_].mail;
      being_handled_bytes_ += out[count].charge();
      take_out(oldest_);
    }
    if (count == 0) is_room = std::exchange(is_waiting_, false);
  }
  if (is_room && on_room_) on_room_();
  return count;
}

void ConflatingMailbox::release_run(std::span<const Mail> run) {
  std::size_t charge = 0;
  mailbox_detail::for_each_alike(run, [&charge](std::span<const Mail> alike, std::size_t alike_charge) {
    add_owned(alike.front().sender->handled, alike.size());
    alike.front().chunk->release(static_cast<std::uint32_t>(alike.size()));
    charge += alike_charge;
  });
  add_owned(counters_.handled, run.size());
  finish(charge);
}

void ConflatingMailbox::drop_run(std::span<const Mail> run, Reason reason) {
  std::size_t charge = 0;
  mailbox_detail::for_each_alike(run, [&charge, reason](std::span<const Mail> alike, std::size_t alike_charge) {
    add(alike.front().sender->*reason, alike.size());
    alike.front().chunk->release(static_cast<std::uint32_t>(alike.size()));
    charge += alike_charge;
  });
  add(counters_.discarded, run.size());
  finish(charge);
}

std::size_t ConflatingMailbox::discard_all(Reason reason) {
  mailbox_detail::MailBatch batch;
  std::size_t discarded = 0;
  while (const std::size_t count = pop_run(batch)) {
    drop_run(std::span(batch).first(count), reason);
    discarded += count;
  }
  return discarded;
}

/// Gives the charge of popped messages back, and notifies a waiting producer when the mailbox is half empty.
void ConflatingMailbox::finish(std::size_t charge) {
  {
    const std::scoped_lock lock(mutex_);
    change(bytes_, ~charge + 1);
    being_handled_bytes_ -= charge;
    const bool is_half_empty = size() <= options_.max_size / 2 && bytes() <= options_.bytes_max / 2;
    if (!is_half_empty || !std::exchange(is_waiting_, false)) return;
  }
  if (on_room_) on_room_();
}

}  // namespace distflow::runtime
