// The simulator's bookkeeper finds what it is there to find.
#include "tests/sim/ledger.hpp"

#include <gtest/gtest.h>

namespace distflow::test {
namespace {

constexpr Ledger::Member kSender = 1;
constexpr Ledger::Member kReceiver = 2;

class LedgerTest : public ::testing::Test {
 protected:
  std::string write() { return ledger_.write(kSender, "name", 10); }
  std::size_t strands_after(const std::string& text) { return ledger_.read(kReceiver, text).strands; }

  Ledger ledger_;
};

TEST_F(LedgerTest, a_message_as_it_was_written_is_right_and_tells_who_wrote_it_to_whom) {
  const std::string text = write();
  const Ledger::Reading reading = ledger_.read(kReceiver, text);
  EXPECT_EQ(reading.wrong, "");
  EXPECT_EQ(reading.sender, kSender);
  EXPECT_EQ(reading.name, "name");
  EXPECT_EQ(ledger_.handled_count(), 1U);
  EXPECT_TRUE(ledger_.has_handled_last(kReceiver, kSender, "name"));
}

TEST_F(LedgerTest, a_message_to_many_comes_once_to_each) {
  Ledger published(Ledger::Receivers::many);
  const std::string text = published.write(kSender, "topic", 10);
  EXPECT_EQ(published.read(kReceiver, text).wrong, "");
  EXPECT_EQ(published.read(kReceiver + 1, text).wrong, "");
  EXPECT_NE(published.read(kReceiver, text).wrong, "");
}

TEST_F(LedgerTest, every_changed_byte_is_found) {
  const std::string text = write();
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == '7' ? '8' : '7';
    EXPECT_NE(ledger_.read(kReceiver, changed).wrong, "") << changed;
  }
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_NE(ledger_.read(kReceiver, text.substr(0, size)).wrong, "") << size;
  }
}

TEST_F(LedgerTest, a_message_comes_once_whoever_gets_it) {
  const std::string text = write();
  EXPECT_EQ(ledger_.read(kReceiver, text).wrong, "");
  EXPECT_EQ(ledger_.read(kReceiver, text).wrong, "message 1 of flow 1/0 at 2 came twice");
  EXPECT_EQ(ledger_.read(kReceiver + 1, text).wrong, "message 1 of flow 1/0 at 3 came twice");
}

TEST_F(LedgerTest, a_message_that_nobody_sent_is_found) {
  Ledger another;
  another.write(kSender, "name", 10);
  const std::string second = another.write(kSender, "name", 10);
  write();
  EXPECT_EQ(ledger_.read(kReceiver, second).wrong, "message 2 of flow 1/0 at 2 was never sent");
}

TEST_F(LedgerTest, rising_numbers_are_one_strand_though_some_are_missing) {
  const std::string first = write();
  write();
  const std::string third = write();
  EXPECT_EQ(strands_after(first), 1U);
  EXPECT_EQ(strands_after(third), 1U);
}

TEST_F(LedgerTest, as_many_strands_are_counted_as_connections_are_needed) {
  std::vector<std::string> texts;
  for (int i = 0; i < 6; ++i) texts.push_back(write());
  EXPECT_EQ(strands_after(texts[3]), 1U);
  EXPECT_EQ(strands_after(texts[0]), 2U) << "4 and 1 came on two connections";
  EXPECT_EQ(strands_after(texts[4]), 2U) << "5 goes on after 4";
  EXPECT_EQ(strands_after(texts[1]), 2U) << "2 goes on after 1";
  EXPECT_EQ(strands_after(texts[2]), 2U);
  EXPECT_EQ(strands_after(texts[5]), 2U);
}

TEST_F(LedgerTest, numbers_that_fall_need_a_connection_each) {
  std::vector<std::string> texts;
  for (int i = 0; i < 5; ++i) texts.push_back(write());
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(strands_after(texts[4 - i]), i + 1);
}

}  // namespace
}  // namespace distflow::test
