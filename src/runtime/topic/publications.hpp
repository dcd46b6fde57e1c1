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
//      their place, but for those that retain messages. A topic that nobody publishes to holds no name of a node that
//      has left it.
//   6. What a topic retains is sent to each subscriber that comes later, once, before any newer message. Where its
//   queue
//      has no room for all of it, the newest of it are.
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
  ~Publications() { welcome_.unlink(); }
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
    TargetPtr target;  // null beyond targets_max: its copies are lost
  };

  static constexpr base::Duration kLookInterval = base::milliseconds(100);

  struct Topic {
    Topic(Publications& owner, GroupStatePtr members_of);
    ~Topic();
    Topic(const Topic&) = delete;
    Topic& operator=(const Topic&) = delete;
    void hand_out(const transport::EncodedRun& run) { publications.hand_out(*this, run); }
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
    std::uint64_t welcomed = 0;  // the number of the last subscriber that has had what is retained, or had to have none
    Retained retained;
  };

  static std::string address_of(std::string_view topic);
  TargetPtr make(std::string_view topic, GroupStatePtr group);
  void hand_out(Topic& topic, const transport::EncodedRun& run);
  void refresh(Topic& topic);
  void catch_up(Topic& topic);
  void send_retained(Topic& topic, const Subscriber& subscriber);
  static Retained::Number first_with_room(const Retained& retained, const Link& link);
  void welcome_all();
  std::size_t send_copies(Topic& topic, std::size_t first, const transport::EncodedRun& run);
  void send_without_memory(Topic& topic, const Subscriber& subscriber, const transport::EncodedRun& run);
  [[gnu::noinline]] void send_what_fits(Link& link, const transport::EncodedRun& run);
  SendVerdict send_one(Link& link, const transport::EncodedRun& frame);
  static SendVerdict send_before_those_who_wait(Link& link, const transport::EncodedRun& frame);
  static void lose(Link& link, SendVerdict why);
  void lose_without_link(Topic& topic, const Subscriber& subscriber, std::uint32_t count);
  bool forget_idle_locked();

  const PublicationsParts parts_;
  std::mutex mutex_;
  base::StringMap<std::unique_ptr<Topic>> by_name_;
  PublicationCounters counters_;
  io::DeferredTask welcome_;
};

}  // namespace distflow::runtime
