// What NodeRuntime::wait_for() is given.
//
// A value; any thread.
// Use: node.wait_for("pong", {.deadline = 2s}, [](const Result<PeerInfo>& peer) { ... });
#pragma once

#include <chrono>

#include <distflow/stop_token.hpp>
#include <distflow/version.hpp>

namespace distflow {

/// How long something is waited for.
struct WaitOptions {
  /// From the call to the end, at most; a day at most.
  std::chrono::milliseconds deadline{5'000};
  /// Ends the wait when it is asked to stop, on any thread: Errc::canceled.
  StopToken stop{};
};

}  // namespace distflow
