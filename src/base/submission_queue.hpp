// SubmissionQueue<T>: what any thread hands to the loop's thread. Lock-free; FIFO for each submitting thread.
//
// push(): any thread. pop(): one thread.
//   1. At most `max_size` items, counted exactly; push() refuses past that.
// Use: if (!queue.push(std::move(item))) count_refusal();
#pragma once

#include <concurrentqueue.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace distflow::base {

template <class T>
class SubmissionQueue {
 public:
  explicit SubmissionQueue(std::size_t max_size) : max_size_(max_size) {}

  /// False, and `item` untouched, when the queue is full or memory is exhausted.
  bool push(T&& item) {
    if (size_.fetch_add(1, std::memory_order_relaxed) >= max_size_ || !queue_.enqueue(std::move(item))) {
      size_.fetch_sub(1, std::memory_order_relaxed);
      return false;
    }
    return true;
  }

  bool pop(T& out) {
    if (!queue_.try_dequeue(out)) return false;
    size_.fetch_sub(1, std::memory_order_relaxed);
    return true;
  }

  [[nodiscard]] std::size_t size() const { return size_.load(std::memory_order_relaxed); }

 private:
  const std::size_t max_size_;
  moodycamel::ConcurrentQueue<T> queue_;
  std::atomic<std::size_t> size_{0};
};

}  // namespace distflow::base
