// Messages that were accepted and then dropped: the newest of them, to look at and to send again.
//
// Loop thread only, except count_into().
//   1. Messages to one node are kept. Requests and replies are not: who asked is told. Published messages are not: they
//      are for those that subscribe at the time. Nor is what a shutdown drops: nobody can look at it.
//   2. At most `letters_max` letters with at most `bytes_max` bytes of text and names. The oldest make room.
//   3. Nothing is done for a message that is not dropped. Of a run, those that would not stay are not looked at.
//   4. Nothing throws. A letter for which there is no memory is counted as not kept.
//   5. A letter is for whom its sender named. Where that is not known, because messages were sent to the peer by its
//      nodeId, too, it is for that process alone. The member of a group is sent to by its nodeId.
//   6. A letter has a number, which rises from letter to letter, and is never used twice.
// Use: dead_letters.add({.node_id = id, .reason = &SendCounters::dropped_peer_left, .text = payload});
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <set>
#include <string>
#include <string_view>

#include <distflow/stats.hpp>

#include "base/time.hpp"
#include "io/reactor.hpp"
#include "runtime/counters/drop_log.hpp"
#include "runtime/counters/traffic.hpp"

namespace distflow::runtime {

struct DeadLetter {
  std::uint64_t number = 0;
  base::WallMs at = 0;       ///< when it was dropped
  base::WallMs sent_at = 0;  ///< when it was sent
  std::string to;            ///< whom it is sent to again: the name that it was sent to, or the nodeId
  bool is_to_id = false;     ///< `to` is a nodeId, and means no other node that may have it for an alias
  std::string node_id;       ///< of the peer that it was for; empty: no peer was found
  std::string_view reason;   ///< the name of the counter, without "dropped_"
  std::string text;          ///< JSON

  [[nodiscard]] std::size_t size() const { return to.size() + node_id.size() + text.size(); }
};

/// A message that is dropped. Views that outlive the call.
struct Undelivered {
  std::string_view name{};     ///< that it was sent to; empty: not known
  std::string_view node_id{};  ///< of its peer; empty: no peer was found
  bool is_to_id = false;       ///< without a name: it may have been sent to the nodeId
  Counter SendCounters::*reason;
  std::string_view text;  ///< JSON
  base::WallMs sent_at = 0;
};

class DeadLetters {
 public:
  struct Limits {
    std::size_t letters_max = 0;
    std::size_t bytes_max = 0;
  };

  /// Both must outlive it; `names` need not exist yet.
  DeadLetters(io::Reactor& reactor, const NodeNames& names, Limits limits)
      : reactor_(reactor), names_(names), limits_(limits) {}

  /// Whether messages that are dropped for that reason are kept.
  [[nodiscard]] bool keeps(Counter SendCounters::*reason) const {
    return limits_.letters_max > 0 && limits_.bytes_max > 0 && reason != &SendCounters::dropped_shutdown;
  }
  /// Of one run no more than these stay.
  [[nodiscard]] std::size_t letters_max() const { return limits_.letters_max; }
  /// Of one letter no more bytes.
  [[nodiscard]] std::size_t bytes_max() const { return limits_.bytes_max; }

  void add(const Undelivered& message) noexcept;
  /// The body of a frame to that peer, and the name that it was sent to, where that is known. What is no message to
  /// keep is passed over.
  void add_frame(const Traffic& peer, Counter SendCounters::*reason, std::string_view body,
                 std::string_view name = {}) noexcept;
  /// So many messages for which newer ones of the same run leave no room.
  void note_displaced(std::uint64_t count) { add_owned(displaced_, count); }
  /// One that is larger than all the room, or for which there is no memory.
  void note_not_kept() { add_owned(not_kept_, 1); }

  /// The oldest first.
  [[nodiscard]] const std::list<DeadLetter>& letters() const { return letters_; }

  struct Redriven {
    std::uint64_t sent = 0;
    std::uint64_t kept = 0;
  };
  /// Calls `send(letter)` at most once for each letter there is now, the oldest first. One for which it returns true
  /// is taken off. One for which it does not, or throws std::bad_alloc, stays, and with it all behind it to the same
  /// name: they are to come in their order. What is dropped meanwhile stays.
  template <class Send>
  Redriven redrive(Send&& send);

  /// Fills in the counters of letters. Any thread.
  void count_into(NodeStats& stats) const;

 private:
  void make_room(std::size_t letters, std::size_t bytes) noexcept;
  void note_size() noexcept;

  io::Reactor& reactor_;
  const NodeNames& names_;
  const Limits limits_;
  std::list<DeadLetter> letters_;  // no memory while there are none
  std::size_t bytes_ = 0;
  std::uint64_t last_number_ = 0;
  Counter count_now_{0};
  Counter bytes_now_{0};
  Counter displaced_{0};
  Counter not_kept_{0};
  Counter redriven_{0};
};

template <class Send>
DeadLetters::Redriven DeadLetters::redrive(Send&& send) {
  // What is sent may be dropped inside the call: it comes behind these, and is not sent again now.
  const std::uint64_t last = last_number_;
  Redriven outcome;
  std::list<DeadLetter> letter;  // one, while it is sent
  std::list<DeadLetter> kept;
  std::set<std::string_view> held_up;  // the names of those that are kept
  bool is_all_held_up = false;         // there is no memory for one more name
  while (!letters_.empty() && letters_.front().number <= last) {
    bytes_ -= letters_.front().size();
    letter.splice(letter.begin(), letters_, letters_.begin());
    bool is_sent = false;
    const bool is_held_up = is_all_held_up || held_up.contains(letter.front().to);
    if (!is_held_up && !reactor_.has_memory_for([&] { is_sent = send(letter.front()); })) is_sent = false;
    if (is_sent) {
      letter.clear();
      ++outcome.sent;
      continue;
    }
    if (!is_held_up) is_all_held_up = !reactor_.has_memory_for([&] { held_up.insert(letter.front().to); });
    kept.splice(kept.end(), letter);
  }
  outcome.kept = kept.size();
  for (const DeadLetter& one : kept) bytes_ += one.size();
  letters_.splice(letters_.begin(), kept);
  make_room(0, 0);
  note_size();
  add_owned(redriven_, outcome.sent);
  return outcome;
}

}  // namespace distflow::runtime
