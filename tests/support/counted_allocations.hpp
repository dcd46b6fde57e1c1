// How often this process has asked for memory with `new`, on any of its threads.
//
// Any thread. Link counted_allocations.cpp, which replaces the operators, into a program of its own.
// Use: const std::size_t before = allocation_count(); work(); EXPECT_EQ(allocation_count(), before);
#pragma once

#include <cstddef>

namespace distflow::test {

[[nodiscard]] std::size_t allocation_count();

}  // namespace distflow::test
