// SIGINT and SIGTERM as an order to end cleanly, for a command that runs until it is told to.
//
// Made before any other thread is started: those inherit that both signals are blocked, and so none is interrupted.
//   1. `on_end` is called once at most, on a thread of its own.
//   2. A second signal ends the process as if nobody caught it: a command that hangs in a write can be ended, too.
// Use: EndSignals signals([&] { reactor.stop(); });
#pragma once

#include <atomic>
#include <functional>
#include <semaphore>
#include <thread>

namespace distflow::cli {

class EndSignals {
 public:
  explicit EndSignals(std::function<void()> on_end);
  EndSignals(const EndSignals&) = delete;
  EndSignals& operator=(const EndSignals&) = delete;
  ~EndSignals();

 private:
  void wait();

  const std::function<void()> on_end_;
  std::atomic<bool> is_over_{false};
  std::binary_semaphore over_{0};
  std::thread thread_;
};

}  // namespace distflow::cli
