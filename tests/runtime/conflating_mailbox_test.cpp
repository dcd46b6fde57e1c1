// The mailbox that keeps the newest message of each key: order, bounds and counters, first by hand, then by chance
// beside a model.
#include "runtime/receive/conflating_mailbox.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <deque>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "base/random.hpp"
#include "tests/base/seed.hpp"
#include "tests/runtime/mail_maker.hpp"

namespace distflow::runtime {
namespace {

using Texts = std::vector<std::string>;

std::string of_key(std::string_view key, int number) {
  return R"({"key":")" + std::string(key) + R"(","n":)" + std::to_string(number) + "}";
}

Texts handled(Mailbox& mailbox, std::size_t max = 100) {
  std::vector<Mail> mails(max);
  mails.resize(mailbox.pop_run(mails));
  Texts texts;
  for (const Mail& mail : mails) texts.emplace_back(mail.payload_text());
  mailbox.release_run(mails);
  return texts;
}

class ConflatingMailboxTest : public ::testing::Test {
 protected:
  static ConflationKey by_member() { return {"key", "receiver", {}}; }
  PushResult push(Mailbox& mailbox, std::string_view payload) { return push(mailbox, maker_, payload); }
  static PushResult push(Mailbox& mailbox, test::MailMaker& maker, std::string_view payload) {
    const Mail mail = maker.one(payload);
    return mailbox.push_run({&mail, 1});
  }
  static void expect_conserved(const PeerCounters& sender, std::uint64_t waiting) {
    EXPECT_EQ(read(sender.received), read(sender.handled) + waiting + read(sender.conflated) + sender.dropped());
  }
  void TearDown() override {
    EXPECT_TRUE(maker_.is_sole_leaseholder());
    EXPECT_TRUE(other_maker_.is_sole_leaseholder());
  }

  PeerCounters sender_;
  PeerCounters other_sender_;
  test::MailMaker maker_{sender_};
  test::MailMaker other_maker_{other_sender_, "other"};
  const base::SipKey hash_key_{1, 2};
};

TEST_F(ConflatingMailboxTest, keeps_the_newest_of_each_key_in_the_order_in_which_the_keys_came_first) {
  ConflatingMailbox mailbox({.max_size = 10}, by_member(), hash_key_);
  push(mailbox, of_key("a", 1));
  push(mailbox, of_key("b", 1));
  push(mailbox, "\"of no key\"");
  push(mailbox, of_key("a", 2));
  push(mailbox, "\"of no key\"");
  push(mailbox, of_key("c", 1));
  push(mailbox, of_key("a", 3));
  EXPECT_EQ(mailbox.size(), 5U);
  EXPECT_EQ(read(sender_.conflated), 2U);
  expect_conserved(sender_, 5);
  EXPECT_EQ(handled(mailbox),
            (Texts{of_key("a", 3), of_key("b", 1), "\"of no key\"", "\"of no key\"", of_key("c", 1)}));
  EXPECT_EQ(mailbox.bytes(), 0U);
  push(mailbox, of_key("a", 4));
  EXPECT_EQ(handled(mailbox), Texts{of_key("a", 4)}) << "a key that was delivered is a new one";
  expect_conserved(sender_, 0);
  EXPECT_EQ(read(mailbox.counters().conflated), 2U);
  EXPECT_EQ(read(mailbox.counters().accepted), 8U);
}

TEST_F(ConflatingMailboxTest,
       whoever_sent_a_message_the_newest_of_its_key_stays_and_the_sender_of_the_old_one_is_charged) {
  ConflatingMailbox mailbox({.max_size = 10}, by_member(), hash_key_);
  push(mailbox, maker_, of_key("a", 1));
  push(mailbox, other_maker_, of_key("a", 2));
  EXPECT_EQ(read(sender_.conflated), 1U);
  EXPECT_EQ(read(other_sender_.conflated), 0U);
  EXPECT_EQ(handled(mailbox), Texts{of_key("a", 2)});
  expect_conserved(sender_, 0);
  expect_conserved(other_sender_, 0);
}

TEST_F(ConflatingMailboxTest, what_is_being_handled_is_not_replaced) {
  ConflatingMailbox mailbox({.max_size = 10}, by_member(), hash_key_);
  push(mailbox, of_key("a", 1));
  std::array<Mail, 1> run;
  ASSERT_EQ(mailbox.pop_run(run), 1U);
  push(mailbox, of_key("a", 2));
  EXPECT_EQ(run[0].payload_text(), of_key("a", 1));
  mailbox.release_run(run);
  EXPECT_EQ(handled(mailbox), Texts{of_key("a", 2)});
  EXPECT_EQ(read(sender_.conflated), 0U);
}

TEST_F(ConflatingMailboxTest, a_member_counts_by_its_text_and_only_that_of_the_payloads_own_object_that_is_there_once) {
  ConflatingMailbox mailbox({.max_size = 100}, by_member(), hash_key_);
  const Texts payloads = {R"({"key":1})",
                          R"({"key":"1"})",
                          R"({"key":1.0})",
                          R"({"key":{"key":1}})",
                          R"({"x":{"key":1}})",
                          R"([{"key":1}])",
                          R"({"key":1,"key":1})",
                          R"({"key":1)",
                          "1",
                          "{}"};
  for (const std::string& payload : payloads) push(mailbox, payload);
  push(mailbox, R"( { "k\u0065y" : 1 } )");
  EXPECT_EQ(read(sender_.conflated), 0U) << "a payload with white space before it is none that a node sends";
  push(mailbox, R"({"k\u0065y" : 1})");
  EXPECT_EQ(read(sender_.conflated), 1U) << "a name may be written with escapes";
  EXPECT_EQ(handled(mailbox).size(), payloads.size() + 1);
}

TEST_F(ConflatingMailboxTest, a_function_may_give_any_part_of_the_payload_or_the_sender_and_what_is_no_part_is_no_key) {
  std::string_view wanted;
  const auto function = [&wanted](const Message& message) -> std::string_view {
    EXPECT_EQ(message.to, "receiver");
    if (wanted == "from") return message.from;
    if (wanted == "first") return message.payload.substr(0, 2);
    if (wanted == "beyond") return {message.payload.data(), message.payload.size() + 100};
    return wanted;
  };
  ConflatingMailbox mailbox({.max_size = 100}, ConflationKey(function, "receiver", {}), hash_key_);
  for (const char* const kind : {"from", "first", "beyond", "elsewhere", ""}) {
    wanted = kind;
    const std::uint64_t before = read(sender_.conflated);
    push(mailbox, "\"a1\"");
    push(mailbox, "\"a2\"");
    const bool is_key = wanted == "from" || wanted == "first";
    EXPECT_EQ(handled(mailbox), is_key ? Texts{"\"a2\""} : (Texts{"\"a1\"", "\"a2\""})) << kind;
    EXPECT_EQ(read(sender_.conflated) - before, is_key ? 1U : 0U) << kind;
  }
}

TEST_F(ConflatingMailboxTest, what_a_function_throws_is_told_and_the_message_has_no_key) {
  Texts told;
  auto note = [&told](const char* what) { told.emplace_back(what); };
  const auto function = [](const Message& message) -> std::string_view {
    if (message.payload == "1") throw std::runtime_error("one");
    throw 2;
  };
  ConflatingMailbox mailbox(
      {.max_size = 100}, ConflationKey(function, "receiver", base::Delegate<void(const char*)>::of(note)), hash_key_);
  push(mailbox, "1");
  push(mailbox, "2");
  EXPECT_EQ(told, (Texts{"one", "no std::exception"}));
  EXPECT_EQ(handled(mailbox), (Texts{"1", "2"}));
}

TEST_F(ConflatingMailboxTest, a_full_one_takes_what_replaces_and_treats_a_new_key_by_its_policy) {
  for (const Overflow overflow : {Overflow::drop_newest, Overflow::drop_oldest, Overflow::block}) {
    ConflatingMailbox mailbox({.max_size = 2, .overflow = overflow}, by_member(), hash_key_);
    push(mailbox, of_key("a", 1));
    push(mailbox, of_key("b", 1));
    EXPECT_EQ(push(mailbox, of_key("b", 2)).accepted, 1U);
    const PushResult result = push(mailbox, of_key("c", 1));
    EXPECT_EQ(result.dropped, overflow == Overflow::drop_newest ? 1U : 0U);
    EXPECT_EQ(result.accepted, overflow == Overflow::drop_oldest ? 1U : 0U);
    EXPECT_EQ(result.blocked, overflow == Overflow::block ? 1U : 0U);
    EXPECT_EQ(handled(mailbox), overflow == Overflow::drop_oldest ? (Texts{of_key("b", 2), of_key("c", 1)})
                                                                  : (Texts{of_key("a", 1), of_key("b", 2)}));
  }
  EXPECT_EQ(read(sender_.dropped_mailbox_newest), 1U);
  EXPECT_EQ(read(sender_.dropped_mailbox_oldest), 1U);
  expect_conserved(sender_, 0);
}

TEST_F(ConflatingMailboxTest,
       a_longer_message_that_finds_no_bytes_leaves_the_old_one_of_its_key_and_never_passes_the_bound) {
  const std::string longer = R"({"key":"a","n":")" + std::string(150, 'x') + "\"}";
  const std::size_t charge = maker_.one(of_key("a", 1)).charge();
  for (const Overflow overflow : {Overflow::drop_newest, Overflow::drop_oldest, Overflow::block}) {
    ConflatingMailbox mailbox({.bytes_max = 3 * charge, .overflow = overflow}, by_member(), hash_key_);
    for (const char* const key : {"a", "b", "c"}) push(mailbox, of_key(key, 1));
    push(mailbox, longer);
    EXPECT_LE(mailbox.bytes(), 3 * charge);
    const Texts left = handled(mailbox);
    EXPECT_EQ(left.front(), overflow == Overflow::drop_oldest ? longer : of_key("a", 1));
    EXPECT_EQ(left.size(), overflow == Overflow::drop_oldest ? 1U : 3U);
    EXPECT_EQ(mailbox.bytes(), 0U);
  }
}

TEST_F(ConflatingMailboxTest, under_pressure_each_message_has_a_copy_of_its_own_and_its_key_moves_along) {
  base::ChunkPool pool({.chunk_size = 100000, .chunk_count_max = 1});
  ConflatingMailbox mailbox({.max_size = 10}, by_member(), hash_key_);
  for (const char* const key : {"a", "b"}) {
    const Mail mail = maker_.one(of_key(key, 1), &pool);
    mailbox.push_run({&mail, 1});
    maker_.release_all();
  }
  EXPECT_EQ(read(mailbox.counters().copied_out), 2U);
  EXPECT_EQ(pool.leased(), 0U);
  push(mailbox, of_key("a", 2));
  EXPECT_EQ(handled(mailbox), (Texts{of_key("a", 2), of_key("b", 1)}));
}

struct Drops {
  std::uint64_t newest = 0;
  std::uint64_t oldest = 0;
  void note(Counter PeerCounters::*reason, std::uint64_t count) {
    (reason == &PeerCounters::dropped_mailbox_newest ? newest : oldest) += count;
  }
};

TEST_F(ConflatingMailboxTest, every_drop_is_told_however_many_there_are_at_once) {
  for (const Overflow overflow : {Overflow::drop_newest, Overflow::drop_oldest}) {
    PeerCounters senders[2];
    Drops drops;
    for (PeerCounters& sender : senders) {
      sender.on_drop = base::Delegate<void(Counter PeerCounters::*, std::uint64_t)>::to<&Drops::note>(drops);
    }
    test::MailMaker makers[2] = {test::MailMaker(senders[0]), test::MailMaker(senders[1])};
    ConflatingMailbox mailbox({.max_size = 100, .bytes_max = 100 * 100, .overflow = overflow}, by_member(), hash_key_);
    std::vector<Mail> run;
    // In turns, so that no two drops are told as one; at the end one that takes the room of many.
    for (std::size_t i = 0; i < 300; ++i) run.push_back(makers[i % 2].one(std::to_string(i)));
    run.push_back(makers[0].one(std::string(9000, 'x')));
    mailbox.push_run(run);
    const std::uint64_t newest = read(senders[0].dropped_mailbox_newest) + read(senders[1].dropped_mailbox_newest);
    const std::uint64_t oldest = read(senders[0].dropped_mailbox_oldest) + read(senders[1].dropped_mailbox_oldest);
    EXPECT_EQ(drops.newest, newest);
    EXPECT_EQ(drops.oldest, oldest);
    EXPECT_EQ(newest + oldest + mailbox.size(), run.size());
    EXPECT_GE(newest + oldest, 200U);
    mailbox.discard_all(&runtime::PeerCounters::dropped_shutdown);
  }
}

/// What the mailbox should do, as simply as it can be said.
class Model {
 public:
  explicit Model(MailboxOptions options) : options_(options) {}

  struct Waiting {
    std::string key;
    std::string payload;
    std::size_t charge;
  };

  void push(const Waiting& message) {
    const auto same = message.key.empty() ? waiting_.end() : find(message.key);
    const std::size_t old_charge = same == waiting_.end() ? 0 : same->charge;
    const bool needs_place = same == waiting_.end();
    const auto has_room = [&] {
      return bytes() - old_charge + message.charge <= options_.bytes_max &&
             !(needs_place && waiting_.size() == options_.max_size);
    };
    if (options_.overflow == Overflow::drop_oldest && message.charge <= options_.bytes_max) {
      for (std::size_t i = 0; i < waiting_.size() && !has_room();) {
        if (!message.key.empty() && waiting_[i].key == message.key) {
          ++i;
        } else {
          waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
        }
      }
    }
    if (message.charge > options_.bytes_max || !has_room()) return;
    if (needs_place) {
      waiting_.push_back(message);
    } else {
      *find(message.key) = message;
    }
  }
  std::optional<Waiting> pop() {
    if (waiting_.empty()) return std::nullopt;
    Waiting first = waiting_.front();
    waiting_.pop_front();
    return first;
  }
  [[nodiscard]] std::size_t size() const { return waiting_.size(); }
  [[nodiscard]] std::size_t bytes() const {
    std::size_t sum = 0;
    for (const Waiting& message : waiting_) sum += message.charge;
    return sum;
  }

 private:
  std::deque<Waiting>::iterator find(const std::string& key) {
    return std::find_if(waiting_.begin(), waiting_.end(), [&key](const Waiting& other) { return other.key == key; });
  }

  const MailboxOptions options_;
  std::deque<Waiting> waiting_;
};

TEST_F(ConflatingMailboxTest, does_what_a_simple_model_does_whatever_comes_and_goes) {
  const test::Seed seed;
  SCOPED_TRACE(seed.replay());
  base::Random random(seed.value());
  for (int world = 0; world < 40; ++world) {
    const MailboxOptions options{.max_size = static_cast<std::uint32_t>(1 + random.uniform(12)),
                                 .bytes_max = 200 + random.uniform(2000),
                                 .overflow = random.chance(0.5) ? Overflow::drop_newest : Overflow::drop_oldest};
    ConflatingMailbox mailbox(options, by_member(), hash_key_);
    Model model(options);
    for (int step = 0; step < 300; ++step) {
      if (random.chance(0.7)) {
        const std::string key = random.chance(0.2) ? "" : std::to_string(random.uniform(10));
        const std::string padding(random.uniform(random.chance(0.1) ? 1000 : 60), 'x');
        const std::string of_its_key = R"({"key":")" + key + R"(","x":")" + padding + "\"}";
        const Mail mail = maker_.one(key.empty() ? '"' + padding + '"' : of_its_key);
        mailbox.push_run({&mail, 1});
        model.push({.key = key, .payload = std::string(mail.payload_text()), .charge = mail.charge()});
      } else {
        const auto expected = model.pop();
        EXPECT_EQ(handled(mailbox, 1), expected ? Texts{expected->payload} : Texts{});
      }
      ASSERT_EQ(mailbox.size(), model.size());
      ASSERT_EQ(mailbox.bytes(), model.bytes());
    }
    while (const auto expected = model.pop()) EXPECT_EQ(handled(mailbox, 1), Texts{expected->payload});
    maker_.release_all();
  }
  expect_conserved(sender_, 0);
  EXPECT_GT(read(sender_.conflated), 0U);
}

TEST_F(ConflatingMailboxTest, across_threads_the_last_of_each_key_is_always_handled_and_the_counters_add_up) {
  const test::Seed seed;
  SCOPED_TRACE(seed.replay());
  constexpr int kKeys = 20;
  constexpr int kMessages = 20000;
  ConflatingMailbox mailbox({.max_size = kKeys, .producers = base::Sharing::one}, by_member(), hash_key_);
  std::atomic<bool> is_done{false};
  std::array<int, kKeys> sent{};
  std::thread producer([&] {
    base::Random random(seed.value());
    for (int number = 1; number <= kMessages; ++number) {
      const std::size_t key = random.uniform(kKeys);
      sent[key] = number;
      push(mailbox, of_key(std::to_string(key), number));
      if (number % 64 == 0) maker_.release_all();
    }
    is_done = true;
  });
  std::array<int, kKeys> last{};
  std::array<Mail, 7> run;
  for (bool is_last = false; !is_last;) {
    is_last = is_done.load();
    while (const std::size_t count = mailbox.pop_run(run)) {
      for (const Mail& mail : std::span(run).first(count)) {
        int key = 0;
        int number = 0;
        const std::string text(mail.payload_text());
        ASSERT_EQ(std::sscanf(text.c_str(), R"({"key":"%d","n":%d})", &key, &number), 2);
        EXPECT_GT(number, last[static_cast<std::size_t>(key)]);
        last[static_cast<std::size_t>(key)] = number;
      }
      mailbox.release_run(std::span(run).first(count));
    }
  }
  producer.join();
  EXPECT_EQ(last, sent);
  expect_conserved(sender_, 0);
  EXPECT_EQ(sender_.dropped(), 0U);
  EXPECT_EQ(mailbox.bytes(), 0U);
}

}  // namespace
}  // namespace distflow::runtime
