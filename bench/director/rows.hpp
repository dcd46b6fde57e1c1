// Which rows each command runs, with which targets.
//
// Pure functions; any thread.
// Use: for (const RowPlan& plan : target_rows(catalogue, block)) hold_contest(plan, ...);
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/director/catalogue.hpp"

namespace distflow::bench {

/// What the commands that measure one mode are asked.
struct RowOptions {
  NodeMode mode{};
  std::vector<std::uint64_t> payloads{128};
  std::uint64_t rate = 0;  ///< messages a second of an open loop; 0: a closed one
  std::size_t sources = 1;
  std::size_t sinks = 1;
};

using Rows = std::vector<RowPlan>;

[[nodiscard]] Rows latency_rows(const Catalogue& catalogue, const RowOptions& options);
[[nodiscard]] Rows throughput_rows(const Catalogue& catalogue, const RowOptions& options);
/// Echoes to 1, 10, ... 10,000 connections, or to those of `counts`.
[[nodiscard]] Rows connection_rows(const Catalogue& catalogue, const NodeMode& mode,
                                   const std::vector<std::uint64_t>& counts);
/// epoll against io_uring.
[[nodiscard]] Rows backend_rows(const Catalogue& catalogue);

/// One way and round trips with everyone who takes part: every row that has a target against a limit or a peer.
[[nodiscard]] Rows message_rows(const Catalogue& catalogue);

/// What is left of `rows` with these others beside ours. Rows without any of them go.
[[nodiscard]] Rows against(Side side, Rows rows);

/// "128 B", "16 KiB".
[[nodiscard]] std::string to_size(std::uint64_t bytes);

}  // namespace distflow::bench
