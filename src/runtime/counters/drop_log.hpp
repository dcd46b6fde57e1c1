// Says in the log which messages are dropped: of each peer or name and each reason the first ones, as one warning.
//
// Loop thread only.
//   1. Whoever drops messages of a peer counts them in its Traffic, which tells of them here. Whoever drops messages to
//      a name that leads to no peer tells of them himself.
//   2. What has been told is remembered in the Traffic and in what is kept for the name: it has their bounds and
//      takes no memory of its own. Peers that are counted together are told of together.
//   3. What comes after the first is told at level debug. Warnings are at most kWarningsMax in kInterval, debug lines
//      kDebugLinesMax; how many were left out is said as soon as one is written again.
//   4. What a shutdown discards is not told here: NodeHost sums it up in one line.
//   5. Writes nothing and costs a comparison or two where the level excludes it. Allocates only for the text of an
//      error, and does without where there is no memory.
// Use: traffic.note_dropped(&SendCounters::dropped_peer_left, 3);   // counts, and calls tell_sent()
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include <distflow/error.hpp>

#include "base/log.hpp"
#include "io/reactor.hpp"
#include "runtime/counters/counters.hpp"

namespace distflow::runtime {

struct SendCounters;
struct Traffic;

/// Why messages to a name were dropped that leads to no peer.
enum class NoPeer : std::uint8_t {
  unknown,     ///< the PMD knows no such node
  unanswered,  ///< the PMD has not said so within connect_deadline
  too_many,    ///< as many as may wait for the PMD's answer do
  left,        ///< the node that had the name has left
};

/// Where a peer was looked for, and why that failed.
struct Attempt {
  std::string_view host;
  std::uint16_t port = 0;
  Error why;
};

/// The names that a line needs. Loop thread only.
class NodeNames {
 public:
  /// The alias of that node, also of one that has left and is still sent to; empty when there is none.
  [[nodiscard]] virtual std::string_view alias_on_loop(std::string_view node_id) const = 0;
  /// Fills `names` with aliases, or nodeIds, of the other nodes, and returns how many other nodes there are.
  virtual std::size_t first_names(std::span<std::string_view> names) const = 0;

 protected:
  ~NodeNames() = default;
};

class DropLog {
 public:
  static constexpr std::uint32_t kWarningsMax = 20;
  static constexpr std::uint32_t kDebugLinesMax = 100;
  static constexpr base::Duration kInterval = base::seconds(10);

  /// All must outlive the DropLog; `names` need not exist yet.
  DropLog(const base::Log& log, const io::Reactor& reactor, const NodeNames& names)
      : log_(log), reactor_(reactor), names_(names) {}

  /// `count` messages to that peer. `attempt`: of dropped_unreachable.
  void tell_sent(Traffic& peer, Counter SendCounters::*reason, std::uint64_t count, const Attempt* attempt) noexcept;
  /// `count` messages of that peer, which had come.
  void tell_received(Traffic& peer, Counter PeerCounters::*reason, std::uint64_t count) noexcept;
  /// `count` messages to that name. `told` is kept for the name: 0 at first.
  void tell_unresolved(std::string_view name, std::uint16_t& told, NoPeer why, std::uint64_t count) noexcept;

  /// From now on what a shutdown discards is left to the one line of the shutdown.
  void begin_shutdown() { is_shutting_down_ = true; }

 private:
  /// The reason as a bit of what has been told, and in words.
  struct Reason {
    std::uint16_t bit;
    const char* text;
    const char* counter;  ///< in NodeStats
  };
  [[nodiscard]] static Reason reason_of(Counter SendCounters::*counter);
  [[nodiscard]] static Reason reason_of(Counter PeerCounters::*counter);
  [[nodiscard]] static Reason reason_of(NoPeer why);

  bool admits(std::uint16_t& told, std::uint16_t bit, base::LogLevel& level);
  void write(base::LogLevel level, std::uint64_t count, const char* direction, const Traffic& peer,
             const Reason& reason, const char* detail) const;

  const base::Log& log_;
  const io::Reactor& reactor_;
  const NodeNames& names_;
  base::RateLimit warnings_{kWarningsMax, kInterval};
  base::RateLimit debug_lines_{kDebugLinesMax, kInterval};
  bool is_shutting_down_ = false;
};

}  // namespace distflow::runtime
