// What a node answers when its PMD asks: its counters, those of its peers, and its dead letters, in parts that
// fit into a frame.
//
// Loop thread only: how a peer is sent to is read from its link.
//   1. A part is at most StatsPart::size_max bytes as a frame, or nothing.
//   2. Parts are answered kPartsPerSecondMax times a second; more are refused. Nothing is done when nobody asks.
//   3. Texts of messages are sent only if `may_show_messages` says yes, and messages are sent again only then. It is
//      asked for each part: another PMD may ask by then.
//   4. Peers keep their places from one part to the next; a peer that comes meanwhile is behind all others.
// Its form: docs/wire-protocol.md, "Stats of a node".
// Use: std::string text = introspection.tell(part, stats);
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "base/delegate.hpp"
#include "base/log.hpp"
#include "io/reactor.hpp"
#include "protocol/pmd_request.hpp"
#include "runtime/counters/dead_letters.hpp"
#include "runtime/counters/traffic.hpp"
#include "runtime/peers/directory.hpp"

namespace distflow::runtime {

class Introspection {
 public:
  static constexpr std::uint32_t kPartsPerSecondMax = 200;

  /// All must outlive it. Without `may_show_messages` none is reported.
  Introspection(io::Reactor& reactor, const TrafficTable& traffic, const Directory& directory, const Carriers& carriers,
                const DeadLetters& dead_letters, base::Delegate<bool()> may_show_messages = {})
      : reactor_(reactor),
        traffic_(traffic),
        directory_(directory),
        carriers_(carriers),
        dead_letters_(dead_letters),
        may_show_messages_(may_show_messages) {}

  /// A JSON object; empty when there is none to be had now. `stats` are the node's, without its peers. May throw
  /// std::bad_alloc.
  [[nodiscard]] std::string tell(const protocol::StatsPart& part, const NodeStats& stats);

  /// The same of the dead letters with a number above `part.after`; or {"refused":"why"}, as from the next one.
  [[nodiscard]] std::string tell_dead_letters(const protocol::StatsPart& part);
  /// Has them sent again, and reports what came of it.
  [[nodiscard]] std::string tell_redriven(base::Delegate<DeadLetters::Redriven()> redrive);

  /// The answer to a question of a later version.
  [[nodiscard]] std::string refuse_unknown();

  /// What became of the last answer. Only one that has been queued counts as told; one that has not counts as refused.
  void note_queued() { count_last(told_); }
  void note_unqueued() { count_last(refused_); }

  /// Any thread.
  [[nodiscard]] std::uint64_t told() const { return read(told_); }
  [[nodiscard]] std::uint64_t refused() const { return read(refused_); }

 private:
  enum class Content { counters, messages };

  template <class Write>
  [[nodiscard]] std::string within_the_rate(Content content, Write write);
  [[nodiscard]] std::string write(const protocol::StatsPart& part, const NodeStats& stats) const;
  void count_last(Counter& outcome) {
    if (std::exchange(is_uncounted_, false)) add_owned(outcome, 1);
  }

  io::Reactor& reactor_;
  const TrafficTable& traffic_;
  const Directory& directory_;
  const Carriers& carriers_;
  const DeadLetters& dead_letters_;
  const base::Delegate<bool()> may_show_messages_;
  base::RateLimit parts_limit_{kPartsPerSecondMax, base::seconds(1)};
  bool is_uncounted_ = false;  // the last answer; a refusal is counted at once
  Counter told_{0};
  Counter refused_{0};
};

}  // namespace distflow::runtime
