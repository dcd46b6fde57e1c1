// The router: from a name and a message to a frame in a peer's link, or to a verdict that says why not.
//
// Loop thread only.
//   1. Messages of one thread to one name leave in the order of their sends, resolved or not.
//   2. What is not resolved is parked, within bounds, and the PMD is asked once for all that wait.
//   3. What other threads send has credit of its peer, or its place among the parked, before it comes here: there is
//      room for all of it.
//   4. A parked message is counted once it is no longer: under its peer, or as dropped for its reason.
//   5. A peer to which the application has sent a message by another name than its alias is marked as that
//      (Traffic::was_sent_by_id), before the message is queued. What is published, asked or answered goes to nodeIds,
//      and marks nobody. No message pays for that but the first to a name.
// Use: SendVerdict verdict = router.send(target, OutgoingMessage(json));
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <distflow/node_options.hpp>
#include <distflow/send.hpp>

#include "io/reactor.hpp"
#include "runtime/counters/dead_letters.hpp"
#include "runtime/counters/drop_log.hpp"
#include "runtime/counters/traffic.hpp"
#include "runtime/peers/directory.hpp"
#include "runtime/send/frame_writer.hpp"
#include "runtime/send/target_table.hpp"
#include "transport/out_buffer.hpp"

namespace distflow::runtime {

/// Asks the PMD for a name; the answer is given to Router::on_answer().
using Asker = std::function<void(const std::string& name)>;

/// All must outlive the router.
struct RouterParts {
  io::Reactor& reactor;
  Directory& directory;
  TargetTable& targets;
  TrafficTable& traffic;
  DropLog& drops;
  DeadLetters& dead_letters;
  transport::OutBuffer& out;
  const NodeOptions& options;
  Asker ask;
};

class Router {
 public:
  explicit Router(RouterParts parts);

  SendVerdict send(const TargetPtr& target, const OutgoingMessage& message);
  /// The same for what is no message of the application's: a request, the end of one, an answer.
  SendVerdict send_beside(const TargetPtr& target, const OutgoingMessage& message);
  /// The same for a reply, which has room of its own where the queue is full (SendCredit::take_reserved()).
  SendVerdict send_reply(const TargetPtr& target, const OutgoingMessage& message);
  /// The same for a word that ends a request: past the bounds of the queue (SendCredit::take_last()).
  SendVerdict send_past_bounds(const TargetPtr& target, const OutgoingMessage& message);
  /// A message that was accepted before, with the time when it was sent first. unresolved when its name leads nowhere:
  /// it is not parked, and nothing is logged. May throw std::bad_alloc.
  SendVerdict send_again(const TargetPtr& target, const OutgoingMessage& message, base::WallMs sent_at);
  /// To all that the topic is for: encoded once. `queued`, whether or not there are any; else too_large, out_of_memory
  /// or shut_down, and nothing was sent.
  SendVerdict publish(const TargetState& topic, const OutgoingMessage& message);
  /// Messages encoded elsewhere, when the target's version was `version`, which have that credit.
  void send_encoded(const TargetPtr& target, std::uint64_t version, const std::shared_ptr<SendCredit>& credit,
                    const transport::EncodedRun& run);
  /// How many messages of other threads this may be handed from now on in this turn: `messages_max`, and fewer with
  /// each that is published, by as many as get it. A reference to a member.
  [[nodiscard]] const std::uint64_t& begin_drain(std::uint64_t messages_max) { return drain_max_ = messages_max; }
  /// A message from a thread that found the target unresolved, with its place among the parked unless the name was
  /// known.
  void send_parked(const TargetPtr& target, ParkedMessage message);

  /// Sends a frame that has its credit, and gives that back if the link does not take it. May throw std::bad_alloc.
  static SendVerdict send_with_credit(Link& link, const transport::EncodedFrame& frame);

  /// The link that the name leads to; null while it leads nowhere. May throw std::bad_alloc.
  [[nodiscard]] Link* link_to(const TargetPtr& target) { return has_way(target) ? &target->way.link() : nullptr; }
  /// Has the PMD asked for a name that leads nowhere; false when it has just said that there is no such node, or the
  /// router is closed.
  [[nodiscard]] bool look_up(const TargetPtr& target);

  /// A place among what is parked for the name, for one of so many bytes that waits elsewhere; false when there is
  /// none.
  [[nodiscard]] bool take_place(const TargetPtr& target, std::size_t bytes) {
    return parts_.targets.parking().take(*target, bytes);
  }
  void leave_place(const TargetPtr& target, std::size_t bytes) { parts_.targets.parking().leave(*target, bytes); }

  /// `name` means that peer from now on; null: nobody.
  void on_binding(std::string_view name, Peer* peer);
  enum class Answer { found, not_found, failed };
  /// The PMD's answer; when found, the directory knows the peer already.
  void on_answer(const std::string& name, Answer answer);
  /// The registry was read again: names that still wait are asked for again.
  void on_snapshot();

  /// Drops what is parked, counted as shutdown; returns how many. From now on nothing is parked.
  std::uint64_t discard();
  /// Counts messages that other threads submitted too late.
  void note_discarded(std::uint64_t count);
  [[nodiscard]] std::size_t parked_count() const { return parked_count_; }
  /// Where answers are counted that were parked, until their asker is known, and then dropped. Must outlive the router.
  void count_lost_answers_in(Counter& answers_lost) { answers_lost_ = &answers_lost; }

 private:
  bool has_route(const TargetPtr& target) { return target->route || finds_route(target); }
  bool has_way(const TargetPtr& target) { return target->way || finds_way(target); }
  [[gnu::noinline]] bool finds_route(const TargetPtr& target);
  [[gnu::noinline]] bool finds_way(const TargetPtr& target);
  [[gnu::noinline]] SendVerdict send_unresolved(const TargetPtr& target, const OutgoingMessage& message);
  SendVerdict send_where_full(const TargetPtr& target, const OutgoingMessage& message, bool is_past_bounds);
  SendVerdict send_along(Route route, const OutgoingMessage& message, std::string_view suffix);
  SendVerdict send_through(transport::OutBuffer& out, Link& link, const OutgoingMessage& message,
                           std::string_view suffix);
  SendVerdict send_accepted(const TargetState& target, const ParkedMessage& message);
  SendVerdict write(const Link& link, const OutgoingMessage& message, base::WallMs timestamp,
                    transport::EncodedFrame& frame);
  Traffic& traffic_of(const TargetState& target);
  void hand_out_encoded(const TargetState& topic, SendCredit& credit, const transport::EncodedRun& run);
  void send_one_by_one(const TargetPtr& target, std::uint64_t version, const std::shared_ptr<SendCredit>& credit,
                       const transport::EncodedRun& run);
  SendVerdict park(const TargetPtr& target, ParkedMessage& message);
  void flush_parked(const TargetPtr& target);
  std::uint64_t drop_parked(const TargetPtr& target, Counter SendCounters::*reason);
  SendVerdict refuse(TargetState& target, NoPeer why);
  void ask_for(TargetState& target);
  void bind(const TargetPtr& target, Peer* peer);
  void open_route(TargetState& target);
  void note_name_of_messages(const TargetState& target);
  void keep_newest(const TargetState& target, Counter SendCounters::*reason);
  void keep_parked(const TargetState& target, Counter SendCounters::*reason, const ParkedMessage& message);
  void forget_parked(const TargetPtr& target, std::size_t count);
  void note_if_answer(const ParkedMessage& dropped);
  [[nodiscard]] std::vector<TargetPtr> waiting() const;
  void on_patrol();

  RouterParts parts_;
  Counter* answers_lost_ = nullptr;
  EnvelopeSuffix suffix_;
  std::map<std::string_view, TargetPtr>
      waiting_;  // those with parked messages, by name: in an order that is the same in each run
  bool is_closed_ = false;
  std::size_t parked_count_ = 0;
  std::uint64_t drain_max_ = 0;
  base::Timer patrol_timer_;  // drops what has waited too long
};

}  // namespace distflow::runtime
