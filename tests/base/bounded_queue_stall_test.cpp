// A call that stalls at any of its atomic operations, while others run to their end: every such schedule, tried one by
// one on one thread.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/bounded_queue.hpp"
#include "tests/base/stalling_atomics.hpp"

namespace distflow::base {
namespace {

using test::Stall;
using test::StallingAtomics;

constexpr std::uint32_t kMaxSize = 3;

/// A push of `size` messages, or a pop of as many.
struct Call {
  enum class Kind { push, pop } kind;
  std::size_t size;
};
constexpr std::array kCalls = {Call{Call::Kind::push, 1}, Call{Call::Kind::push, 3}, Call{Call::Kind::pop, 1},
                               Call{Call::Kind::pop, 4}};

/// A queue, and the record of what went in and came out of it.
class Record {
 public:
  Record() {
    // What a place held before shows when it is popped too early.
    for (int i = 0; i < 8; ++i) {
      make({Call::Kind::push, 1});
      make({Call::Kind::pop, 1});
    }
  }

  void make(Call call) {
    std::array<std::uint64_t, 4> items{};
    if (call.kind == Call::Kind::push) {
      for (std::size_t i = 0; i < call.size; ++i) items[i] = ++last_;
      const std::size_t taken = queue_.push_run(items.data(), call.size);
      accepted_.insert(accepted_.end(), items.begin(), items.begin() + static_cast<std::ptrdiff_t>(taken));
    } else {
      const std::size_t taken = queue_.pop_run(items.data(), call.size);
      popped_.insert(popped_.end(), items.begin(), items.begin() + static_cast<std::ptrdiff_t>(taken));
    }
    is_within_bound_ = is_within_bound_ && accepted_.size() <= popped_.size() + kMaxSize;
  }

  /// Whether all that was accepted, and nothing else, came out once, and never too much was inside.
  [[nodiscard]] bool is_sound() {
    make({Call::Kind::pop, 4});
    std::sort(accepted_.begin(), accepted_.end());
    std::sort(popped_.begin(), popped_.end());
    return accepted_ == popped_ && is_within_bound_ && queue_.size() == 0;
  }

 private:
  BoundedQueue<std::uint64_t, StallingAtomics> queue_{{.max_size = kMaxSize}};
  std::uint64_t last_ = 0;
  std::vector<std::uint64_t> accepted_;
  std::vector<std::uint64_t> popped_;
  bool is_within_bound_ = true;
};

std::string to_string(const std::vector<Call>& calls) {
  std::string text;
  for (const Call& call : calls) {
    text += (call.kind == Call::Kind::push ? " push " : " pop ") + std::to_string(call.size);
  }
  return text;
}

/// Stalls `stalling` in a queue of `waiting` at each of its operations, while `others` are made.
void stall_everywhere(std::size_t waiting, Call stalling, const std::vector<Call>& others) {
  bool has_stalled = true;
  for (int at = 0; has_stalled; ++at) {
    Record record;
    for (std::size_t i = 0; i < waiting; ++i) record.make({Call::Kind::push, 1});
    has_stalled = false;
    Stall::intrusion = [&] {
      has_stalled = true;
      for (const Call& other : others) record.make(other);
    };
    Stall::at = at;
    record.make(stalling);
    Stall::at = -1;
    ASSERT_TRUE(record.is_sound()) << waiting << " waiting," << to_string({stalling}) << " stalls at operation " << at
                                   << " during" << to_string(others);
  }
}

/// Calls `visit` with every sequence of `length` calls.
void for_each_sequence(std::size_t length, std::vector<Call>& calls,
                       const std::function<void(const std::vector<Call>&)>& visit) {
  if (calls.size() == length) return visit(calls);
  for (const Call& call : kCalls) {
    calls.push_back(call);
    for_each_sequence(length, calls, visit);
    calls.pop_back();
  }
}

TEST(BoundedQueueStall, wherever_a_call_stalls_the_others_lose_double_and_invent_nothing) {
  for (std::size_t length = 1; length <= 4; ++length) {
    std::vector<Call> calls;
    for_each_sequence(length, calls, [](const std::vector<Call>& others) {
      for (std::size_t waiting = 0; waiting <= kMaxSize; ++waiting) {
        for (const Call& stalling : kCalls) {
          stall_everywhere(waiting, stalling, others);
          if (::testing::Test::HasFatalFailure()) return;
        }
      }
    });
  }
}

}  // namespace
}  // namespace distflow::base
