// What was asked and what came of it, request by request: finds the one that ends twice, the reply that is another's,
// the request that has run and was said not to have, or has run more often than it may.
//
// One thread. A request's payload is its number; its reply is the number, too, as a string.
//   1. Each that was accepted ends once at most; at the end of a world, once.
//   2. What is said of one holds for ever: one that has surely not run when it ends does not run later.
// Use: const std::uint64_t number = ledger.begin(); ... ledger.note_handled(payload); ... fail(ledger.end(number,
// reply));
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <distflow/ask.hpp>

namespace distflow::test {

class AskLedger {
 public:
  /// The next request, which may be with so many nodes at once; its payload is the number.
  std::uint64_t begin(int nodes_max = 1) {
    asked_.push_back({.handled_max = nodes_max});
    return asked_.size() - 1;
  }
  /// It was not accepted.
  void forget(std::uint64_t number) { asked_[number].is_refused = true; }
  static std::string reply_of(std::string_view payload) { return '"' + std::string(payload) + '"'; }

  /// A handler has it; what is wrong with that, empty when nothing is.
  std::string note_handled(std::string_view payload) {
    const std::uint64_t number = number_of(payload);
    if (number >= asked_.size()) return {};  // a liar's
    Asked& asked = asked_[number];
    ++asked.handled;
    if (asked.is_refused) return which(number) + "was not accepted, and is handled";
    if (asked.handled > asked.handled_max) return which(number) + "is handled once too often";
    return has_lied(number);
  }
  /// It has ended; what is wrong with that.
  std::string end(std::uint64_t number, const Reply& reply) {
    Asked& asked = asked_[number];
    asked.has_surely_not_run = !reply.may_have_run;
    if (++asked.ended > 1) return which(number) + "ends twice";
    if (asked.is_refused) return which(number) + "was not accepted, and ends";
    if (reply && reply.payload != reply_of(std::to_string(number))) {
      return which(number) + "has another's reply: " + std::string(reply.payload);
    }
    if (reply && asked.handled == 0) return which(number) + "has a reply that nobody gave";
    return has_lied(number);
  }
  /// At the end of all nodes.
  [[nodiscard]] std::string unended() const {
    for (std::uint64_t number = 0; number < asked_.size(); ++number) {
      if (!asked_[number].is_refused && asked_[number].ended != 1) return which(number) + "does not end";
    }
    return {};
  }
  [[nodiscard]] std::uint64_t size() const { return asked_.size(); }

 private:
  struct Asked {
    int handled_max = 1;
    int handled = 0;
    int ended = 0;
    bool is_refused = false;
    bool has_surely_not_run = false;
  };

  static std::uint64_t number_of(std::string_view payload) {
    std::uint64_t number = payload.empty() ? UINT64_MAX : 0;
    for (const char digit : payload) {
      if (digit < '0' || digit > '9' || number > UINT32_MAX) return UINT64_MAX;
      number = number * 10 + static_cast<std::uint64_t>(digit - '0');
    }
    return number;
  }
  static std::string which(std::uint64_t number) { return "request " + std::to_string(number) + " "; }
  [[nodiscard]] std::string has_lied(std::uint64_t number) const {
    const Asked& asked = asked_[number];
    const bool is_lie = asked.has_surely_not_run && asked.handled > 0;
    return is_lie ? which(number) + "has run, and it is said that it has not" : std::string();
  }

  std::vector<Asked> asked_;
};

}  // namespace distflow::test
