// What can go wrong in a simulation, by kind; how often each is to strike, and how often it has.
//
// Values; one thread.
// A fault counts once it is felt: a partition when it holds something back, missing descriptors when one is refused.
// Use: FaultRates rates; rates[Fault::reset] = 0.001; ... counts[Fault::reset]
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace distflow::io::sim {

enum class Fault : std::uint8_t {
  // A chance at each occasion: drawn by the network and its processes.
  split,               ///< what was sent at once arrives in parts
  merged,              ///< what was sent is held back, and arrives with what is sent next
  delayed,             ///< a segment, and all behind it, comes late
  reset,               ///< a stream breaks, both ways
  half_close,          ///< one direction of a stream ends, the other goes on
  refused,             ///< a connect is refused though somebody listens
  slow_connect,        ///< a connect takes its time
  aborted_accept,      ///< a connection breaks before it is accepted
  short_send,          ///< a send takes a part, though there is room
  interrupted,         ///< a call ends with EINTR
  spurious_readiness,  ///< readiness is reported, and there is none
  spurious_wake,       ///< a wait ends as if woken
  no_memory,           ///< memory to share cannot be created, or not be opened
  late_event,          ///< an event comes for a descriptor that has been closed

  // Done to a process or a link by the driver of the simulation.
  no_descriptors,  ///< the process may open no more descriptors, for a while
  no_chunks,       ///< there is no chunk to receive into, for a while
  pause,           ///< the process stands still
  wall_jump,       ///< its wall clock jumps
  monotonic_jump,  ///< its monotonic clock jumps ahead
  partition,       ///< two processes cannot reach each other, for a while
  heal,            ///< what a partition held back may pass
  crash,           ///< a node is killed: the system ends its streams
  vanish,          ///< a node's machine is gone: nobody is notified
  restart,         ///< a node with the alias of one that was killed starts
  pmd_crash,       ///< the PMD is killed or gone
  pmd_end,         ///< the PMD is told to end
  pmd_restart,     ///< a PMD starts where one was
  reading_pause,   ///< a node's application takes no messages for a while

  // Done by a liar, which keeps the form of the protocol and none of its rules, or by an application in its handlers.
  lying_node,      ///< frames of any kind, in any order, in anybody's name, on connections between nodes
  false_answer,    ///< a question of a node's is answered wrongly, twice, late, or on another connection
  broken_ring,     ///< what shared memory says of a ring cannot be
  lying_client,    ///< requests to the PMD that an honest client would not make
  takeover,        ///< somebody registers the nodeId of a node that lives
  lying_pmd,       ///< a PMD answers wrongly, or what was not asked, and reports what did not happen
  busy_handler,    ///< a handler calls the node that it is called by
  end_in_handler,  ///< a handler begins the shutdown of its own node
  namesake,        ///< another node has a node's alias for a while, with a new PMD that the node is late for
};

inline constexpr std::array<std::string_view, 37> kFaultNames{
    "split",
    "merged",
    "delayed",
    "reset",
    "half-close",
    "refused",
    "slow-connect",
    "aborted-accept",
    "short-send",
    "interrupted",
    "spurious-readiness",
    "spurious-wake",
    "no-memory",
    "late-event",
    "no-descriptors",
    "no-chunks",
    "pause",
    "wall-jump",
    "monotonic-jump",
    "partition",
    "heal",
    "crash",
    "vanish",
    "restart",
    "pmd-crash",
    "pmd-end",
    "pmd-restart",
    "reading-pause",
    "lying-node",
    "false-answer",
    "broken-ring",
    "lying-client",
    "takeover",
    "lying-pmd",
    "busy-handler",
    "end-in-handler",
    "namesake",
};
inline constexpr std::size_t kFaultCount = kFaultNames.size();

[[nodiscard]] constexpr std::string_view to_string(Fault fault) { return kFaultNames[static_cast<std::size_t>(fault)]; }

/// The fault of that name, if there is one.
[[nodiscard]] constexpr std::optional<Fault> fault_of(std::string_view name) {
  for (std::size_t i = 0; i < kFaultCount; ++i) {
    if (kFaultNames[i] == name) return static_cast<Fault>(i);
  }
  return std::nullopt;
}

/// One value for each fault.
template <class T>
class PerFault {
 public:
  T& operator[](Fault fault) { return values_[static_cast<std::size_t>(fault)]; }
  const T& operator[](Fault fault) const { return values_[static_cast<std::size_t>(fault)]; }
  auto begin() const { return values_.begin(); }
  auto end() const { return values_.end(); }

 private:
  std::array<T, kFaultCount> values_{};
};

using FaultRates = PerFault<double>;
using FaultCounts = PerFault<std::uint64_t>;

}  // namespace distflow::io::sim
