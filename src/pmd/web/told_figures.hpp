// Reads what a node reports on itself (docs/wire-protocol.md, "Stats of a node"), for the page.
//
// Pure functions; any thread. Nodes are not trusted:
//   1. What is missing, or no whole number of 0 or more, is zero.
//   2. Of the reasons for drops, kReasonsMax are named, by names of kReasonSizeMax letters, digits and "_". All count.
// Use: if (const auto told = read_figures(stats)) ...
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace distflow::pmd {

inline constexpr std::size_t kReasonsMax = 32;
inline constexpr std::size_t kReasonSizeMax = 48;

/// Messages to others and from others, by what became of them. Sums of what nodes report are modulo 2^64.
struct ToldTraffic {
  std::uint64_t accepted = 0;
  std::uint64_t written = 0;
  std::uint64_t not_sent = 0;  ///< drops at the sender
  std::string not_sent_json;   ///< by reason, without those of 0: {"mailbox":3}
  std::uint64_t received = 0;
  std::uint64_t handled = 0;
  std::uint64_t conflated = 0;
  std::uint64_t dropped = 0;  ///< drops at the receiver
  std::string dropped_json;
};

struct ToldFigures {
  std::uint64_t at_us = 0;  ///< by a clock of the node's machine that only goes forward
  std::uint64_t queued = 0;
  std::uint64_t mailbox = 0;
  ToldTraffic traffic;
  std::string_view latency;  ///< raw JSON; empty: not reported
  std::string_view peers;    ///< the same, an array
  std::uint64_t next = 0;    ///< the `after` of the next part; 0: there is none
};

/// `stats` is JSON. Nothing when it is not what nodes report. Slices point into it.
[[nodiscard]] std::optional<ToldFigures> read_figures(std::string_view stats);

/// The objects of these names.
[[nodiscard]] ToldTraffic read_traffic(std::string_view sent, std::string_view received);

/// A count, from JSON.
[[nodiscard]] std::uint64_t read_count(std::string_view json);

/// In nanoseconds; nothing where nothing was timed.
struct ToldTimes {
  std::optional<std::uint64_t> wait;     ///< how long messages waited for their handler
  std::optional<std::uint64_t> handler;  ///< how long handlers took
};

/// Since the node began: `{"wait":{"p50Ns":1,"p90Ns":2,"p99Ns":3,"p999Ns":4},"handler":{...}}`, without those of which
/// nothing was timed.
[[nodiscard]] std::string latency_json(std::string_view latency);

/// The times that 99 of 100 messages did not exceed since `before`, an earlier `latency` of the node or empty.
[[nodiscard]] ToldTimes p99_since(std::string_view before, std::string_view latency);

}  // namespace distflow::pmd
