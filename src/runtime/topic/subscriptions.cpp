#include "runtime/topic/subscriptions.hpp"

#include <array>
#include <new>
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
    subscription->mailbox =
        std::make_unique<ConflatingMailbox>(mailbox_options(options.mailbox), std::move(key), hash_key_);
  } else if (delivery_.has_thread()) {
    subscription->mailbox = std::make_unique<RingMailbox>(mailbox_options(options.mailbox));
  }
  return subscription;
}

SubscriptionPtr Subscriptions::put(SubscriptionPtr subscription) {
  const std::scoped_lock lock(mutex_);
  SubscriptionPtr& place = by_address_[subscription->address];
  SubscriptionPtr replaced = std::exchange(place, std::move(subscription));
  version_.fetch_add(1, std::memory_order_release);
  return replaced;
}

SubscriptionPtr Subscriptions::remove(std::string_view topic) {
  const std::string address = topic_address(topic);
  const std::scoped_lock lock(mutex_);
  const auto found = by_address_.find(address);
  if (found == by_address_.end()) return nullptr;
  SubscriptionPtr removed = std::move(found->second);
  by_address_.erase(found);
  version_.fetch_add(1, std::memory_order_release);
  return removed;
}

void Subscriptions::end(Subscription& subscription) {
  if (subscription.mailbox) subscription.mailbox->discard_all();
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
    const SubscriptionPtr keep = current_;  // the handler may end it
    delivery_.run_handler([&] {
      if (keep->handler) keep->handler(to_message(mail, keep->address));
    });
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

void Subscriptions::refresh() {
  const std::uint64_t version = version_.load(std::memory_order_acquire);
  if (version == all_version_) return;
  std::vector<SubscriptionPtr> all;
  {
    const std::scoped_lock lock(mutex_);
    try {
      all.reserve(by_address_.size());
    } catch (const std::bad_alloc&) {
      return;  // the next call tries again
    }
    for (const auto& [address, subscription] : by_address_) {
      if (subscription->mailbox) all.push_back(subscription);
    }
  }
  all_.swap(all);
  all_version_ = version;
}

bool Subscriptions::handle_some() {
  refresh();
  bool any = false;
  for (const SubscriptionPtr& subscription : all_) any = handle_run(*subscription) || any;
  return any;
}

bool Subscriptions::handle_run(Subscription& subscription) {
  std::array<Mail, kRunMax> run;  // filled up to `count`
  const std::size_t count = subscription.mailbox->pop_run(run);
  if (count == 0) return false;
  for (const Mail& mail : std::span(run).first(count)) {
    delivery_.run_handler([&] {
      if (subscription.handler) subscription.handler(to_message(mail, subscription.address));
    });
  }
  subscription.mailbox->release_run(std::span(run).first(count));
  return true;
}

/// Asked on and on by a thread that looks for work: nodes without topics take no lock for it.
bool Subscriptions::has_work() const { return version_.load(std::memory_order_relaxed) != kUnused && waiting() > 0; }

std::size_t Subscriptions::waiting() const {
  std::size_t count = 0;
  const std::scoped_lock lock(mutex_);
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
    version_.fetch_add(1, std::memory_order_release);
  }
  for (const auto& [address, subscription] : ended) end(*subscription);
  current_.reset();
  all_.clear();
}

}  // namespace distflow::runtime
