// The topics that this node subscribes to: from received messages to their handlers.
//
//     inlined, caller:  loop thread ──▶ handler        with conflate_by: ──▶ mailbox ── at the turn's end ──▶ handler
//     dispatcher:       loop thread ──▶ mailbox of the topic ──▶ second thread: handle_some() ──▶ handler
//
// Any thread, except what is marked.
//   1. A topic has one subscription at most; a later one replaces it, and what waited for the old one is dropped. Its
//      handler is not called any more: on the thread that handlers run on, from then on.
//   2. A mailbox of a topic never blocks the connection that fills it.
//   3. Each message is counted for its sender as any other: received = handled + waiting + conflated + dropped.
//   4. Handlers are destroyed where handlers run, when none runs. No lock is held while one runs.
//   5. Messages of one sender to one topic are handled in the order in which they came.
//   6. Once a subscription is there, nothing about it needs memory: not its messages, not its end.
// Use: auto replaced = subscriptions.put(subscriptions.make("prices", handler, options));
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include <distflow/topic.hpp>

#include "base/log.hpp"
#include "base/sip_hash.hpp"
#include "base/string_map.hpp"
#include "io/reactor.hpp"
#include "protocol/pmd_node.hpp"
#include "runtime/receive/delivery.hpp"
#include "runtime/receive/mailbox.hpp"
#include "runtime/receive/topic_hooks.hpp"

namespace distflow::runtime {

/// What messages to that topic are addressed to: the name of the group of its subscribers.
[[nodiscard]] std::string topic_address(std::string_view topic);

/// One topic that this node subscribes to.
struct Subscription {
  std::string address;                      // topic_address(), for its life
  std::unique_ptr<Mailbox> mailbox;         // null: messages are handled as they come
  std::size_t run_max = 0;                  // messages taken out of it at once
  MessageHandler handler;                   // touched where handlers run; empty once it has ended
  std::atomic<bool> is_over{false};         // no handler is begun any more
  std::shared_ptr<Subscription> next_over;  // of those that are to end, under the mutex
};
using SubscriptionPtr = std::shared_ptr<Subscription>;

class Subscriptions {
 public:
  /// `delivery` must outlive this.
  Subscriptions(io::Reactor& reactor, Delivery& delivery);
  ~Subscriptions();
  Subscriptions(const Subscriptions&) = delete;
  Subscriptions& operator=(const Subscriptions&) = delete;

  /// May throw std::bad_alloc, as put().
  [[nodiscard]] SubscriptionPtr make(std::string_view topic, MessageHandler handler, const SubscribeOptions& options);
  /// From now on its messages are taken. Returns the one that it replaces, for end_later(); null: none.
  [[nodiscard]] SubscriptionPtr put(SubscriptionPtr subscription);
  /// From now on messages to that address are for others. Returns the subscription, for end_later(); null: none.
  [[nodiscard]] SubscriptionPtr remove(std::string_view address) noexcept;
  /// Has end() called by end_some(), with null, too. Needs no memory.
  void end_later(SubscriptionPtr subscription) noexcept;
  /// Drops what waits, and destroys the handler. Where handlers run, when none runs and the loop's thread does not take
  /// messages for it any more.
  static void end(Subscription& subscription, Mailbox::Reason reason = &PeerCounters::dropped_unsubscribed);
  /// Ends what end_later() was given, or has the second thread do so. Loop thread, outside of handlers.
  void end_some();

  /// For what reads messages. Loop thread.
  [[nodiscard]] const TopicHooks& hooks() const { return hooks_; }

  /// Handles messages that wait, some of each topic; false when there were none. The second thread.
  bool handle_some();
  /// Whether handle_some() may find any. The second thread.
  [[nodiscard]] bool has_work() const;
  /// Messages that wait for a handler.
  [[nodiscard]] std::size_t waiting() const;

  /// What is wrong between two turns; null when nothing is. For the simulator and tests.
  [[nodiscard]] const char* broken_invariant() const;

  /// Ends all. Only when no handler runs.
  void finish();

 private:
  static constexpr std::size_t kRunMax = 16;

  [[nodiscard]] bool may_handle(const Subscription& subscription) const {
    return !subscription.is_over.load(std::memory_order_acquire) && !delivery_.is_stopping();
  }
  void end_list(SubscriptionPtr Subscriptions::*list) noexcept;
  static void append(SubscriptionPtr& list, SubscriptionPtr added) noexcept;
  static std::size_t waiting_in(const SubscriptionPtr& list);

  bool accept(std::string_view to);
  void take(const Mail& mail);
  void drain();
  bool handle_run(Subscription& subscription);
  void refresh() noexcept;

  io::Reactor& reactor_;
  Delivery& delivery_;
  base::SipKey hash_key_{};
  TopicHooks hooks_;

  mutable std::mutex mutex_;
  base::StringMap<SubscriptionPtr> by_address_;
  static constexpr std::uint64_t kUnused = 1;
  std::atomic<std::uint64_t> version_{kUnused};  // of the above; rises after it has changed

  // Those that are to end: first until the loop's thread has seen that they are over, then for who runs handlers.
  SubscriptionPtr over_;
  SubscriptionPtr to_end_;
  std::atomic<bool> has_over_{false};
  std::atomic<bool> has_to_end_{false};

  // Loop thread.
  SubscriptionPtr current_;  // that of the last message; most come in runs
  std::uint64_t current_version_ = 0;
  io::DeferredTask drain_;  // without a second thread: handles what waits

  // Where handlers run.
  std::array<SubscriptionPtr, protocol::kGroupCountMax> all_;  // those with a mailbox
  std::size_t all_count_ = 0;
  std::uint64_t all_version_ = kUnused;
};

}  // namespace distflow::runtime
