// What the snapshots and events of a watch mean: which to report, which a snapshot contains, which one was missed.
//
// Pure; one thread. Our PMD numbers events (`rev`) and answers watch with all nodes as of such a number. A TypeScript
// PMD does neither: it is asked for a list after the watch, and what it reported in between is merged into that.
//   1. Between begin() and complete() events are held, at most kHeldMax of them.
//   2. After complete(), an event is reported once, in order; one that the snapshot contains already is not reported.
// Use: watch.begin(); ... watch.take(event) == Verdict::tell ... nodes = watch.complete(std::move(nodes), rev);
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "protocol/pmd_reply.hpp"

namespace distflow::pmd {

class ClientWatch {
 public:
  enum class Verdict {
    tell,      ///< It is news.
    pass,      ///< It is held, or old, or nobody watches.
    overflow,  ///< There is no more room for what is held.
    missed,    ///< At least one before it is missing: a new snapshot is needed.
  };
  static constexpr std::size_t kHeldMax = 65'536;

  /// A snapshot is asked for: from now on events are held.
  void begin();
  /// The snapshot has come: `nodes`, and what was held on top of them.
  std::vector<protocol::NodeInfo> complete(std::vector<protocol::NodeInfo> nodes,
                                           std::optional<std::uint64_t> revision);
  /// `event` is a join or a leave.
  Verdict take(const protocol::Event& event);
  /// The session is lost.
  void end();

 private:
  enum class State { off, awaiting, live };
  State state_ = State::off;
  std::optional<std::uint64_t> revision_;  // as of what was reported last; none with a PMD that does not number
  std::vector<protocol::Event> held_;
};

}  // namespace distflow::pmd
