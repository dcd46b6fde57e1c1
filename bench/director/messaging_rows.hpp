// The rows of requests, topics and groups: distflow beside what others have for the same.
//
// Pure functions of the catalogue; any thread.
#pragma once

#include "bench/director/catalogue.hpp"
#include "bench/director/rows.hpp"

namespace distflow::bench {

/// Requests one after the other and many at once; topics with few and many subscribers.
Rows messaging_rows(const Catalogue& catalogue);
/// What it takes to choose a member of a group.
Rows pick_rows(const Catalogue& catalogue);

}  // namespace distflow::bench
