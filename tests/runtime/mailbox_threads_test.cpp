// Several producers and a consumer in each policy: order, bounds and the conservation law.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "base/random.hpp"
#include "tests/base/seed.hpp"
#include "tests/runtime/mail_maker.hpp"
#include "tests/runtime/mailboxes.hpp"

namespace distflow::runtime {
namespace {

constexpr std::size_t kProducers = 3;
constexpr std::int64_t kMessages = 6000;  // of each producer
constexpr std::uint32_t kMaxSize = 50;
constexpr std::size_t kBytesMax = 4000;

using KindAndPolicy = std::tuple<test::MailboxKind, Overflow>;

class MailboxThreads : public ::testing::TestWithParam<KindAndPolicy> {
 protected:
  void produce(PeerCounters& sender, std::uint64_t seed) {
    base::Random random(seed);
    test::MailMaker maker(sender);
    for (std::int64_t number = 0; number < kMessages;) {
      const auto count = std::min(1 + random.uniform(40), static_cast<std::uint64_t>(kMessages - number));
      base::ChunkPool* pool = random.chance(0.5) ? &pool_ : nullptr;
      const std::vector<Mail> run = maker.run(number, count, pool);
      const int rooms_before = rooms_.load();
      const PushResult result = mailbox_->push_run(run);
      EXPECT_EQ(result.accepted + result.dropped + result.blocked, count);
      number += static_cast<std::int64_t>(count - result.blocked);
      maker.release_all();
      // A producer that is left with messages goes on when it is told of room, and only then.
      while (result.blocked > 0 && rooms_.load() == rooms_before) std::this_thread::yield();
    }
    --producing_;
  }

  void consume() {
    std::array<std::int64_t, kProducers> last;
    last.fill(-1);
    std::array<Mail, 32> run;
    while (true) {
      const bool is_last = producing_.load() == 0;
      const std::size_t count = mailbox_->pop_run(run);
      EXPECT_LE(mailbox_->size(), kMaxSize);
      EXPECT_LE(mailbox_->bytes(), kBytesMax);
      for (const Mail& mail : std::span(run).first(count)) {
        std::int64_t& previous = last[static_cast<std::size_t>(mail.sender - senders_.data())];
        EXPECT_GT(mail.timestamp, previous);
        EXPECT_EQ(mail.payload_text(), std::to_string(mail.timestamp));
        previous = mail.timestamp;
      }
      mailbox_->release_run(std::span(run).first(count));
      if (count == 0 && is_last) return;
      if (count == 0) std::this_thread::yield();
    }
  }

  std::array<PeerCounters, kProducers> senders_;
  // A chunk for each producer, so that the pool is under pressure now and then.
  base::ChunkPool pool_{{.chunk_size = 2000, .chunk_count_max = kProducers}};
  const Overflow policy_ = std::get<Overflow>(GetParam());
  const std::unique_ptr<Mailbox> mailbox_ = test::make_mailbox(
      std::get<test::MailboxKind>(GetParam()), {.max_size = kMaxSize, .bytes_max = kBytesMax, .overflow = policy_});
  std::atomic<int> rooms_{0};
  std::atomic<std::size_t> producing_{kProducers};
};

std::string name_of(const ::testing::TestParamInfo<KindAndPolicy>& tested) {
  constexpr std::array kNames = {"drop_newest", "drop_oldest", "block"};
  const auto [kind, policy] = tested.param;
  return test::mailbox_name({kind, tested.index}) + "_" + kNames[static_cast<std::size_t>(policy)];
}

INSTANTIATE_TEST_SUITE_P(KindAndPolicy, MailboxThreads,
                         ::testing::Combine(test::every_mailbox(),
                                            ::testing::Values(Overflow::drop_newest, Overflow::drop_oldest,
                                                              Overflow::block)),
                         name_of);

TEST_P(MailboxThreads, keep_each_senders_order_the_bounds_and_the_conservation_law) {
  const test::Seed seed;
  SCOPED_TRACE(seed.replay());
  auto note_room = [this] { ++rooms_; };
  mailbox_->on_room(base::Delegate<void()>::of(note_room));
  std::vector<std::thread> threads;
  for (std::size_t id = 0; id < kProducers; ++id) {
    threads.emplace_back([this, id, &seed] { produce(senders_[id], seed.value() + id); });
  }
  threads.emplace_back([this] { consume(); });
  for (std::thread& thread : threads) thread.join();

  std::uint64_t handled = 0;
  for (const PeerCounters& sender : senders_) {
    EXPECT_EQ(read(sender.received), kMessages);
    EXPECT_EQ(read(sender.received), read(sender.handled) + sender.dropped());
    handled += read(sender.handled);
    EXPECT_TRUE(policy_ == Overflow::drop_oldest || read(sender.dropped_mailbox_oldest) == 0);
    EXPECT_TRUE(policy_ != Overflow::block || sender.dropped() == 0);
  }
  const MailboxCounters& all = mailbox_->counters();
  EXPECT_EQ(read(all.handled), handled);
  EXPECT_EQ(read(all.accepted), handled + read(all.dropped_oldest));
  EXPECT_EQ(kProducers * kMessages, read(all.accepted) + read(all.dropped_newest));
  EXPECT_EQ(mailbox_->bytes(), 0U);
  EXPECT_LE(mailbox_->high_water(), kMaxSize);
  EXPECT_EQ(pool_.leased(), 0U);
}

/// One producer and a consumer that rests whenever nothing is there, each of which goes on only when the other lets it.
void pass_all_through(test::MailboxKind kind, MailboxOptions options, std::uint64_t seed) {
  const auto made = test::make_mailbox(kind, options);
  Mailbox& mailbox = *made;
  std::atomic<int> rooms{0};
  auto note_room = [&rooms] { ++rooms; };
  mailbox.on_room(base::Delegate<void()>::of(note_room));
  PeerCounters sender;
  test::MailMaker maker(sender);
  constexpr std::size_t kAtOnce = 8;
  const std::vector<Mail> mails = maker.run(0, kAtOnce);

  std::thread producer([&] {
    base::Random random(seed);
    for (std::int64_t left = kMessages; left > 0;) {
      const auto count = std::min<std::uint64_t>(1 + random.uniform(kAtOnce), static_cast<std::uint64_t>(left));
      const int rooms_before = rooms.load();
      const PushResult result = mailbox.push_run(std::span(mails).first(count));
      left -= static_cast<std::int64_t>(result.accepted);
      while (result.blocked > 0 && rooms.load() == rooms_before) std::this_thread::yield();
    }
  });
  std::array<Mail, 3> run;
  for (std::int64_t left = kMessages; left > 0;) {
    while (mailbox.size() == 0) std::this_thread::yield();
    while (const std::size_t count = mailbox.pop_run(run)) {
      EXPECT_LE(mailbox.size(), options.max_size);
      EXPECT_LE(mailbox.bytes(), options.bytes_max);
      mailbox.release_run(std::span(run).first(count));
      left -= static_cast<std::int64_t>(count);
    }
  }
  producer.join();
  EXPECT_TRUE(maker.is_sole_leaseholder());
  EXPECT_EQ(read(sender.received), kMessages);
  EXPECT_EQ(read(sender.handled), kMessages);
  EXPECT_EQ(mailbox.bytes(), 0U);
  EXPECT_LE(mailbox.high_water(), options.max_size);
}

class MailboxOfOneProducer : public ::testing::TestWithParam<test::MailboxKind> {};
INSTANTIATE_TEST_SUITE_P(Kind, MailboxOfOneProducer, test::every_mailbox(), test::mailbox_name);

TEST_P(MailboxOfOneProducer, tells_it_of_room_before_its_consumer_rests) {
  const test::Seed seed;
  SCOPED_TRACE(seed.replay());
  for (const std::uint32_t max_size : {1U, 2U, 3U, 20U}) {
    for (const std::size_t bytes_max : {std::size_t{100}, std::size_t{1000}}) {
      pass_all_through(
          GetParam(),
          {.max_size = max_size, .bytes_max = bytes_max, .overflow = Overflow::block, .producers = base::Sharing::one},
          seed.value());
    }
  }
}

}  // namespace
}  // namespace distflow::runtime
