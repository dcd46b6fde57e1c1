// In the steady state the inline path allocates nothing per message, neither to send nor to receive.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "tests/support/cluster.hpp"

namespace {

std::size_t allocations = 0;

void* counted(std::size_t size, std::size_t alignment) {
  ++allocations;
  void* memory = nullptr;
  if (::posix_memalign(&memory, std::max(alignment, sizeof(void*)), size) != 0) throw std::bad_alloc();
  return memory;
}

}  // namespace

void* operator new(std::size_t size) { return counted(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return counted(size, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return counted(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace distflow::test {
namespace {

class Allocations : public ::testing::Test {
 protected:
  Allocations() {
    pong_->delivery().set_message_handler([this](const Message& message) {
      ++handled_;
      payload_bytes_ += message.payload.size();
    });
    static_cast<void>(cluster_.turn_until([this] { return ping_->directory().list().size() == 1; }));
  }

  /// Sends `count` messages, `per_turn` at a time, and turns until they are handled.
  void exchange(std::size_t count, std::size_t per_turn, const std::string& payload) {
    const std::size_t end = handled_ + count;
    for (std::size_t sent = 0; sent < count; ++sent) {
      ping_.send("pong", payload);
      if (sent % per_turn == per_turn - 1) cluster_.reactor().turn(base::Instant::min());
    }
    ASSERT_TRUE(cluster_.turn_until([&] { return handled_ == end; }));
  }

  void expect_none_in_steady_state(std::size_t per_turn, const std::string& payload) {
    exchange(20'000, per_turn, payload);
    const std::size_t before = allocations;
    exchange(20'000, per_turn, payload);
    EXPECT_EQ(allocations, before);
  }

  Cluster cluster_;
  TestNode& ping_ = cluster_.add_node({.alias = "ping"});
  TestNode& pong_ = cluster_.add_node({.alias = "pong"});
  std::size_t handled_ = 0;
  std::size_t payload_bytes_ = 0;
};

TEST_F(Allocations, are_none_per_message_in_runs) {
  expect_none_in_steady_state(64, '"' + std::string(126, 'x') + '"');
}

TEST_F(Allocations, are_none_per_message_one_by_one) {
  expect_none_in_steady_state(1, '"' + std::string(126, 'x') + '"');
}

TEST_F(Allocations, are_none_for_payloads_of_a_kilobyte) {
  expect_none_in_steady_state(64, '"' + std::string(1022, 'x') + '"');
}

TEST_F(Allocations, are_counted_by_this_test_at_all) {
  const std::size_t before = allocations;
  const auto made = std::make_unique<int>(1);
  EXPECT_EQ(allocations, before + static_cast<std::size_t>(*made));
}

}  // namespace
}  // namespace distflow::test
