// SubmissionQueue<T>: what any thread hands to the loop's thread. FIFO for each producer.
//
// push(): any thread; lock-free with a producer of the thread's own, else under a lock among those without. pop(): one
// thread.
//   1. At most `max_size` items, counted exactly; push() refuses past that.
//   2. A push that fails for lack of memory harms none after it. The queue's implicit producers do not keep this: one
//      that was made while memory was short refuses for ever (concurrentqueue.h, insert_block_index_entry()).
// Use: if (!queue.push(std::move(item))) count_refusal();
#pragma once

#include <concurrentqueue.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <new>
#include <utility>

namespace distflow::base {

/// What became of a push, or of what leads to one. An item that was not taken is lost unless its owner does something
/// about it.
class [[nodiscard]] Pushed {
 public:
  enum class Outcome : std::uint8_t { taken, full, out_of_memory };

  constexpr Pushed(Outcome outcome) : outcome_(outcome) {}  // NOLINT(google-explicit-constructor): to return one
  /// Whether the item was taken.
  explicit operator bool() const { return outcome_ == Outcome::taken; }
  [[nodiscard]] bool lacks_memory() const { return outcome_ == Outcome::out_of_memory; }

 private:
  Outcome outcome_;
};

template <class T>
class SubmissionQueue {
 public:
  /// A way into the queue, for one thread at a time. The queue must outlive it. May throw std::bad_alloc.
  class Producer {
   public:
    explicit Producer(SubmissionQueue& queue) : token_(queue.queue_) {
      if (!token_.valid()) throw std::bad_alloc();
    }

   private:
    friend class SubmissionQueue;
    moodycamel::ProducerToken token_;
  };

  explicit SubmissionQueue(std::size_t max_size) : max_size_(max_size) {}

  /// `item` is untouched when the queue is full or memory is exhausted.
  Pushed push(Producer& producer, T&& item) {
    const bool is_full = size_.fetch_add(1, std::memory_order_relaxed) >= max_size_;
    if (!is_full && queue_.enqueue(producer.token_, std::move(item))) return Pushed::Outcome::taken;
    size_.fetch_sub(1, std::memory_order_relaxed);
    return is_full ? Pushed::Outcome::full : Pushed::Outcome::out_of_memory;
  }
  Pushed push(T&& item) {
    const std::scoped_lock lock(mutex_);
    return push(shared_, std::move(item));
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
  std::mutex mutex_;
  Producer shared_{*this};  // under the lock
};

}  // namespace distflow::base
