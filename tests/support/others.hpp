// A PMD and other nodes on a thread of their own, whose allocations are spared (failing_allocations.hpp).
//
// As OtherNodes.
#pragma once

#include "tests/support/failing_allocations.hpp"
#include "tests/support/other_nodes.hpp"

namespace distflow::test {

using Others = OtherNodes<Sparing>;

}  // namespace distflow::test
