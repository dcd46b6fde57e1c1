// One reading of a node's peers, which the node reports part after part: which part is next, and when there is no more.
//
// A value; loop thread only. It asks nobody: its owner does, and gives it what came.
//   1. A part is wanted, then asked for, then taken. Only the answer to its own question is awaited.
//   2. A reading has kPartsMax parts, and wants none later than kTimeMax after it asked for the first one.
//   3. A part is due kPause after the one before has come: a node that answers at once would be read without an end to
//      the work.
// Use: reading.begin(); ... if (reading.is_due(now)) reading.on_asked(relay.ask_inside(...), now); ...
//      if (reading.awaits(answer.question)) outcome = reading.on_part({.next = told.next, .has_room = true}, now);
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.hpp"

namespace distflow::pmd {

class PeersReading {
 public:
  static constexpr base::Duration kTimeMax = base::seconds(5);
  static constexpr base::Duration kPause = base::milliseconds(10);  // for kPartsMax parts, about half of kTimeMax
  static constexpr std::size_t kPartsMax = 256;

  struct Part {
    std::uint64_t next;  ///< where the next part begins, as the node says; 0: there is none
    bool has_room;       ///< whether all of the part could be kept
  };
  enum class Outcome : std::uint8_t {
    next_part,  ///< it wants another one
    whole,      ///< it has ended, and no peer is missing
    cut,        ///< it has ended, and there are more peers
  };

  /// With the first part.
  void begin() { *this = PeersReading(Step::wanted); }
  void on_asked(std::uint64_t question, base::Instant now) {
    if (parts_ == 0) until_ = now + kTimeMax;
    question_ = question;
    step_ = Step::asked;
  }
  Outcome on_part(const Part& part, base::Instant now) {
    ++parts_;
    const bool is_last = !part.has_room || parts_ == kPartsMax || now >= until_;
    const bool has_more = part.next > after_;  // and not one that it sent already, or a node would be asked for ever
    step_ = has_more && !is_last ? Step::wanted : Step::none;
    if (step_ == Step::none) return !part.has_room || part.next > 0 ? Outcome::cut : Outcome::whole;
    after_ = part.next;
    due_ = now + kPause;
    return Outcome::next_part;
  }
  /// What is still to come is not awaited any more.
  void end() { step_ = Step::none; }

  [[nodiscard]] bool is_under_way() const { return step_ != Step::none; }
  [[nodiscard]] bool wants_part() const { return step_ == Step::wanted; }
  /// When the part that is wanted may be asked for; in the past for the first one.
  [[nodiscard]] base::Instant due() const { return due_; }
  [[nodiscard]] bool is_due(base::Instant now) const { return wants_part() && now >= due_; }
  [[nodiscard]] bool is_asked() const { return step_ == Step::asked; }
  [[nodiscard]] bool awaits(std::uint64_t question) const { return is_asked() && question == question_; }
  /// The part that is wanted or asked for.
  [[nodiscard]] std::uint64_t after() const { return after_; }

  PeersReading() = default;

 private:
  enum class Step : std::uint8_t { none, wanted, asked };

  explicit PeersReading(Step step) : step_(step) {}

  Step step_ = Step::none;
  std::size_t parts_ = 0;  // that have come
  std::uint64_t after_ = 0;
  std::uint64_t question_ = 0;  // the last one
  base::Instant until_;
  base::Instant due_ = base::Instant::min();
};

}  // namespace distflow::pmd
