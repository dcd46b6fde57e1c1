#include "runtime/topic/subscriptions.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <utility>

#include "protocol/pmd_node.hpp"
#include "runtime/receive/conflating_mailbox.hpp"
#include "runtime/receive/conflation_key.hpp"
#include "runtime/receive/ring_mailbox.hpp"

namespace distflow::runtime {
namespace {

MailboxOptions mailbox_options(const MailboxLimits& limits) {
  return {.max_size = limits.max_size,
          .bytes_max = limits.bytes_max,
          .overflow = limits.overflow == Overflow::block ? Overflow::drop_oldest : limits.overflow,
          .producers = base::Sharing::one};  // the loop's thread
}

Message to_message(const Mail& mail, std::string_view address) {
  return {.from = mail.from_text(),
          .to = address,
          .payload = mail.payload_text(),
          .has_payload = mail.has_payload(),
          .timestamp = mail.timestamp};
}

}  // namespace

std::string topic_address(std::string_view topic) { return std::string(protocol::kTopicPrefix).append(topic); }

Subscriptions::Subscriptions(io::Reactor& reactor, Delivery& delivery)
    : reactor_(reactor),
      delivery_(delivery),
      hooks_{.accept = base::Delegate<bool(std::string_view)>::to<&Subscriptions::accept>(*this),
             .take = base::Delegate<void(const Mail&)>::to<&Subscriptions::take>(*this)} {
  reactor_.backend().fill_random(std::as_writable_bytes(std::span(hash_key_)));
  drain_.on_turn_end = base::Delegate<void()>::to<&Subscriptions::drain>(*this);
}

Subscriptions::~Subscriptions() {
  finish();
  drain_.unlink();
}

SubscriptionPtr Subscriptions::make(std::string_view topic, MessageHandler handler, const SubscribeOptions& options) {
  auto subscription = std::make_shared<Subscription>();
  subscription->address = topic_address(topic);
  subscription->handler = std::move(handler);
  if (ConflationKey::is_set(options.conflate_by)) {
    ConflationKey key(options.conflate_by, subscription->address,
                      base::Delegate<void(const char*)>::to<&Delivery::note_key_exception>(delivery_));
    subscription->run_max = 1;  // what has been taken out is not replaced by what comes
    subscription->mailbox =
        std::make_unique<ConflatingMailbox>(mailbox_options(options.mailbox), std::move(key), hash_key_);
  } else if (delivery_.has_thread()) {
    subscription->run_max = kRunMax;
    subscription->mailbox = std::make_unique<RingMailbox>(mailbox_options(options.mailbox));
  }
  return subscription;
}

SubscriptionPtr Subscriptions::put(SubscriptionPtr subscription) {
  const std::scoped_lock lock(mutex_);
  SubscriptionPtr& place = by_address_[subscription->address];
  SubscriptionPtr replaced = std::exchange(place, std::move(subscription));
  if (replaced != nullptr) replaced->is_over.store(true, std::memory_order_release);
  version_.fetch_add(1, std::memory_order_release);
  return replaced;
}

SubscriptionPtr Subscriptions::remove(std::string_view address) noexcept {
  const std::scoped_lock lock(mutex_);
  const auto found = by_address_.find(address);
  if (found == by_address_.end()) return nullptr;
  SubscriptionPtr removed = std::move(found->second);
  removed->is_over.store(true, std::memory_order_release);
  by_address_.erase(found);
  version_.fetch_add(1, std::memory_order_release);
  return removed;
}

void Subscriptions::end_later(SubscriptionPtr subscription) noexcept {
  if (subscription == nullptr) return;
  {
    const std::scoped_lock lock(mutex_);
    append(over_, std::move(subscription));
    has_over_.store(true, std::memory_order_relaxed);
  }
  reactor_.notify();
}

/// From now on the loop's thread puts nothing into their mailboxes: the next message looks for its subscription anew.
void Subscriptions::end_some() {
  if (!has_over_.load(std::memory_order_relaxed)) return;
  {
    const std::scoped_lock lock(mutex_);
    has_over_.store(false, std::memory_order_relaxed);
    append(to_end_, std::move(over_));
    has_to_end_.store(delivery_.has_thread(), std::memory_order_release);
  }
  delivery_.has_thread() ? delivery_.wake_now() : end_list(&Subscriptions::to_end_);
}

/// What their handlers hold may call anything as it goes: no lock is held.
void Subscriptions::end_list(SubscriptionPtr Subscriptions::*list) noexcept {
  SubscriptionPtr next;
  {
    const std::scoped_lock lock(mutex_);
    next.swap(this->*list);
  }
  while (next != nullptr) {
    const SubscriptionPtr ended = std::move(next);
    end(*ended);
    next = std::move(ended->next_over);
  }
}

void Subscriptions::append(SubscriptionPtr& list, SubscriptionPtr added) noexcept {
  SubscriptionPtr* end = &list;
  while (*end != nullptr) end = &(*end)->next_over;
  *end = std::move(added);
}

void Subscriptions::end(Subscription& subscription, Mailbox::Reason reason) {
  if (subscription.mailbox) subscription.mailbox->discard_all(reason);
  const MessageHandler handler = std::exchange(subscription.handler, nullptr);
}

/// Messages of a topic come in runs: the last subscription is remembered, until any has changed.
bool Subscriptions::accept(std::string_view to) {
  const std::uint64_t version = version_.load(std::memory_order_acquire);
  if (current_ != nullptr && current_version_ == version && current_->address == to) return true;
  SubscriptionPtr before;  // it may be the last reference: destroyed without the lock
  const std::scoped_lock lock(mutex_);
  const auto found = by_address_.find(to);
  if (found == by_address_.end()) return false;
  before = std::exchange(current_, found->second);
  current_version_ = version;
  return true;
}

void Subscriptions::take(const Mail& mail) {
  Subscription& subscription = *current_;
  if (subscription.mailbox == nullptr) {
    add_owned(mail.sender->received, 1);
    if (delivery_.is_stopping()) return add(mail.sender->dropped_shutdown, 1);
    // The handler may end it, but current_ is not changed before it returns.
    delivery_.run_handler_of(mail, [&] { subscription.handler(to_message(mail, subscription.address)); });
    return add_owned(mail.sender->handled, 1);
  }
  subscription.mailbox->push_run({&mail, 1});
  if (!delivery_.has_thread()) return reactor_.defer(drain_);
  // Woken at the turn's end, the second thread finds all messages of the turn. A half full mailbox cannot wait.
  const bool can_wait = subscription.mailbox->size() * 2 < subscription.mailbox->options().max_size;
  can_wait ? delivery_.wake_for_callbacks() : delivery_.wake_now();
}

/// Handles all that waits, without a second thread.
void Subscriptions::drain() {
  while (!delivery_.is_stopping() && handle_some()) {
  }
}

void Subscriptions::refresh() noexcept {
  const std::uint64_t version = version_.load(std::memory_order_acquire);
  if (version == all_version_) return;
  decltype(all_) before;  // the last references, maybe: destroyed without the lock
  before.swap(all_);
  all_count_ = 0;
  const std::scoped_lock lock(mutex_);
  for (const auto& [address, subscription] : by_address_) {
    // One more than there may be is there until it is refused.
    if (subscription->mailbox && all_count_ < all_.size()) all_[all_count_++] = subscription;
  }
  all_version_ = version;
}

bool Subscriptions::handle_some() {
  if (has_to_end_.load(std::memory_order_relaxed) && has_to_end_.exchange(false, std::memory_order_acquire)) {
    end_list(&Subscriptions::to_end_);
  }
  refresh();
  bool any = false;
  for (std::size_t i = 0; i < all_count_ && !delivery_.is_stopping(); ++i) any = handle_run(*all_[i]) || any;
  return any;
}

/// A handler may end this subscription, or the node: the rest is dropped then.
bool Subscriptions::handle_run(Subscription& subscription) {
  std::array<Mail, kRunMax> mails;  // filled up to `count`
  const std::size_t count = subscription.mailbox->pop_run(std::span(mails).first(subscription.run_max));
  if (count == 0) return false;
  const std::span<const Mail> run = std::span(mails).first(count);
  std::size_t done = 0;
  for (; done < count && may_handle(subscription); ++done) {
    delivery_.run_handler_of(run[done], [&] { subscription.handler(to_message(run[done], subscription.address)); });
  }
  if (done > 0) subscription.mailbox->release_run(run.first(done));
  if (done < count) {
    const bool is_over = subscription.is_over.load(std::memory_order_acquire);
    subscription.mailbox->drop_run(run.subspan(done),
                                   is_over ? &PeerCounters::dropped_unsubscribed : &PeerCounters::dropped_shutdown);
  }
  return true;
}

/// Asked on and on by a thread that looks for work: it takes no lock.
bool Subscriptions::has_work() const {
  if (version_.load(std::memory_order_acquire) != all_version_ || has_to_end_.load(std::memory_order_relaxed))
    return true;
  return std::any_of(all_.begin(), all_.begin() + static_cast<std::ptrdiff_t>(all_count_),
                     [](const SubscriptionPtr& subscription) { return subscription->mailbox->size() > 0; });
}

std::size_t Subscriptions::waiting_in(const SubscriptionPtr& list) {
  std::size_t count = 0;
  for (const Subscription* each = list.get(); each != nullptr; each = each->next_over.get()) {
    if (each->mailbox) count += each->mailbox->size();
  }
  return count;
}

std::size_t Subscriptions::waiting() const {
  const std::scoped_lock lock(mutex_);
  std::size_t count = waiting_in(over_) + waiting_in(to_end_);
  for (const auto& [address, subscription] : by_address_) {
    if (subscription->mailbox) count += subscription->mailbox->size();
  }
  return count;
}

void Subscriptions::finish() {
  base::StringMap<SubscriptionPtr> ended;  // what their handlers hold may call anything as it goes
  {
    const std::scoped_lock lock(mutex_);
    ended.swap(by_address_);
    for (const auto& [address, subscription] : ended) subscription->is_over.store(true, std::memory_order_release);
    version_.fetch_add(1, std::memory_order_release);
  }
  for (const auto& [address, subscription] : ended) end(*subscription, &PeerCounters::dropped_shutdown);
  end_list(&Subscriptions::over_);
  end_list(&Subscriptions::to_end_);
  current_.reset();
  all_ = {};
  all_count_ = 0;
}

}  // namespace distflow::runtime
