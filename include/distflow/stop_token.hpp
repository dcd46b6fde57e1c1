// StopToken: std::stop_token, where the standard library has it.
//
// A value; any thread.
// Use: std::stop_source stop; AskOptions options{.stop = stop.get_token()};
#pragma once

#include <version>
#ifdef __cpp_lib_jthread
#include <stop_token>
#endif

#include <distflow/version.hpp>

namespace distflow {

#ifdef __cpp_lib_jthread
/// Ends a request or a wait early, on any thread.
using StopToken = std::stop_token;
#else
/// The standard library has no std::stop_token (libc++ before 20, unless it is asked for): nothing ends a request or a
/// wait early.
struct StopToken {
  /// Whether something may be ended by it: never.
  [[nodiscard]] bool stop_possible() const noexcept { return false; }
};
#endif

}  // namespace distflow
