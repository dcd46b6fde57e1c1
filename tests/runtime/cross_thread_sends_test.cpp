#include "runtime/send/cross_thread_sends.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <barrier>
#include <string>
#include <thread>
#include <vector>

#include "base/random.hpp"
#include "framing/frame.hpp"
#include "protocol/envelope.hpp"
#include "runtime/send/submissions.hpp"
#include "tests/base/seed.hpp"

namespace distflow::runtime {
namespace {

using Added = ThreadLane::Added;

class CrossThreadSendsTest : public ::testing::Test {
 protected:
  struct Taken {
    std::string target;
    std::uint64_t version;
    std::vector<std::string> bodies;  // of one run, in order
  };

  static transport::EncodedFrame encode(ThreadLane& lane, std::string_view body) {
    lane.prepare();
    lane.out.begin_frame();
    lane.out.append(body);
    return lane.out.end_frame();
  }

  Added add(std::string_view body) { return add(target_, 1, body); }
  Added add(const std::shared_ptr<TargetState>& target, std::uint64_t version, std::string_view body) {
    ThreadLane* const lane = CrossThreadSends::lane_of_this_thread(cross_thread_sends_);
    return lane->add(target, version, credit_, encode(*lane, body));
  }
  Added park(std::string_view payload) {
    return CrossThreadSends::lane_of_this_thread(cross_thread_sends_)
        ->add_parked(target_, {.payload = std::string(payload), .extension = {}, .timestamp = 1});
  }

  static std::vector<std::string> bodies(const FrameBatch& run, const transport::EncodedRun& frames) {
    if (run.parked) return {"parked " + run.parked->payload};
    std::vector<std::string> all;
    for (std::string_view rest = frames.bytes; !rest.empty();) {
      const std::uint32_t size = framing::read_header(rest.data());
      all.emplace_back(rest.substr(framing::kHeaderSize, size));
      rest.remove_prefix(framing::kHeaderSize + size);
    }
    EXPECT_EQ(all.size(), frames.count);
    return all;
  }

  std::vector<Taken> drain(std::uint64_t messages_max = 1000) {
    std::vector<Taken> taken;
    cross_thread_sends_->drain(messages_max, [&](const FrameBatch& run, const transport::EncodedRun& frames) {
      taken.push_back({run.target->name, run.version, bodies(run, frames)});
    });
    return taken;
  }

  std::vector<std::string> drain_bodies() {
    std::vector<std::string> all;
    for (const Taken& taken : drain()) all.insert(all.end(), taken.bodies.begin(), taken.bodies.end());
    return all;
  }

  std::shared_ptr<base::ChunkPool> pool_ =
      std::make_shared<base::ChunkPool>(base::ChunkPoolOptions{.chunk_size = 4096, .chunk_count_max = 64});
  std::shared_ptr<CrossThreadSends> cross_thread_sends_ = std::make_shared<CrossThreadSends>(pool_, 1 << 20);
  std::shared_ptr<SendCredit> credit_ = std::make_shared<SendCredit>(SIZE_MAX, SIZE_MAX);
  std::shared_ptr<TargetState> target_ = std::make_shared<TargetState>("pong", 1);
  std::shared_ptr<TargetState> other_ = std::make_shared<TargetState>("pang", 1);
};

using Bodies = std::vector<std::string>;

TEST_F(CrossThreadSendsTest, frames_to_one_target_are_taken_as_one_run) {
  EXPECT_EQ(add("one"), Added::announced);
  EXPECT_EQ(add("two"), Added::held);
  const std::vector<Taken> taken = drain();
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0].target, "pong");
  EXPECT_EQ(taken[0].bodies, (Bodies{"one", "two"}));
}

TEST_F(CrossThreadSendsTest, a_run_that_the_loop_holds_goes_on_without_an_announcement) {
  add("one");
  EXPECT_EQ(drain_bodies(), Bodies{"one"});
  EXPECT_EQ(add("two"), Added::held);
  EXPECT_EQ(drain_bodies(), Bodies{"two"});
}

TEST_F(CrossThreadSendsTest, a_drain_that_says_no_has_let_go_and_the_next_frame_is_announced) {
  const auto nothing = [](const FrameBatch&, const transport::EncodedRun&) {};
  add("one");
  EXPECT_TRUE(cross_thread_sends_->drain(1000, nothing));
  EXPECT_FALSE(cross_thread_sends_->drain(1000, nothing));
  EXPECT_EQ(add("two"), Added::announced);
  EXPECT_EQ(drain_bodies(), Bodies{"two"});
}

TEST_F(CrossThreadSendsTest, another_target_or_version_begins_another_run_and_the_order_stays) {
  add(target_, 1, "one");
  add(other_, 1, "two");
  add(target_, 1, "three");
  add(target_, 2, "four");
  const std::vector<Taken> taken = drain();
  ASSERT_EQ(taken.size(), 4U);
  EXPECT_EQ(taken[1].target, "pang");
  EXPECT_EQ(taken[3].version, 2U);
  EXPECT_EQ(taken[3].bodies, Bodies{"four"});
}

TEST_F(CrossThreadSendsTest, parked_messages_keep_their_place_among_the_others) {
  add("one");
  park("two");
  add("three");
  EXPECT_EQ(drain_bodies(), (Bodies{"one", "parked two", "three"}));
}

TEST_F(CrossThreadSendsTest, a_drain_stops_at_its_bound_and_goes_on_from_there) {
  for (int i = 0; i < 4; ++i) add(i % 2 == 0 ? target_ : other_, 1, std::to_string(i));
  EXPECT_EQ(drain(2).size(), 2U);
  EXPECT_EQ(drain_bodies(), (Bodies{"2", "3"}));
}

TEST_F(CrossThreadSendsTest, a_drain_that_stopped_at_its_bound_is_followed_by_one_of_those_that_it_left) {
  add("one");
  EXPECT_EQ(drain_bodies(), Bodies{"one"});
  std::thread([this] { add(other_, 1, "of another thread"); }).join();
  EXPECT_EQ(add("two"), Added::held);
  const std::vector<Taken> first = drain(1);
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first[0].bodies, Bodies{"two"});
  EXPECT_EQ(add("three"), Added::held);
  const std::vector<Taken> second = drain(1);
  ASSERT_EQ(second.size(), 1U);
  EXPECT_EQ(second[0].bodies, Bodies{"of another thread"});
  EXPECT_EQ(drain_bodies(), Bodies{"three"});
}

TEST_F(CrossThreadSendsTest, at_its_bound_a_lane_refuses_until_something_is_taken) {
  std::uint64_t added = 0;
  while (add("x") != Added::full) ++added;
  EXPECT_EQ(added, CrossThreadSends::kMessagesMax);
  drain(1);
  EXPECT_NE(add("x"), Added::full);
}

TEST_F(CrossThreadSendsTest, what_a_thread_has_taken_in_advance_goes_back_when_the_loop_lets_go) {
  credit_ = std::make_shared<SendCredit>(1 << 20, 4096);
  for (int i = 0; i < 5; ++i) add("one");
  EXPECT_GT(credit_->used().messages, 5U) << "some in advance";
  EXPECT_EQ(drain_bodies().size(), 5U);
  EXPECT_FALSE(cross_thread_sends_->drain(1000, [](const FrameBatch&, const transport::EncodedRun&) {}));
  EXPECT_EQ(credit_->used().messages, 5U) << "of the messages that were taken";
  EXPECT_EQ(credit_->used().bytes, 5U * (framing::kHeaderSize + 3));
}

TEST_F(CrossThreadSendsTest, what_a_thread_has_taken_in_advance_goes_back_when_it_sends_to_another_or_ends) {
  credit_ = std::make_shared<SendCredit>(1 << 20, 4096);
  std::thread([&] {
    add("one");
    add(other_, 1, "two");
    add(target_, 2, "three");
  }).join();
  EXPECT_EQ(credit_->used().messages, 3U);
  EXPECT_EQ(drain_bodies().size(), 3U);
}

TEST_F(CrossThreadSendsTest, a_thread_has_the_last_of_the_room_one_by_one_and_is_told_when_there_is_no_more) {
  credit_ = std::make_shared<SendCredit>(1 << 20, 100);
  int added = 0;
  while (add("x") != Added::no_credit) ++added;
  EXPECT_EQ(added, 100);
  credit_->give_back({0, 1});
  EXPECT_NE(add("x"), Added::no_credit);
  EXPECT_EQ(add("x"), Added::no_credit);
  EXPECT_EQ(drain_bodies().size(), 101U);
}

TEST_F(CrossThreadSendsTest, who_has_waited_does_not_lose_its_credit_with_a_run_that_the_loop_lets_go_of) {
  credit_ = std::make_shared<SendCredit>(1000, 2);  // nothing is taken in advance
  ThreadLane* const lane = CrossThreadSends::lane_of_this_thread(cross_thread_sends_);
  ASSERT_EQ(add("one"), Added::announced);
  const transport::EncodedFrame next = encode(*lane, "two");  // after "one" in its run
  while (!drain_bodies().empty()) {
  }
  for (int i = 0; i < 100; ++i) drain();  // the loop lets go of the run
  const SendCredit::Amount amount{next.bytes.size(), 1};
  credit_->begin_waiting();  // others wait, too
  ASSERT_TRUE(credit_->take_waiting(amount));
  HeldCredit held(credit_, amount);
  EXPECT_EQ(lane->add(target_, 1, credit_, next, &held), Added::announced);
  EXPECT_EQ(drain_bodies(), (Bodies{"two"}));
  credit_->end_waiting();
}

TEST_F(CrossThreadSendsTest, a_run_of_a_steady_thread_is_looked_at_some_more_times_before_it_is_let_go) {
  const auto nothing = [](const FrameBatch&, const transport::EncodedRun&) {};
  for (int i = 0; i < 3; ++i) {
    add("one");
    EXPECT_TRUE(cross_thread_sends_->drain(1000, nothing));
  }
  EXPECT_TRUE(cross_thread_sends_->drain(1000, nothing)) << "it may go on";
  EXPECT_TRUE(cross_thread_sends_->is_ahead());
  EXPECT_EQ(add("two"), Added::held);
  int looks = 0;
  while (cross_thread_sends_->drain(1000, nothing)) ++looks;
  EXPECT_LT(looks, 100);
  EXPECT_FALSE(cross_thread_sends_->is_ahead());
  EXPECT_EQ(add("three"), Added::announced);
  EXPECT_EQ(drain_bodies(), Bodies{"three"});
}

TEST_F(CrossThreadSendsTest, bytes_are_bounded_but_a_single_large_message_passes) {
  const std::string large(600 * 1024, 'x');
  EXPECT_EQ(add(large), Added::announced);
  EXPECT_EQ(add(large), Added::full);
  drain();
  EXPECT_EQ(add(std::string(2 * 1024 * 1024, 'x')), Added::announced);
}

TEST_F(CrossThreadSendsTest, what_was_taken_and_let_go_pins_no_more_than_the_chunk_being_filled) {
  add(std::string(3000, 'x'));
  add(std::string(3000, 'x'));
  EXPECT_EQ(pool_->leased(), 1U);
  for (int i = 0; i < 1000; ++i) {
    while (!drain().empty()) {
    }
    add(std::string(100, 'x'));
  }
  EXPECT_EQ(pool_->leased(), 1U);
}

TEST_F(CrossThreadSendsTest, a_thread_that_sends_little_at_a_time_takes_nothing_from_the_pool) {
  for (int i = 0; i < 1000; ++i) {
    add(std::string(1000, 'x'));
    while (!drain().empty()) {
    }
  }
  EXPECT_EQ(pool_->leased(), 0U);
}

TEST_F(CrossThreadSendsTest, a_thread_that_ends_pins_no_chunk_once_its_frames_are_taken) {
  std::thread([&] {
    for (int i = 0; i < 3; ++i) add(std::string(3000, 'x'));
  }).join();
  EXPECT_GT(pool_->leased(), 0U);
  while (!drain().empty()) {
  }
  EXPECT_EQ(pool_->leased(), 0U);
}

TEST_F(CrossThreadSendsTest, no_lane_is_lost_when_threads_begin_and_end_together) {
  constexpr std::size_t kAtOnce = 16;
  for (int round = 0; round < 200; ++round) {
    std::barrier all_have_one(std::ptrdiff_t{kAtOnce});
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < kAtOnce; ++i) {
      threads.emplace_back([&] {
        add("x");
        all_have_one.arrive_and_wait();
      });
    }
    for (std::thread& thread : threads) thread.join();
    while (!drain().empty()) {
    }
  }
  EXPECT_LE(cross_thread_sends_->lane_count(), kAtOnce);
}

TEST_F(CrossThreadSendsTest, a_thread_gets_the_lane_of_one_that_has_ended) {
  ThreadLane* first = nullptr;
  ThreadLane* second = nullptr;
  std::thread([&] { first = CrossThreadSends::lane_of_this_thread(cross_thread_sends_); }).join();
  std::thread([&] { second = CrossThreadSends::lane_of_this_thread(cross_thread_sends_); }).join();
  EXPECT_EQ(first, second);
}

TEST_F(CrossThreadSendsTest, a_thread_adds_nothing_to_a_run_of_the_one_that_had_its_lane) {
  std::thread([&] { EXPECT_EQ(add("one"), Added::announced); }).join();
  std::thread([&] { EXPECT_EQ(add("two"), Added::announced); }).join();
  EXPECT_EQ(drain_bodies(), (Bodies{"one", "two"}));
}

// As of a thread whose writer shuts the node down, starts another one, and sends through that.
TEST_F(CrossThreadSendsTest, a_lane_in_which_a_frame_is_being_written_is_left_to_it) {
  std::thread([&] {
    ThreadLane* const lane = CrossThreadSends::lane_of_this_thread(cross_thread_sends_);
    lane->out.begin_frame();
    lane->out.append("half");
    const auto next = std::make_shared<CrossThreadSends>(pool_, 1 << 20);
    EXPECT_NE(CrossThreadSends::lane_of_this_thread(next), lane);
    std::thread([&] {
      EXPECT_NE(CrossThreadSends::lane_of_this_thread(cross_thread_sends_), lane) << "it is another thread's still";
    }).join();
    lane->out.append(" and half");
    EXPECT_EQ(lane->add(target_, 1, credit_, lane->out.end_frame()), Added::announced);
  }).join();
  EXPECT_EQ(drain_bodies(), (Bodies{"half and half"}));
}

TEST_F(CrossThreadSendsTest, what_many_threads_add_while_the_loop_drains_comes_once_and_in_each_threads_order) {
  constexpr int kThreads = 3;
  constexpr int kMessages = 20000;
  const test::Seed seed;
  SCOPED_TRACE(seed.replay());
  std::atomic<int> adding = kThreads;
  std::atomic<std::uint64_t> announced = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      base::Random random(seed.value() + static_cast<std::uint64_t>(thread));
      for (int i = 0; i < kMessages;) {
        const std::string body = std::to_string(thread) + " " + std::to_string(i);
        const Added added = random.chance(0.01) ? park(body) : add(random.chance(0.9) ? target_ : other_, 1, body);
        if (added == Added::announced) announced.fetch_add(1);
        if (added != Added::full) ++i;
      }
      adding.fetch_sub(1);
    });
  }
  std::array<int, kThreads> next{};
  std::uint64_t announced_seen = 0;
  for (bool is_last = false; !is_last;) {
    is_last = adding.load() == 0;
    // A loop that was told no sleeps until something is announced: what was added unannounced would be lost.
    if (!is_last && announced.load() == announced_seen) continue;
    announced_seen = announced.load();
    while (cross_thread_sends_->drain(100, [&](const FrameBatch& run, const transport::EncodedRun& frames) {
      for (std::string body : bodies(run, frames)) {
        if (body.starts_with("parked ")) body.erase(0, 7);
        const int thread = body[0] - '0';
        EXPECT_EQ(body.substr(2), std::to_string(next[static_cast<std::size_t>(thread)]++));
      }
    })) {
    }
  }
  for (std::thread& thread : threads) thread.join();
  for (const int count : next) EXPECT_EQ(count, kMessages);
}

// What is written in place may take long: meanwhile the peer leaves, another one has the name, and is sent to.
TEST(Submissions, a_message_keeps_the_room_and_the_address_that_it_began_with) {
  TargetTable targets(10);
  auto knows = [](std::string_view) { return true; };
  Submissions submissions(targets, Submissions::KnowsName::of(knows),
                          std::make_shared<base::ChunkPool>(base::ChunkPoolOptions{}), 1 << 20, 1 << 20);
  const TargetPtr target = targets.of("pong");
  const auto first = std::make_shared<SendCredit>(1000, 10);
  const auto second = std::make_shared<SendCredit>(1000, 10);
  const auto prefix_to = [](std::string_view id) { return protocol::envelope_prefix("me", id); };
  std::thread([&] {
    std::uint64_t version = 0;
    std::string prefix;
    std::shared_ptr<SendCredit> credit;
    const PublishedCopy copy{version, prefix, credit};
    const auto send = [&](const OutgoingMessage& message) {
      EXPECT_EQ(submissions.submit(target, copy, message, 1).verdict, SendVerdict::queued);
    };
    auto write = [&](PayloadWriter& out) {
      target->publish({}, nullptr);
      send(OutgoingMessage("1"));
      target->publish(prefix_to("second"), second);
      send(OutgoingMessage("2"));
      out.append("0");
    };
    target->publish(prefix_to("first"), first);
    const auto call = [](void* callable, PayloadWriter& out) { (*static_cast<decltype(write)*>(callable))(out); };
    send(OutgoingMessage(call, &write));
  }).join();
  EXPECT_EQ(first->used().messages, 1U);
  EXPECT_EQ(second->used().messages, 1U);
  EXPECT_TRUE(submissions.drain(nullptr));
  while (submissions.drain(nullptr)) {
  }
  EXPECT_EQ(submissions.take_discarded(), 3U);
  EXPECT_EQ(first->used().messages + second->used().messages, 0U);
}

}  // namespace
}  // namespace distflow::runtime
