// A mailbox that drops its oldest messages, whose consumer stalls at any of its atomic operations.
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/receive/ring_mailbox_parts.hpp"
#include "tests/base/stalling_atomics.hpp"
#include "tests/runtime/mail_maker.hpp"

namespace distflow::runtime {
namespace {

using StallingMailbox = BasicRingMailbox<test::StallingAtomics>;
constexpr std::uint32_t kMaxSize = 8;

/// A full mailbox, whose consumer pops `pop` messages and releases them.
struct Full {
  explicit Full(MailboxOptions options) : mailbox(options) {
    std::int64_t first = 0;
    while (first < kMaxSize) push(first++);
  }

  void push(std::int64_t number) { mailbox.push_run(std::span(mails).subspan(static_cast<std::size_t>(number), 1)); }
  void handle(std::size_t count) {
    std::array<Mail, kMaxSize> run;
    count = mailbox.pop_run(std::span(run).first(count));
    for (std::size_t i = 0; i < count; ++i) handled.push_back(run[i].timestamp);
    mailbox.release_run(std::span(run).first(count));
  }

  PeerCounters sender;
  test::MailMaker maker{sender};
  std::vector<Mail> mails = maker.run(10, 5 * kMaxSize);
  StallingMailbox mailbox;
  std::vector<std::int64_t> handled;
};

/// Whether the numbers rise, and end with the last of all.
void expect_in_order_up_to(const std::vector<std::int64_t>& handled, std::int64_t last) {
  for (std::size_t i = 1; i < handled.size(); ++i) EXPECT_LT(handled[i - 1], handled[i]);
  EXPECT_EQ(handled.back(), last);
}

class MailboxStall : public ::testing::TestWithParam<base::Sharing> {};

INSTANTIATE_TEST_SUITE_P(Producers, MailboxStall, ::testing::Values(base::Sharing::one, base::Sharing::several),
                         [](const auto& tested) { return tested.param == base::Sharing::one ? "one" : "several"; });

TEST_P(MailboxStall, wherever_the_consumer_stalls_new_messages_replace_as_many_old_ones) {
  constexpr std::int64_t kNew = 3 * kMaxSize;
  std::unique_ptr<Full> full;
  std::size_t size_after = 0;
  test::stall_at_each_operation(
      [&] {
        full = std::make_unique<Full>(
            MailboxOptions{.max_size = kMaxSize, .overflow = Overflow::drop_oldest, .producers = GetParam()});
      },
      [&] { full->handle(3); },
      [&] {
        for (std::int64_t i = 0; i < kNew; ++i) full->push(kMaxSize + i);
        size_after = full->mailbox.size();
      },
      [&](int at) {
        SCOPED_TRACE("the consumer stalls at operation " + std::to_string(at));
        EXPECT_EQ(size_after, kMaxSize);
        while (full->mailbox.size() > 0) full->handle(kMaxSize);
        EXPECT_EQ(read(full->mailbox.counters().dropped_newest), 0U);
        expect_in_order_up_to(full->handled, full->mails[kMaxSize + kNew - 1].timestamp);
        EXPECT_EQ(read(full->sender.handled), full->handled.size());
        EXPECT_EQ(read(full->sender.received), read(full->sender.handled) + full->sender.dropped());
        EXPECT_EQ(full->mailbox.bytes(), 0U);
      });
}

TEST_P(MailboxStall, bytes_of_messages_being_handled_are_not_sought_among_those_that_wait) {
  // As many bytes as messages, so that the messages popped leave places but no bytes.
  std::unique_ptr<Full> full;
  const std::size_t charge = Full({.max_size = 8}).mails.front().charge();
  std::uint64_t dropped = 0;
  std::unique_ptr<test::MailMaker> large_maker;
  test::stall_at_each_operation(
      [&] {
        full = std::make_unique<Full>(MailboxOptions{.max_size = 2 * kMaxSize,
                                                     .bytes_max = kMaxSize * charge,
                                                     .overflow = Overflow::drop_oldest,
                                                     .producers = GetParam()});
      },
      [&] { full->handle(6); },
      [&] {
        // Needs the bytes of five messages: more than wait once six are popped, and as many as wait before.
        large_maker = std::make_unique<test::MailMaker>(full->sender);
        const Mail large = large_maker->one(std::string(4 * charge, 'x'));
        const std::size_t waiting = full->mailbox.size();
        full->mailbox.push_run({&large, 1});
        dropped = read(full->mailbox.counters().dropped_oldest);
        const bool is_in = read(full->mailbox.counters().dropped_newest) == 0;
        EXPECT_TRUE(is_in || dropped == 0) << dropped << " of " << waiting << " dropped in vain";
      },
      [&](int at) {
        SCOPED_TRACE("the consumer stalls at operation " + std::to_string(at));
        while (full->mailbox.size() > 0) full->handle(kMaxSize);
        EXPECT_EQ(full->mailbox.bytes(), 0U);
        EXPECT_EQ(read(full->sender.received), read(full->sender.handled) + full->sender.dropped());
      });
}

}  // namespace
}  // namespace distflow::runtime
