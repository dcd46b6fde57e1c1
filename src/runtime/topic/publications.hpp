// What this node publishes: each message is encoded once, and handed to the queue of each subscriber.
//
//     publish() ── on the loop's thread ──▶ encode ──────────────────────────┐
//               └─ on another: encode in its lane ──▶ the loop drains it ────┴──▶ hand_out() ──▶ each subscriber's link
//
// of(): any thread. All else: the loop's thread.
//   1. A topic is a target whose frames go to many: TargetState::hand_out. Its credit bounds what other threads have
//      published and the loop has not handed out.
//   2. Who subscribes is what the registry says when a message is handed out: the members of the topic's group.
//   3. Each copy is counted under its peer: accepted, and then as written or dropped, as any message. One that finds
//      its subscriber's queue full is counted as dropped_queue_full there. A subscriber beyond targets_max has no
//      queue: its copies are counted as dropped_unresolved of no peer, and its name is looked up again every
//      kLookInterval.
//   4. All copies share the frame's chunk: none is copied, and nothing is allocated for one.
//   5. At most `topics_max` topics are kept. Those that nobody uses are forgotten where one more topic or group needs
//      their place, except those that retain messages. A topic that nobody publishes to holds no name of a node that
//      has left it.
//   6. What a topic retains is sent to each subscriber that comes later, once, before any newer message. Where its
//      queue has no room for all of it, the newest of it are.
//   7. A turn's end welcomes newcomers with about kWelcomeMessages messages of kWelcomeBytes bytes, one of them at
//      least; so do the messages that the turn hands out. The others are put off: they get no message before their
//      welcome, and in it what is retained by then. One that finds no memory or no place is tried again every
//      kLookInterval.
//   8. A message is handed out to all in one turn. Each copy of what other threads publish counts as a message of
//      those that a turn takes from them (Submissions).
// Use: TargetPtr prices = publications.of("prices", for_each_node); router.send(prices, OutgoingMessage(json));
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/string_map.hpp"
#include "base/time.hpp"
#include "base/timer_wheel.hpp"
#include "io/reactor.hpp"
#include "runtime/counters/drop_log.hpp"
#include "runtime/counters/traffic.hpp"
#include "runtime/group/group_table.hpp"
#include "runtime/group/own_groups.hpp"
#include "runtime/send/router.hpp"
#include "runtime/send/target_table.hpp"
#include "runtime/topic/retained.hpp"

namespace distflow::runtime {

/// All must outlive the publications.
struct PublicationsParts {
  io::Reactor& reactor;
  Router& router;
  GroupTable& groups;
  TargetTable& targets;
  TrafficTable& traffic;
  DropLog& drops;
  std::string node_id;
  std::size_t topics_max;
  transport::SendLimits credit_limits;  ///< of what other threads have published
};

/// Written by the loop's thread, read by any.
struct PublicationCounters {
  Counter published{0};        ///< messages that were handed out, to some or none
  Counter copies{0};           ///< of these, one for each subscriber
  Counter retained_copies{0};  ///< among the copies: of retained messages, to subscribers that came later
  Counter not_retained{0};     ///< messages that could not be retained: too large, or no memory
};

class Publications {
 public:
  explicit Publications(PublicationsParts parts);
  ~Publications();
  Publications(const Publications&) = delete;
  Publications& operator=(const Publications&) = delete;

  /// What messages to that topic are sent to; null for a name that no topic can have, and beyond topics_max.
  /// `for_each_node` as for GroupTable::of(). May throw std::bad_alloc. Any thread.
  template <class ForEachNode>
  TargetPtr of(std::string_view topic, ForEachNode&& for_each_node) {
    const std::scoped_lock lock(mutex_);
    if (const auto found = by_name_.find(topic); found != by_name_.end()) return found->second->target;
    const std::string address = address_of(topic);
    if (topic.empty() || !OwnGroups::is_name(address)) return nullptr;
    if (by_name_.size() >= parts_.topics_max && !forget_idle_locked()) return nullptr;
    GroupStatePtr group = parts_.groups.of(address, for_each_node);
    if (group == nullptr && forget_idle_locked()) group = parts_.groups.of(address, for_each_node);
    return group == nullptr ? nullptr : make(topic, std::move(group));
  }
  /// What that topic retains from now on; false where of() gives none. May throw std::bad_alloc. Any thread.
  template <class ForEachNode>
  bool retain(std::string_view topic, const RetainOptions& limits, ForEachNode&& for_each_node) {
    const TargetPtr target = of(topic, for_each_node);  // held, it is not forgotten
    if (target == nullptr) return false;
    const std::scoped_lock lock(mutex_);
    by_name_.find(topic)->second->retained.set_limits(limits);
    return true;
  }
  /// Forgets the topics that have nothing under way, and lets go of their groups; false when there are none. Any
  /// thread.
  bool forget_idle() {
    const std::scoped_lock lock(mutex_);
    return forget_idle_locked();
  }

  [[nodiscard]] const PublicationCounters& counters() const { return counters_; }

  /// What is wrong between two turns; null when nothing is. For the simulator and tests.
  [[nodiscard]] const char* broken_invariant();

 private:
  struct Subscriber {
    GroupMemberPtr member;
    TargetPtr target;  // null while the member is put off; and beyond targets_max: its copies are lost

    [[nodiscard]] bool is_put_off() const { return member != nullptr && member->is_put_off; }
  };
  /// How much more newcomers may be sent before the next turn's end.
  struct Welcomes {
    std::int64_t messages;
    std::int64_t bytes;
  };

  static constexpr base::Duration kLookInterval = base::milliseconds(100);
  static constexpr std::int64_t kWelcomeMessages = 1024;
  static constexpr std::int64_t kWelcomeBytes = std::int64_t{1} << 20;

  struct Topic {
    Topic(Publications& owner, GroupStatePtr members_of);
    ~Topic();
    Topic(const Topic&) = delete;
    Topic& operator=(const Topic&) = delete;
    std::size_t hand_out(const transport::EncodedRun& run) { return publications.hand_out(*this, run); }
    void on_joined() noexcept;
    void on_left(std::size_t place, std::size_t last) noexcept;

    Publications& publications;
    const GroupStatePtr group;
    TargetPtr target;
    // Loop thread.
    std::uint64_t version = 0;            // of the group, that `subscribers` are of
    std::vector<Subscriber> subscribers;  // those of the group's first members, each at the member's place; or empty
    base::Instant look_again_at = base::kNever;  // for the names that had no place
    bool is_handing_out = false;
    bool has_lost_any = false;   // meanwhile
    std::uint16_t told = 0;      // of the drop log
    bool has_newcomers = false;  // for welcome_all()
    bool has_waiting = false;    // newcomers without memory or a place, for welcome_waiting()
    std::size_t put_off = 0;     // of the subscribers
    Retained retained;
  };

  static std::string address_of(std::string_view topic);
  TargetPtr make(std::string_view topic, GroupStatePtr group);
  std::size_t hand_out(Topic& topic, const transport::EncodedRun& run);
  [[nodiscard]] bool is_outdated(const Topic& topic) const;
  void refresh(Topic& topic);
  void catch_up(Topic& topic);
  [[nodiscard]] bool may_welcome() const { return welcomes_left_.messages > 0 && welcomes_left_.bytes > 0; }
  void welcome_some(Topic& topic);
  static void set_put_off(Topic& topic, GroupMember& member, bool is_put_off);
  bool welcome(Topic& topic, Subscriber& subscriber, bool& has_place);
  void send_retained(Topic& topic, const Subscriber& subscriber, const TargetPtr& target);
  void wait_to_welcome(Topic& topic);
  static void forget_those_who_left(Topic& topic);
  static Retained::Number first_with_room(const Retained& retained, const Link& link);
  void welcome_all();
  void welcome_waiting();
  std::size_t send_copies(Topic& topic, std::size_t first, const transport::EncodedRun& run);
  void send_without_memory(Topic& topic, const Subscriber& subscriber, const transport::EncodedRun& run);
  [[gnu::noinline]] void send_what_fits(Link& link, const transport::EncodedRun& run);
  SendVerdict send_one(Link& link, const transport::EncodedRun& frame);
  static SendVerdict send_before_those_who_wait(Link& link, const transport::EncodedRun& frame);
  static void lose(Link& link, SendVerdict why);
  void lose_without_link(Topic& topic, const Subscriber& subscriber, std::uint32_t count);
  [[gnu::noinline]] void pass_over_or_lose(Topic& topic, const Subscriber& subscriber, std::uint32_t count);
  bool forget_idle_locked();

  const PublicationsParts parts_;
  std::mutex mutex_;
  base::StringMap<std::unique_ptr<Topic>> by_name_;
  PublicationCounters counters_;
  Welcomes welcomes_left_{kWelcomeMessages, kWelcomeBytes};
  io::DeferredTask welcome_;
  base::Timer welcome_timer_;
};

}  // namespace distflow::runtime
