// The last messages of a topic, kept by their publisher for who subscribes later.
//
// set_limits(), is_on(): any thread. All else: the loop's thread.
//   1. At most `count` messages are kept, of `bytes_max` bytes together with their frames. The oldest make room.
//   2. A message that cannot be kept, for it is larger or memory has run out, leaves none: what is older is not the
//      last any more.
//   3. Each is a copy in a chunk of its own, which is written again for a later one when nobody sends from it any more:
//      once there are as many as may be, keeping one allocates nothing.
//   4. Messages have numbers in their order, so that they may be gone through while others are kept.
// Use: retained.keep(run); ... for (auto number = retained.first(); number < retained.end(); ++number)
// send(retained.at(number));
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include <distflow/topic.hpp>

#include "base/chunk_pool.hpp"
#include "transport/out_buffer.hpp"

namespace distflow::runtime {

class Retained {
 public:
  Retained() = default;
  Retained(const Retained&) = delete;
  Retained& operator=(const Retained&) = delete;

  /// What is kept from the next message on; a count of 0 is the end of it.
  void set_limits(const RetainOptions& limits) {
    bytes_max_.store(limits.bytes_max, std::memory_order_relaxed);
    count_max_.store(limits.count, std::memory_order_release);
  }
  [[nodiscard]] bool is_on() const { return count_max_.load(std::memory_order_acquire) > 0; }
  /// Whether keep() has anything to do.
  [[nodiscard]] bool is_used() const { return is_on() || !ring_.empty(); }

  /// The last of these messages, or none any more. How many of them cannot be kept.
  std::size_t keep(const transport::EncodedRun& run);
  /// Lets go of all that is kept, if none is to be.
  void forget_if_off();

  using Number = std::uint64_t;
  [[nodiscard]] Number first() const { return first_; }
  [[nodiscard]] Number end() const { return end_; }
  [[nodiscard]] bool is_empty() const { return first_ == end_; }
  /// One message, with a lease of its own; an empty reference when it is not kept any more.
  struct Message {
    base::ChunkRef chunk;
    std::string_view bytes;
  };
  [[nodiscard]] Message at(Number number) const;
  /// Of all that is kept, with the frames.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  struct Kept {
    base::ChunkRef chunk;
    std::size_t size = 0;
  };

  [[nodiscard]] Kept& place_of(Number number) { return ring_[number % ring_.size()]; }
  bool keep_one(std::string_view frame, std::size_t count_max);
  void resize(std::size_t count_max);
  base::ChunkRef drop_first();
  void clear();

  std::atomic<std::size_t> count_max_{0};
  std::atomic<std::size_t> bytes_max_{0};
  std::vector<Kept> ring_;  // the message of a number is at its remainder
  Number first_ = 0;
  Number end_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace distflow::runtime
