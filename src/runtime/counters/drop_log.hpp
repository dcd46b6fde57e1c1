// Logs which messages are dropped: for each peer or name and each reason one warning, at the first drop.
//
// Loop thread only.
//   1. Traffic reports the drops of a peer's messages here, as it counts them. Messages to a name that leads to no peer
//      are reported where they are dropped.
//   2. Bits in the Traffic, or beside the name, remember what has been logged: they have the bounds of those, and need
//      no memory of their own. Peers that share counters share the lines.
//   3. Drops after the first are logged at level debug. There are at most kWarningsMax warnings in kInterval, and
//      kDebugLinesMax debug lines; the next line has the number of those that were left out.
//   4. Messages that a shutdown discards are not logged here: NodeHost sums them up in one line.
//   5. A level that is off costs a comparison or two. Memory is allocated only for the text of an error; without any,
//      the line has no such text.
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

/// Why a name led to no peer.
enum class NoPeer : std::uint8_t {
  unknown,     ///< the PMD knows no such node
  unanswered,  ///< the PMD has not answered within connect_deadline
  too_many,    ///< the messages that may wait for the PMD's answer are at their bound
  left,        ///< the node that had the name has left
  no_place,    ///< of a subscriber: there are targets_max other names
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
  /// `count` published messages to that peer, for which its queue had no room.
  void tell_no_room(Traffic& peer, std::uint64_t count) noexcept;
  /// `count` messages of that peer, which had come.
  void tell_received(Traffic& peer, Counter PeerCounters::*reason, std::uint64_t count) noexcept;
  /// `count` messages to that name. `told` is kept for the name: 0 at first.
  void tell_unresolved(std::string_view name, std::uint16_t& told, NoPeer why, std::uint64_t count) noexcept;

  /// From now on discarded messages are not logged here.
  void begin_shutdown() { is_shutting_down_ = true; }

 private:
  /// The reason as a bit of `told`, and in words.
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
