#include "base/bounded_queue.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <deque>
#include <numeric>
#include <thread>
#include <vector>

#include "base/random.hpp"
#include "tests/base/seed.hpp"

namespace distflow::base {
namespace {

using Numbers = std::vector<std::uint64_t>;

Numbers numbers(std::uint64_t first, std::size_t count) {
  Numbers result(count);
  std::iota(result.begin(), result.end(), first);
  return result;
}

Numbers popped(BoundedQueue<std::uint64_t>& queue, std::size_t max) {
  Numbers out(max);
  out.resize(queue.pop_run(out.data(), max));
  return out;
}

/// Both sides for one thread, both for several.
class BoundedQueues : public ::testing::TestWithParam<Sharing> {
 protected:
  static BoundedQueueOptions options(std::uint32_t max_size) {
    return {.max_size = max_size, .producers = GetParam(), .poppers = GetParam()};
  }
};

INSTANTIATE_TEST_SUITE_P(Sharing, BoundedQueues, ::testing::Values(Sharing::one, Sharing::several),
                         [](const auto& tested) { return tested.param == Sharing::one ? "one" : "several"; });

TEST_P(BoundedQueues, takes_exactly_as_many_as_its_bound) {
  for (const std::uint32_t max_size : {1U, 2U, 3U, 7U, 8U, 9U, 1000U}) {
    BoundedQueue<std::uint64_t> queue(options(max_size));
    const Numbers items = numbers(0, max_size + 1);
    EXPECT_EQ(queue.push_run(items.data(), items.size()), max_size);
    EXPECT_EQ(queue.size(), max_size);
    EXPECT_EQ(queue.push_run(items.data(), 1), 0U);
    EXPECT_EQ(popped(queue, 1), Numbers{0});
    EXPECT_EQ(queue.push_run(items.data() + max_size, 1), 1U);
    EXPECT_EQ(queue.push_run(items.data(), 1), 0U);
    EXPECT_EQ(popped(queue, max_size + 1), numbers(1, max_size));
    EXPECT_EQ(queue.size(), 0U);
    EXPECT_EQ(popped(queue, 1), Numbers{});
  }
}

TEST_P(BoundedQueues, tells_a_producer_of_every_size_beyond_what_it_knew) {
  const test::Seed seed;
  SCOPED_TRACE(seed.replay());
  Random random(seed.value());
  for (const std::uint32_t max_size : {1U, 3U, 8U, 50U}) {
    BoundedQueue<std::uint64_t> queue(options(max_size));
    const Numbers items = numbers(0, max_size);
    for (int round = 0; round < 1000; ++round) {
      queue.push_run(items.data(), random.uniform(max_size + 1));
      const std::size_t known = random.uniform(max_size + 1);
      const std::size_t told = queue.size_beyond(known);
      if (queue.size() > known) {
        EXPECT_EQ(told, queue.size());
      } else {
        EXPECT_LE(queue.size(), told);
        EXPECT_LE(told, known);
      }
      popped(queue, random.uniform(max_size + 1));
    }
  }
}

TEST_P(BoundedQueues, nothing_is_a_run_too) {
  BoundedQueue<std::uint64_t> queue(options(3));
  std::uint64_t item = 7;
  EXPECT_EQ(queue.push_run(&item, 0), 0U);
  EXPECT_EQ(queue.push_run(&item, 1), 1U);
  EXPECT_EQ(queue.pop_run(&item, 0), 0U);
  EXPECT_EQ(queue.size(), 1U);
}

TEST_P(BoundedQueues, agrees_with_a_deque_over_random_runs) {
  const test::Seed seed;
  SCOPED_TRACE(seed.replay());
  Random random(seed.value());
  for (const std::uint32_t max_size : {1U, 5U, 16U, 33U}) {
    BoundedQueue<std::uint64_t> queue(options(max_size));
    std::deque<std::uint64_t> model;
    std::uint64_t next = 0;
    for (int step = 0; step < 5000; ++step) {
      const std::size_t n = random.uniform(max_size + 3);
      if (random.chance(0.5)) {
        const Numbers items = numbers(next, n);
        const std::size_t taken = std::min<std::size_t>(n, max_size - model.size());
        ASSERT_EQ(queue.push_run(items.data(), n), taken);
        model.insert(model.end(), items.begin(), items.begin() + static_cast<std::ptrdiff_t>(taken));
        next += taken;
      } else {
        const Numbers out = popped(queue, n);
        ASSERT_EQ(out.size(), std::min(n, model.size()));
        for (const std::uint64_t item : out) {
          ASSERT_EQ(item, model.front());
          model.pop_front();
        }
      }
      ASSERT_EQ(queue.size(), model.size());
    }
  }
}

/// An item of a producer, wide enough that a torn copy shows.
struct Item {
  std::uint64_t producer;
  std::uint64_t number;
  std::uint64_t check;
};

constexpr std::uint64_t kItemsPerProducer = 40000;
constexpr std::uint32_t kBound = 61;

void produce(BoundedQueue<Item>& queue, std::uint64_t producer, std::uint64_t seed) {
  Random random(seed);
  std::array<Item, 40> run;
  for (std::uint64_t number = 0; number < kItemsPerProducer;) {
    const std::size_t n = std::min<std::uint64_t>(1 + random.uniform(run.size()), kItemsPerProducer - number);
    for (std::size_t i = 0; i < n; ++i) run[i] = {producer, number + i, producer ^ ~(number + i)};
    const std::size_t taken = queue.push_run(run.data(), n);
    number += taken;
    if (taken < n) std::this_thread::yield();
  }
}

/// Pops until `left` items are popped in all; keeps what it got, in its order.
std::vector<Item> consume(BoundedQueue<Item>& queue, std::atomic<std::int64_t>& left, std::uint64_t seed) {
  Random random(seed);
  std::vector<Item> all;
  std::array<Item, 40> run;
  while (left.load() > 0) {
    const std::size_t n = queue.pop_run(run.data(), 1 + random.uniform(run.size()));
    EXPECT_LE(queue.size(), kBound);
    all.insert(all.end(), run.begin(), run.begin() + static_cast<std::ptrdiff_t>(n));
    left.fetch_sub(static_cast<std::int64_t>(n));
    if (n == 0) std::this_thread::yield();
  }
  return all;
}

void pass_through(std::uint64_t producers, std::size_t poppers) {
  const test::Seed seed;
  SCOPED_TRACE(seed.replay());
  BoundedQueue<Item> queue({.max_size = kBound,
                            .producers = producers == 1 ? Sharing::one : Sharing::several,
                            .poppers = poppers == 1 ? Sharing::one : Sharing::several});
  std::atomic<std::int64_t> left(static_cast<std::int64_t>(producers * kItemsPerProducer));
  std::vector<std::vector<Item>> received(poppers);
  std::vector<std::thread> threads;
  for (std::uint64_t id = 0; id < producers; ++id)
    threads.emplace_back(produce, std::ref(queue), id, seed.value() + id);
  for (std::size_t id = 0; id < poppers; ++id) {
    threads.emplace_back([&, id] { received[id] = consume(queue, left, seed.value() + 100 + id); });
  }
  for (std::thread& thread : threads) thread.join();

  std::vector<std::vector<bool>> seen(producers, std::vector<bool>(kItemsPerProducer));
  for (const std::vector<Item>& items : received) {
    Numbers next(producers, 0);
    for (const Item& item : items) {
      ASSERT_LT(item.producer, producers);
      ASSERT_EQ(item.check, item.producer ^ ~item.number);
      ASSERT_GE(item.number, next[item.producer]) << "out of order";
      ASSERT_FALSE(seen[item.producer][item.number]) << "given twice";
      seen[item.producer][item.number] = true;
      next[item.producer] = item.number + 1;
    }
  }
  for (const auto& numbers_seen : seen) {
    for (const bool is_seen : numbers_seen) ASSERT_TRUE(is_seen) << "lost";
  }
  EXPECT_EQ(queue.size(), 0U);
}

TEST(BoundedQueue, one_producer_and_one_popper_lose_and_double_nothing) { pass_through(1, 1); }
TEST(BoundedQueue, several_producers_and_one_popper_keep_each_producers_order) { pass_through(4, 1); }
TEST(BoundedQueue, one_producer_and_several_poppers_lose_and_double_nothing) { pass_through(1, 3); }
TEST(BoundedQueue, several_producers_and_poppers_lose_and_double_nothing) { pass_through(3, 3); }

TEST(BoundedQueueDeathTest, its_bound_is_at_least_one) {
  EXPECT_DEATH(BoundedQueue<int>({.max_size = 0}), "max_size > 0");
}

}  // namespace
}  // namespace distflow::base
