// Makes threads fail to start, as a system does at its limit, in a program that links failing_threads.cpp.
//
// Any thread; one at a time.
// Use: { ThreadsLeft none(0); EXPECT_FALSE(start()); }
#pragma once

namespace distflow::test {

class ThreadsLeft {
 public:
  /// So many more can be started, by whichever thread; for others pthread_create() gives EAGAIN.
  explicit ThreadsLeft(int count);
  ~ThreadsLeft();
  ThreadsLeft(const ThreadsLeft&) = delete;
  ThreadsLeft& operator=(const ThreadsLeft&) = delete;
};

}  // namespace distflow::test
