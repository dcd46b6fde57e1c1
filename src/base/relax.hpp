// What a loop does between two looks at memory that another processor is to write.
//
// Any thread. Costs some tens of nanoseconds at most.
// Use: while (!is_there()) relax_processor();
#pragma once

#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#endif

namespace distflow::base {

/// Leaves the processor's units to the other thread of its core, where there is one, and does not flood it with reads
/// that are undone when the memory changes.
inline void relax_processor() {
#if defined(__x86_64__) || defined(__i386__)
  _mm_pause();
#elif defined(__aarch64__) || defined(__arm__)
  asm volatile("yield");
#endif
}

}  // namespace distflow::base
