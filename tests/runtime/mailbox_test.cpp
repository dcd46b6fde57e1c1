// What every mailbox promises, over each of them.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "tests/runtime/mail_maker.hpp"
#include "tests/runtime/mailboxes.hpp"

namespace distflow::runtime {
namespace {

using test::MailMaker;
using Numbers = std::vector<std::int64_t>;

Numbers numbers(std::int64_t first, std::size_t count) {
  Numbers result(count);
  std::iota(result.begin(), result.end(), first);
  return result;
}

Numbers numbers_of(std::span<const Mail> mails) {
  Numbers result;
  for (const Mail& mail : mails) {
    EXPECT_EQ(mail.payload_text(), std::to_string(mail.timestamp));
    EXPECT_EQ(mail.extension_view().text(), MailMaker::kExtension);
    result.push_back(mail.timestamp);
  }
  return result;
}

std::vector<Mail> popped(Mailbox& mailbox, std::size_t max) {
  std::vector<Mail> mails(max);
  mails.resize(mailbox.pop_run(mails));
  return mails;
}

Numbers handled(Mailbox& mailbox, std::size_t max) {
  const std::vector<Mail> mails = popped(mailbox, max);
  Numbers result = numbers_of(mails);
  mailbox.release_run(mails);
  return result;
}

struct Signal {
  int calls = 0;
  void call() { ++calls; }
  base::Delegate<void()> delegate() { return base::Delegate<void()>::to<&Signal::call>(*this); }
};

class MailboxTest : public ::testing::TestWithParam<test::MailboxKind> {
 protected:
  PeerCounters sender_;
  PeerCounters other_sender_;
  MailMaker maker_{sender_};
  MailMaker other_maker_{other_sender_, "other"};

  static std::unique_ptr<Mailbox> make(MailboxOptions options) { return test::make_mailbox(GetParam(), options); }
  static std::uint64_t waiting(const PeerCounters& sender) {
    return read(sender.received) - read(sender.handled) - sender.dropped();
  }

  void TearDown() override {
    EXPECT_TRUE(maker_.is_sole_leaseholder());
    EXPECT_TRUE(other_maker_.is_sole_leaseholder());
  }
};

INSTANTIATE_TEST_SUITE_P(Kind, MailboxTest, test::every_mailbox(), test::mailbox_name);

TEST_P(MailboxTest, gives_messages_in_the_order_they_came) {
  const auto mailbox = make({.max_size = 10});
  const PushResult result = mailbox->push_run(maker_.run(0, 5));
  EXPECT_EQ(result.accepted, 5U);
  EXPECT_EQ(result.dropped, 0U);
  EXPECT_EQ(result.blocked, 0U);
  mailbox->push_run(maker_.run(5, 3));
  EXPECT_EQ(mailbox->size(), 8U);
  EXPECT_EQ(handled(*mailbox, 6), numbers(0, 6));
  EXPECT_EQ(handled(*mailbox, 6), numbers(6, 2));
  EXPECT_EQ(mailbox->size(), 0U);
  EXPECT_EQ(mailbox->bytes(), 0U);
  EXPECT_EQ(mailbox->high_water(), 8U);
  EXPECT_EQ(read(mailbox->counters().accepted), 8U);
  EXPECT_EQ(read(mailbox->counters().handled), 8U);
}

TEST_P(MailboxTest, a_message_leases_its_chunk_until_it_is_released_and_nothing_else_is_there) {
  const auto mailbox = make({.max_size = 10});
  mailbox->push_run(maker_.run(0, 3));
  EXPECT_FALSE(maker_.is_sole_leaseholder());
  const std::vector<Mail> mails = popped(*mailbox, 3);
  EXPECT_EQ(popped(*mailbox, 1).size(), 0U);
  EXPECT_FALSE(maker_.is_sole_leaseholder()) << "given back while they are handled";
  EXPECT_EQ(numbers_of(mails), numbers(0, 3));
  mailbox->release_run(std::span(mails).first(2));
  EXPECT_EQ(popped(*mailbox, 1).size(), 0U);
  EXPECT_FALSE(maker_.is_sole_leaseholder());
  maker_.release_all();
  EXPECT_TRUE(mails[2].chunk->is_sole_lease());
  EXPECT_EQ(mails[2].payload_text(), "2");
  mailbox->release_run(std::span(mails).last(1));
}

TEST_P(MailboxTest, leases_of_a_chunk_go_back_before_messages_of_another_are_handled) {
  const auto mailbox = make({.max_size = 10});
  mailbox->push_run(maker_.run(0, 2));
  mailbox->push_run(other_maker_.run(2, 1));
  EXPECT_EQ(handled(*mailbox, 2), numbers(0, 2));
  const std::vector<Mail> mails = popped(*mailbox, 1);
  EXPECT_TRUE(maker_.is_sole_leaseholder());
  EXPECT_FALSE(other_maker_.is_sole_leaseholder());
  mailbox->release_run(mails);
}

TEST_P(MailboxTest, a_chunk_may_have_any_number_of_messages) {
  const auto mailbox = make({.max_size = 10});
  const std::vector<Mail> run = maker_.run(0, 7);
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(mailbox->push_run(run).accepted, 7U);
    EXPECT_EQ(handled(*mailbox, 7), numbers(0, 7));
  }
  EXPECT_EQ(handled(*mailbox, 7), Numbers{});
  EXPECT_TRUE(maker_.is_sole_leaseholder());
}

TEST_P(MailboxTest, one_message_of_another_sender_or_chunk_is_told_apart_wherever_it_stands_in_a_run) {
  constexpr std::size_t k_size = 35;
  for (std::size_t place = 0; place < k_size; ++place) {
    for (const bool is_of_other_sender : {true, false}) {
      PeerCounters sender;
      PeerCounters other_sender;
      MailMaker maker(sender);
      MailMaker other_maker(is_of_other_sender ? other_sender : sender, "x");
      std::vector<Mail> run = maker.run(0, k_size);
      run[place] = other_maker.run(static_cast<std::int64_t>(place), 1).front();
      const auto mailbox = make({.max_size = k_size});
      EXPECT_EQ(mailbox->push_run(run).accepted, k_size);
      EXPECT_EQ(read(other_sender.received), is_of_other_sender ? 1U : 0U) << place;
      const std::size_t charge = std::accumulate(run.begin(), run.end(), std::size_t{0},
                                                 [](std::size_t sum, const Mail& mail) { return sum + mail.charge(); });
      EXPECT_EQ(mailbox->bytes(), charge) << place;
      EXPECT_EQ(handled(*mailbox, k_size), numbers(0, k_size));
      EXPECT_EQ(read(other_sender.handled), is_of_other_sender ? 1U : 0U) << place;
      EXPECT_EQ(read(sender.handled) + read(other_sender.handled), k_size);
      EXPECT_EQ(mailbox->bytes(), 0U);
      EXPECT_EQ(handled(*mailbox, 1), Numbers{});
      EXPECT_TRUE(maker.is_sole_leaseholder() && other_maker.is_sole_leaseholder()) << place;
    }
  }
}

TEST_P(MailboxTest, its_high_water_is_its_largest_size_whatever_was_popped_in_between) {
  for (const base::Sharing producers : {base::Sharing::one, base::Sharing::several}) {
    const auto mailbox = make({.max_size = 30, .producers = producers});
    std::size_t highest = 0;
    std::size_t size = 0;
    for (const std::size_t count : {1U, 1U, 1U, 5U, 2U, 9U, 1U, 3U, 16U, 4U}) {
      mailbox->push_run(maker_.run(0, count));
      size += count;
      highest = std::max(highest, size);
      EXPECT_EQ(mailbox->high_water(), highest);
      size -= handled(*mailbox, (count + 1) / 2).size();
      EXPECT_EQ(mailbox->high_water(), highest);
    }
    EXPECT_LT(highest, 30U);
    EXPECT_EQ(mailbox->size(), size);
  }
}

TEST_P(MailboxTest, drop_newest_keeps_what_waits_and_counts_the_rest_by_sender) {
  const auto mailbox = make({.max_size = 4, .overflow = Overflow::drop_newest});
  mailbox->push_run(other_maker_.run(100, 3));
  const PushResult result = mailbox->push_run(maker_.run(0, 5));
  EXPECT_EQ(result.accepted, 1U);
  EXPECT_EQ(result.dropped, 4U);
  EXPECT_EQ(read(sender_.received), 5U);
  EXPECT_EQ(read(sender_.dropped_mailbox_newest), 4U);
  EXPECT_EQ(read(other_sender_.dropped_mailbox_newest), 0U);
  EXPECT_EQ(waiting(sender_), 1U);
  EXPECT_EQ(waiting(other_sender_), 3U);
  EXPECT_EQ(handled(*mailbox, 10), (Numbers{100, 101, 102, 0}));
  EXPECT_EQ(read(mailbox->counters().dropped_newest), 4U);
}

TEST_P(MailboxTest, drop_oldest_makes_room_and_counts_against_the_sender_of_what_goes) {
  const auto mailbox = make({.max_size = 4, .overflow = Overflow::drop_oldest});
  mailbox->push_run(other_maker_.run(100, 3));
  const PushResult result = mailbox->push_run(maker_.run(0, 3));
  EXPECT_EQ(result.accepted, 3U);
  EXPECT_EQ(result.dropped, 0U);
  EXPECT_EQ(read(other_sender_.dropped_mailbox_oldest), 2U);
  EXPECT_EQ(read(sender_.dropped_mailbox_oldest), 0U);
  EXPECT_EQ(handled(*mailbox, 10), (Numbers{102, 0, 1, 2}));
  EXPECT_EQ(waiting(other_sender_), 0U);
}

TEST_P(MailboxTest, drop_oldest_keeps_the_end_of_a_run_longer_than_the_mailbox) {
  const auto mailbox = make({.max_size = 3, .overflow = Overflow::drop_oldest});
  mailbox->push_run(maker_.run(0, 100));
  EXPECT_EQ(handled(*mailbox, 10), numbers(97, 3));
  EXPECT_EQ(read(sender_.received), 100U);
  EXPECT_EQ(read(sender_.dropped_mailbox_oldest), 97U);
}

TEST_P(MailboxTest, block_leaves_the_rest_with_the_caller_and_tells_it_of_room_at_half) {
  const auto mailbox = make({.max_size = 4, .overflow = Overflow::block});
  Signal room;
  mailbox->on_room(room.delegate());
  const std::vector<Mail> run = maker_.run(0, 6);
  const PushResult result = mailbox->push_run(run);
  EXPECT_EQ(result.accepted, 4U);
  EXPECT_EQ(result.blocked, 2U);
  EXPECT_EQ(read(sender_.received), 4U);
  EXPECT_EQ(handled(*mailbox, 1), numbers(0, 1));
  EXPECT_EQ(room.calls, 0);
  EXPECT_EQ(handled(*mailbox, 1), numbers(1, 1));
  EXPECT_EQ(room.calls, 1);
  EXPECT_EQ(mailbox->push_run(std::span(run).last(2)).accepted, 2U);
  EXPECT_EQ(handled(*mailbox, 10), numbers(2, 4));
  EXPECT_EQ(room.calls, 1) << "told without a producer that waits";
  EXPECT_EQ(read(sender_.received), 6U);
  EXPECT_EQ(sender_.dropped(), 0U);
}

TEST_P(MailboxTest, bytes_bound_what_waits_and_what_is_handled) {
  const Mail mail = maker_.one(std::string(1000, 'x'));
  ASSERT_EQ(mail.charge(), 64U + 1 + 1000 + MailMaker::kExtension.size());
  const auto mailbox = make({.max_size = 100, .bytes_max = 3 * mail.charge() - 1});
  const std::vector<Mail> run(3, mail);
  EXPECT_EQ(mailbox->push_run(run).accepted, 2U);
  EXPECT_EQ(mailbox->bytes(), 2 * mail.charge());
  EXPECT_EQ(read(sender_.dropped_mailbox_newest), 1U);
  const std::vector<Mail> mails = popped(*mailbox, 2);
  EXPECT_EQ(mailbox->push_run(run).accepted, 0U);
  mailbox->release_run(mails);
  EXPECT_EQ(mailbox->bytes(), 0U);
  EXPECT_EQ(mailbox->push_run(run).accepted, 2U);
}

TEST_P(MailboxTest, drop_oldest_makes_room_in_bytes_too) {
  const Mail small = maker_.one("1");
  const Mail large = other_maker_.one(std::string(190, 'x'));
  const auto mailbox = make({.bytes_max = 4 * small.charge(), .overflow = Overflow::drop_oldest});
  mailbox->push_run(std::vector<Mail>(4, small));
  ASSERT_LE(large.charge(), 4 * small.charge());
  EXPECT_EQ(mailbox->push_run({&large, 1}).accepted, 1U);
  EXPECT_LE(mailbox->bytes(), 4 * small.charge());
  EXPECT_EQ(read(sender_.dropped_mailbox_oldest), 4U);
  EXPECT_EQ(read(other_sender_.received), 1U);
}

TEST_P(MailboxTest, drop_oldest_drops_no_more_than_what_lacks) {
  const Mail large = other_maker_.one(std::string(200, 'x'));
  const auto mailbox = make({.bytes_max = 2 * large.charge(), .overflow = Overflow::drop_oldest});
  mailbox->push_run(std::vector<Mail>(2, large));
  EXPECT_EQ(mailbox->push_run(maker_.run(0, 3)).accepted, 3U);
  EXPECT_EQ(read(other_sender_.dropped_mailbox_oldest), 1U);
}

TEST_P(MailboxTest, what_can_never_fit_is_dropped_in_every_policy_and_the_rest_goes_on) {
  for (const Overflow overflow : {Overflow::drop_newest, Overflow::drop_oldest, Overflow::block}) {
    const auto mailbox = make({.bytes_max = 500, .overflow = overflow});
    const std::vector<Mail> run = {maker_.one("1"), maker_.one(std::string(500, 'x')), maker_.one("2")};
    const PushResult result = mailbox->push_run(run);
    EXPECT_EQ(result.accepted, 2U);
    EXPECT_EQ(result.dropped, 1U);
    EXPECT_EQ(result.blocked, 0U);
    mailbox->discard_all(&runtime::PeerCounters::dropped_shutdown);
  }
  EXPECT_EQ(read(sender_.dropped_mailbox_newest), 3U);
  EXPECT_EQ(waiting(sender_), 0U);
}

TEST_P(MailboxTest, drop_oldest_does_not_wait_for_what_is_being_handled) {
  const Mail mail = maker_.one(std::string(100, 'x'));
  const auto mailbox = make({.bytes_max = mail.charge(), .overflow = Overflow::drop_oldest});
  mailbox->push_run({&mail, 1});
  const std::vector<Mail> mails = popped(*mailbox, 1);
  EXPECT_EQ(mailbox->push_run({&mail, 1}).dropped, 1U);
  mailbox->release_run(mails);
  EXPECT_EQ(mailbox->push_run({&mail, 1}).accepted, 1U);
}

TEST_P(MailboxTest, under_pressure_messages_are_copied_out_of_their_chunk) {
  base::ChunkPool pool({.chunk_size = 100000, .chunk_count_max = 2});
  {
    const auto mailbox = make({.max_size = 100});
    mailbox->push_run(maker_.run(0, 40, &pool));
    EXPECT_FALSE(maker_.is_sole_leaseholder());
    mailbox->push_run(maker_.run(40, 40, &pool));
    EXPECT_EQ(read(mailbox->counters().copied_out), 40U);
    const PushResult rest = mailbox->push_run(maker_.run(80, 40));
    EXPECT_EQ(rest.accepted, 20U);
    EXPECT_EQ(read(mailbox->counters().copied_out), 40U) << "a chunk of its own pins nothing scarce";
    maker_.release_all();
    EXPECT_EQ(pool.leased(), 1U);
    EXPECT_EQ(handled(*mailbox, 100), numbers(0, 100));
    EXPECT_EQ(read(sender_.received), 120U);
    EXPECT_EQ(read(sender_.handled), 100U);
    EXPECT_EQ(read(sender_.dropped_mailbox_newest), 20U);
    EXPECT_EQ(mailbox->bytes(), 0U);
  }
  EXPECT_EQ(pool.leased(), 0U);
}

TEST_P(MailboxTest, a_full_mailbox_under_pressure_takes_what_fits_and_copies_that) {
  base::ChunkPool pool({.chunk_size = 100000, .chunk_count_max = 1});
  const auto mailbox = make({.max_size = 5});
  const PushResult result = mailbox->push_run(maker_.run(0, 50, &pool));
  EXPECT_EQ(result.accepted, 5U);
  EXPECT_EQ(result.dropped, 45U);
  EXPECT_TRUE(maker_.is_sole_leaseholder());
  maker_.release_all();
  EXPECT_EQ(handled(*mailbox, 10), numbers(0, 5));
}

TEST_P(MailboxTest, what_is_discarded_is_counted_and_gives_its_leases_back) {
  const auto mailbox = make({.max_size = 100});
  mailbox->push_run(maker_.run(0, 50));
  mailbox->push_run(other_maker_.run(0, 20));
  EXPECT_EQ(mailbox->discard_all(&runtime::PeerCounters::dropped_shutdown), 70U);
  EXPECT_EQ(read(sender_.dropped_shutdown), 50U);
  EXPECT_EQ(read(other_sender_.dropped_shutdown), 20U);
  EXPECT_EQ(read(mailbox->counters().discarded), 70U);
  EXPECT_EQ(mailbox->bytes(), 0U);
}

TEST_P(MailboxTest, its_end_gives_back_what_is_still_inside) {
  {
    const auto mailbox = make({.max_size = 100});
    mailbox->push_run(maker_.run(0, 50));
  }
  EXPECT_EQ(waiting(sender_), 0U);
}

}  // namespace
}  // namespace distflow::runtime
