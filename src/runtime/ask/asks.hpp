// The requests that a node has made, from their begin to their end, and the answers that it gives.
//
//     free ─▶ resolving ─▶ sent ─▶ ended: a reply, an error word, peer_left, deadline, ... ─▶ called back ─▶ free
//                  └──────────────────▲
//
// Loop thread only, except call_back() and has_ended(), which the thread has that handlers run on.
//   1. A request ends once, by its deadline at the latest, and its callback is called once, where handlers run; never
//      from inside ask(). A direct one is called back at once, on the loop's thread.
//   2. A reply ends a request only if it has its id, is of the node that was asked, and came on a connection that is
//      that node's as far as this one can know: one that this node has opened to it; one that it has opened, and is
//      believed to have; else any, where nobody else of this user may say so, for an id cannot be guessed.
//   3. may_have_run is false only for a request that was never handed over, was dropped before that, or was answered
//      with a word that means so.
//   4. Nothing is sent to a node without the cap (protocol::kAskCap).
//   5. In the steady state nothing allocates: slots, and the texts in them, are used again.
//   6. ask() has taken nothing when it throws std::bad_alloc.
// Use: SendVerdict verdict = asks.ask(plan, target, json);   // by AskWay
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <distflow/ask.hpp>
#include <distflow/node_options.hpp>

#include "base/chunk_pool.hpp"
#include "base/intrusive_list.hpp"
#include "base/log.hpp"
#include "base/random.hpp"
#include "base/string_map.hpp"
#include "base/timer_wheel.hpp"
#include "io/reactor.hpp"
#include "runtime/ask/ask_id.hpp"
#include "runtime/ask/ask_way.hpp"
#include "runtime/ask/retry_budget.hpp"
#include "runtime/peers/directory.hpp"
#include "runtime/receive/ask_hooks.hpp"
#include "runtime/receive/delivery.hpp"
#include "runtime/send/router.hpp"

namespace distflow::runtime {

/// All must outlive the Asks.
struct AsksParts {
  io::Reactor& reactor;
  Directory& directory;
  Router& router;
  Delivery& delivery;
  base::Random& random;
  std::uint32_t asks_per_peer_max;
  std::size_t reply_bytes_max;  ///< of replies that wait for the second thread; a single larger one is taken
};

class Asks {
 public:
  Asks(AsksParts parts, std::shared_ptr<AskWay> way);
  ~Asks();
  Asks(const Asks&) = delete;
  Asks& operator=(const Asks&) = delete;

  /// Begins a request. Takes nothing with a verdict that is not under way, nor when it throws: nothing of the
  /// application's runs then.
  SendVerdict ask(const QuestionPlan& plan, const TargetPtr& target, std::string_view json);
  /// The same for one whose verdict was given on another thread; from then on `question` is empty.
  void take(Question& question, std::string_view json);
  void cancel(std::uint64_t id);

  /// Sends an answer of this node's.
  SendVerdict reply(const Addressee& asker, std::string_view json);
  SendVerdict refuse(const Addressee& asker, protocol::AskWord word);
  /// An accepted answer cannot be sent: sends `failed`, past the asker's credit, as it was accepted against the
  /// bound of the inbox.
  void tell_of_loss(const Addressee& asker);

  // What comes about.
  void on_reply(const IncomingReply& reply);
  [[nodiscard]] bool is_opener(const Carrier& carrier, std::string_view node_id) const;
  /// `name` leads somewhere else now.
  void on_binding(std::string_view name);
  /// There is no node of that name.
  void on_unknown(std::string_view name);
  /// The registry was read anew.
  void on_snapshot();
  void on_peer_left(std::string_view node_id);
  void on_dropped(Link& link, const DroppedMessages& dropped, Counter SendCounters::*reason);
  /// What has waited for a connection leaves: requests with what is left of their time, and not those that have ended.
  void on_leaving(const Link& link, std::span<const io::Piece> frames);

  /// Ends all of them. From now on nothing is asked, and once the answers that were accepted before are sent, nothing
  /// is answered.
  void begin_shutdown();
  /// Calls back for what is left, on this thread. When no handler runs any more, and none will.
  void finish();

  bool call_back();
  /// Any thread. relaxed: who has ended something wakes the other thread, which then sees it (base/sleep_flag.hpp).
  [[nodiscard]] bool has_ended() const { return has_ended_.load(std::memory_order_relaxed); }

 private:
  struct Group;
  struct Slot;
  using Slots = base::IntrusiveList<Slot, Slot>;
  using Groups = base::StringMap<std::unique_ptr<Group>>;
  static constexpr std::size_t kSlotsPerBlock = 64;
  static constexpr std::size_t kRecentMax = 16;
  static constexpr std::uint32_t kStrangersMax = 500;      // answers in a second to nodes that are not known yet
  static constexpr std::uint32_t kPastBoundsMax = 10'000;  // words in a second that go past the bounds of full queues

  Slot* take_slot();
  void free_slot(Slot& slot);
  void give_back(Slot& slot, ReplyCallback& callback);
  [[nodiscard]] Slot* holder_of(AskId id);
  [[nodiscard]] Slot* find(AskId id);
  [[nodiscard]] base::Instant now_of(const Slot& slot) const;
  SendVerdict begin(Slot& slot, std::string_view json);
  SendVerdict wait_for_name(Slot& slot, std::string_view json);
  [[nodiscard]] bool take_place(Slot& slot);
  void leave_place(Slot& slot);
  void end_unresolved(Slot& slot, std::string_view json);
  SendVerdict send(Slot& slot, Link& link, std::string_view json);
  void begin_again(Group& group);
  static Group& group_of(Groups& groups, std::string_view name);
  Group& group_of(const Link& link);
  void join(Slot& slot, Group& group);
  void leave_group(Slot& slot);
  void forget_group(Group& group, bool was_resolving);
  void set_due(Slot& slot, base::Instant due);
  void on_timer(Slot& slot);
  void on_deadline(Slot& slot);

  struct End {
    AskError error = AskError::none;
    bool may_have_run = false;
    SendVerdict verdict = SendVerdict::queued;
  };
  // Attempts: asks_retrying.cpp.
  [[nodiscard]] base::Duration pause_before_retry(const Slot& slot);
  void prepare_retries(Slot& slot, std::string_view json);
  [[nodiscard]] bool rests_after(Slot& slot, const End& how);
  void send_again(Slot& slot);
  void choose_anew(Slot& slot);
  void renew_id(Slot& slot, const Link& link);

  // Backups: asks_backing.cpp.
  [[nodiscard]] static bool awaits_backup(const Slot& slot);
  void set_first_due(Slot& slot);
  void send_backup(Slot& slot);
  static void prepare_backup(Slot& backup, const Slot& first, const TargetPtr& target);
  [[nodiscard]] bool is_left_to_twin(Slot& slot, const End& how);
  void drop_twin(Slot& slot, AskError why);
  static Slot& separate(Slot& slot);
  static void hand_over(Slot& from, Slot& to);
  void forget(Slot& slot);

  [[nodiscard]] bool leads_to_asked(const Slot& slot);
  void say_cancelled(const TargetPtr& target, std::uint64_t id);
  void end(Slot& slot, const End& how);
  void end_group(Groups& groups, std::string_view name, const End& how);
  void end_all(Group& group, const End& how);
  void close_slot(Slot& slot, const End& how);
  void put_off(Slot& slot);
  [[nodiscard]] bool keep_payload(Slot& slot, const IncomingReply& reply);
  void call_back_for(Slot& slot);
  [[nodiscard]] bool is_believed(const IncomingReply& reply) const;
  enum class Answer : std::uint8_t { reply, word };
  [[nodiscard]] bool may_be_sent_to(const Addressee& asker, const TargetPtr& target, Answer answer);
  [[nodiscard]] const TargetPtr* whom_to_answer(const Addressee& asker, TargetPtr& held);
  void call_back_later() { static_cast<void>(call_back()); }

  const AsksParts parts_;
  const std::shared_ptr<AskWay> way_;
  bool is_closing_ = false;         // nothing is asked any more
  bool has_ended_answers_ = false;  // nothing is answered any more
  std::vector<std::unique_ptr<Slot[]>> blocks_;
  std::uint32_t slot_count_ = 0;  // made so far
  AskGenerations generations_;
  Slots free_;                                // the first one was used last: the processor's caches have it
  Groups resolving_;                          // by the name that was asked
  Groups asked_;                              // by nodeId
  std::array<Group*, kRecentMax> recent_{};   // some of those in asked_, or null: group_of(link)
  std::vector<std::unique_ptr<Group>> left_;  // of nodes that have left a moment ago, whose replies may still come
  std::unique_ptr<Group> resting_;            // until their next attempt
  RetryBudget retries_;
  io::DeferredTask call_back_;
  base::RateLimit stranger_limit_{kStrangersMax, base::seconds(1)};
  base::RateLimit past_bounds_limit_{kPastBoundsMax, base::seconds(1)};

  std::atomic<std::size_t> kept_bytes_{0};  // of replies, until they have been called back for

  std::mutex mutex_;
  Slots ended_;                         // to be called back for
  std::atomic<bool> has_ended_{false};  // there are some: written under the lock
  Slots returned_;                      // free again
};

}  // namespace distflow::runtime
