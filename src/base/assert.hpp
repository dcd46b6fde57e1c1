// DF_ASSERT(condition): a broken invariant of our own stops the process, in every build.
//
// Never for what comes from outside (bytes, peers, kernels): those give errors.
#pragma once

namespace distflow::base {

/// Prints "<file>:<line>: invariant broken: <condition>" to the standard error and aborts.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line) noexcept;

}  // namespace distflow::base

#define DF_ASSERT(condition)                         \
  (__builtin_expect(static_cast<bool>(condition), 1) \
       ? static_cast<void>(0)                        \
       : ::distflow::base::assertion_failed(#condition, __FILE__, __LINE__))
