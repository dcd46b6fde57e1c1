// A contest: blocks of all contestants of a row in turn, round after round, so that what disturbs one disturbs all.
//
// One thread, the director's. All contestants run from the first round to the last, and are quiet outside their blocks.
//
// 1. Each round has one block of each contestant, and a second one of the first. The order turns by one place a round.
// 2. A lost block leaves its round without a value. Its contestant is started anew; after kLossesMax losses in a row it
//    takes no further part.
//
// Use: const Row row = hold_contest(plan, {.rounds = 10}, std::cerr);
#pragma once

#include <cstddef>
#include <iosfwd>

#include "bench/director/row.hpp"

namespace distflow::bench {

struct ContestOptions {
  std::size_t rounds = 10;
};

inline constexpr std::size_t kLossesMax = 3;
/// What the second block of the first contestant is compared as.
inline constexpr const char* kItself = "itself";

/// `log` is told what fails, and why.
[[nodiscard]] Row hold_contest(const RowPlan& plan, const ContestOptions& options, std::ostream& log);

}  // namespace distflow::bench
