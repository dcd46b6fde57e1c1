// Rows of messages through shared memory, beside another make that shares memory: Aeron's IPC.
//
// Pure functions; any thread.
#pragma once

#include "bench/director/rows.hpp"

namespace distflow::bench {

/// Round trips while both ends look without sleeping, and the tail of an open loop. Each row needs Aeron.
[[nodiscard]] Rows memory_rows(const Catalogue& catalogue);

}  // namespace distflow::bench
