#include "stream/handshake_log.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <system_error>
#include <vector>

namespace distflow::stream {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class HandshakeLogTest : public ::testing::Test {
 protected:
  void fail_at(std::uint8_t last_of_host, std::error_code why = Errc::malformed) {
    io::Address address = io::Address::ipv4_loopback(++port_);
    address.bytes[3] = last_of_host;
    failures_.tell_failed(Role::accepter, {.address = address}, {why, "a handshake"}, now_);
  }
  void on_line(base::LogLevel level, std::string_view line) {
    lines_.push_back(std::string(base::to_string(level)) + ": " + std::string(line));
  }

  std::vector<std::string> lines_;
  base::Log log_{base::LogLevel::warn, base::LogSink::to<&HandshakeLogTest::on_line>(*this)};
  HandshakeLog failures_{log_};
  base::Instant now_{base::seconds(1)};
  std::uint16_t port_ = 40'000;
};

TEST_F(HandshakeLogTest, warns_once_of_a_host_and_a_reason_whatever_the_port) {
  for (int i = 0; i < 3; ++i) fail_at(1);
  EXPECT_EQ(lines_.size(), 1U);
  fail_at(2);
  fail_at(1, Errc::timed_out);
  EXPECT_EQ(lines_.size(), 3U);
}

TEST_F(HandshakeLogTest, tells_errors_of_one_number_apart_by_their_category) {
  const std::error_code ours = Errc::malformed;
  const std::error_code systems(ours.value(), std::generic_category());
  for (int i = 0; i < 2; ++i) {
    fail_at(1, ours);
    fail_at(1, systems);
  }
  EXPECT_EQ(lines_.size(), 2U);
}

TEST_F(HandshakeLogTest, has_what_comes_again_at_level_debug) {
  log_.set_level(base::LogLevel::debug);
  fail_at(1);
  fail_at(1);
  EXPECT_THAT(lines_, ElementsAre(HasSubstr("warn: the handshake with 127.0.0.1,"),
                                  HasSubstr("debug: the handshake with 127.0.0.1,")));
}

TEST_F(HandshakeLogTest, warns_so_often_and_later_of_who_was_left_out) {
  for (std::uint8_t host = 1; host <= HandshakeLog::kWarningsMax + 2; ++host) fail_at(host);
  EXPECT_EQ(lines_.size(), HandshakeLog::kWarningsMax);
  lines_.clear();
  now_ += HandshakeLog::kInterval;
  fail_at(HandshakeLog::kWarningsMax + 2);
  EXPECT_THAT(lines_, ElementsAre(HasSubstr("2 lines about failed handshakes were left out"),
                                  HasSubstr("127.0.0." + std::to_string(HandshakeLog::kWarningsMax + 2))));
}

TEST_F(HandshakeLogTest, warns_again_of_who_was_forgotten_for_others) {
  for (std::uint8_t host = 1; host <= HandshakeLog::kKnownMax + 1; ++host) {
    fail_at(host);
    now_ += HandshakeLog::kInterval;
  }
  lines_.clear();
  fail_at(HandshakeLog::kKnownMax + 1);
  EXPECT_TRUE(lines_.empty());
  fail_at(1);
  EXPECT_EQ(lines_.size(), 1U);
}

}  // namespace
}  // namespace distflow::stream
