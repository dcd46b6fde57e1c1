// Which messages are timed, what they stand for, and what Delivery counts, by a clock that the test moves.
#include "runtime/receive/latency_meter.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "runtime/receive/delivery.hpp"
#include "tests/runtime/mail_maker.hpp"
#include "tests/support/memory_backend.hpp"

namespace distflow::runtime {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

base::Instant test_now{};
std::uint64_t reads = 0;

base::Instant test_clock() {
  ++reads;
  return test_now;
}

class LatencyMeterTest : public ::testing::Test {
 protected:
  LatencyMeterTest() {
    test_now = base::Instant(std::chrono::hours(5));
    reads = 0;
  }

  /// A message that comes now, waits, and is handled.
  void pass(base::Duration waits, base::Duration takes) {
    const std::uint32_t came_at = LatencyMeter::stamp_us(test_now);
    test_now += waits;
    const bool is_timed = meter_.is_due();
    if (is_timed) meter_.begin(came_at);
    test_now += takes;
    if (is_timed) meter_.end();
  }

  LatencyMeter meter_{&test_clock};
};

TEST_F(LatencyMeterTest, without_a_clock_nothing_is_timed) {
  LatencyMeter off(nullptr);
  for (int i = 0; i < 1000; ++i) ASSERT_FALSE(off.is_due());
  EXPECT_EQ(off.snapshot().handler.count(), 0U);
}

TEST_F(LatencyMeterTest, each_message_is_timed_while_they_come_slowly) {
  for (int i = 0; i < 100; ++i) pass(milliseconds(1), microseconds(20));
  const LatencyStats stats = meter_.snapshot();
  EXPECT_EQ(stats.handler.count(), 100U);
  EXPECT_EQ(stats.handler.sum(), 100 * 20'000U);
  EXPECT_EQ(stats.queue_wait.sum(), 100 * 1'000'000U);
  EXPECT_EQ(reads, 200U);
}

TEST_F(LatencyMeterTest, few_of_those_that_come_fast_are_timed_and_stand_for_all) {
  constexpr std::uint64_t messages = 100'000;
  for (std::uint64_t i = 0; i < messages; ++i) pass(base::Duration(50), base::Duration(50));
  const std::uint64_t count = meter_.snapshot().handler.count();
  EXPECT_LE(count, messages);
  EXPECT_GT(count, messages - 2 * LatencyMeter::kEveryMax) << "up to the last that was timed";
  EXPECT_LT(reads, 2 * messages / LatencyMeter::kEveryMax * 11 / 10);
  EXPECT_GT(reads, 2 * messages / LatencyMeter::kEveryMax * 9 / 10);
}

TEST_F(LatencyMeterTest, what_happens_to_each_eighth_message_is_found_at_an_eighth) {
  constexpr int messages = 200'000;
  for (int i = 0; i < messages; ++i) pass({}, i % 8 == 0 ? microseconds(50) : base::Duration(500));
  const Histogram handler = meter_.snapshot().handler;
  EXPECT_LT(handler.quantile(0.8), 1000U);
  EXPECT_GT(handler.quantile(0.95), 49'000U);
  std::uint64_t slow = 0;
  for (std::size_t i = Histogram::bucket_of(10'000); i < Histogram::kBuckets; ++i) slow += handler.count_in(i);
  EXPECT_NEAR(static_cast<double>(slow) / messages, 0.125, 0.02);
}

TEST_F(LatencyMeterTest, after_a_rush_each_message_is_timed_again_once_they_come_slowly) {
  for (int i = 0; i < 10'000; ++i) pass({}, base::Duration(100));
  for (int i = 0; i < 1000; ++i) pass(milliseconds(1), {});
  reads = 0;
  for (int i = 0; i < 100; ++i) pass(milliseconds(1), {});
  EXPECT_EQ(reads, 200U);
}

TEST_F(LatencyMeterTest, a_handler_within_another_that_is_timed_is_part_of_that_one) {
  ASSERT_TRUE(meter_.is_due());
  meter_.begin(LatencyMeter::stamp_us(test_now - milliseconds(3)));
  test_now += milliseconds(1);
  ASSERT_TRUE(meter_.is_due());
  meter_.begin(LatencyMeter::stamp_us(test_now - milliseconds(50)));
  test_now += milliseconds(1);
  meter_.end();
  test_now += milliseconds(5);
  meter_.end();
  const LatencyStats stats = meter_.snapshot();
  EXPECT_EQ(stats.handler.count(), 1U);
  EXPECT_EQ(stats.handler.sum(), 7'000'000U);
  EXPECT_EQ(stats.queue_wait.sum(), 3'000'000U);
}

TEST_F(LatencyMeterTest, a_wait_goes_on_over_the_end_of_its_clock) {
  test_now = base::Instant(microseconds(std::uint64_t{UINT32_MAX} - 100));
  pass(microseconds(500), {});
  EXPECT_EQ(meter_.snapshot().queue_wait.sum(), 500'000U);
}

TEST_F(LatencyMeterTest, a_thread_whose_clock_is_behind_finds_no_wait) {
  ASSERT_TRUE(meter_.is_due());
  meter_.begin(LatencyMeter::stamp_us(test_now + microseconds(30)));
  meter_.end();
  EXPECT_EQ(meter_.snapshot().queue_wait.sum(), 0U);
}

TEST_F(LatencyMeterTest, a_request_has_waited_the_whole_milliseconds_that_are_certain) {
  const auto waited = [](base::Duration waits) {
    LatencyMeter meter(&test_clock);
    const std::uint32_t came_at = LatencyMeter::stamp_ms(test_now);
    test_now += waits;
    EXPECT_TRUE(meter.is_due());
    meter.begin_request(came_at);
    meter.end();
    return meter.snapshot().queue_wait.sum();
  };
  test_now += microseconds(999);
  EXPECT_EQ(waited(microseconds(2)), 0U) << "into the next millisecond, and no wait";
  EXPECT_EQ(waited(milliseconds(10)), 9'000'000U);
}

TEST_F(LatencyMeterTest, a_message_that_waits_for_a_handler_is_counted_with_its_wait) {
  base::ChunkPool chunks({.chunk_size = 4096, .chunk_count_max = 2});
  io::Reactor reactor(std::make_unique<test::MemoryBackend>(chunks), {});
  const base::Log log(base::LogLevel::error);
  PeerCounters sender;
  test::MailMaker maker(sender);
  Delivery delivery(reactor, "receiver", NodeOptions{}, log, {}, {}, &test_clock);
  std::vector<Mail> mails = maker.run(0, 1);
  mails[0].came_at = LatencyMeter::stamp_us(test_now);
  ASSERT_EQ(delivery.deliver(mails), 1U);
  test_now += milliseconds(3);
  delivery.set_message_handler([](const Message&) { test_now += microseconds(70); });
  const LatencyStats stats = delivery.latency();
  EXPECT_EQ(stats.queue_wait.count(), 1U);
  EXPECT_EQ(stats.queue_wait.sum(), 3'000'000U);
  EXPECT_EQ(stats.handler.sum(), 70'000U);

  delivery.set_message_handler([](const Message&) -> void {
    test_now += microseconds(5);
    throw 1;
  });
  mails = maker.run(1, 1);
  mails[0].came_at = LatencyMeter::stamp_us(test_now);
  ASSERT_EQ(delivery.deliver(mails), 1U);
  EXPECT_EQ(delivery.latency().handler.sum(), 75'000U) << "a handler that throws has taken its time, too";
}

}  // namespace
}  // namespace distflow::runtime
