// A thread that does the same work each time it is told to, and nothing in between: its turns never meet the test's.
//
// Use: BurstingThread sender([&] { send_many(); }); sender.burst();
#pragma once

#include <barrier>
#include <functional>
#include <thread>
#include <utility>

namespace distflow::test {

class BurstingThread {
 public:
  explicit BurstingThread(std::function<void()> work)
      : thread_([this, work = std::move(work)] {
          for (meet(); !is_over_; meet()) {
            work();
            meet();
          }
        }) {}
  ~BurstingThread() {
    is_over_ = true;
    meet();
    thread_.join();
  }
  BurstingThread(const BurstingThread&) = delete;
  BurstingThread& operator=(const BurstingThread&) = delete;

  /// Has the work done once, and returns when it is.
  void burst() {
    meet();
    meet();
  }

 private:
  void meet() { meeting_.arrive_and_wait(); }

  std::barrier<> meeting_{2};
  bool is_over_ = false;  // passed on at a meeting
  std::thread thread_;
};

}  // namespace distflow::test
