// Rows of distflow's parts by themselves: the PMD, a node's start, mailbox and codec, the machine's wakes.
//
// Pure functions; any thread.
// Use: for (const RowPlan& plan : pmd_rows(catalogue)) hold_contest(plan, ...);
#pragma once

#include "bench/director/rows.hpp"

namespace distflow::bench {

/// Look-ups beside epmd's; what a PMD does otherwise; both with 100 to 100,000 entries.
[[nodiscard]] Rows pmd_rows(const Catalogue& catalogue);
/// A node's start where no PMD runs.
[[nodiscard]] Rows start_rows(const Catalogue& catalogue);
/// Messages through the mailbox, and envelopes read, beside what libraries offer for it.
[[nodiscard]] Rows mailbox_rows(const Catalogue& catalogue);
/// What it costs to wake a thread on this machine.
[[nodiscard]] Rows wake_rows(const Catalogue& catalogue);

}  // namespace distflow::bench
