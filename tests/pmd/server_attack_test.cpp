// Hostile bytes, each with an honest client beside: it is answered after each of them, and its node stays registered.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "tests/support/loopback_pmd.hpp"
#include "tests/support/memory_pmd.hpp"
#include "tests/support/over_stores.hpp"
#include "tests/support/pmd_requests.hpp"

namespace distflow::pmd {
namespace {

using namespace test;
using ::testing::HasSubstr;

std::string length(std::uint32_t value) {
  std::string header(framing::kHeaderSize, '\0');
  framing::write_header(header.data(), value);
  return header;
}

std::string repeated(std::string_view text, std::size_t count) {
  std::string all;
  for (std::size_t i = 0; i < count; ++i) all += text;
  return all;
}

class PmdUnderAttack : public OverStores {
 protected:
  void SetUp() override { ASSERT_EQ(pmd.ask(honest, register_text("id1", "honest")), kSuccess); }
  void TearDown() override { expect_honest_is_served(); }

  void expect_honest_is_served() { ASSERT_THAT(pmd.ask(honest, resolve_text("honest")), HasSubstr("id1")); }

  /// The attacker sends `bytes` and is to be hung up on.
  void expect_hung_up(std::string_view bytes) {
    PmdTestClient attacker(pmd.port());
    attacker.send_bytes(bytes);
    EXPECT_TRUE(pmd.is_hung_up(attacker));
    expect_honest_is_served();
  }
  /// The attacker sends `body` in a frame, is told something, and may go on.
  std::string answer_to(const std::string& body) {
    PmdTestClient attacker(pmd.port());
    std::string answer = pmd.ask(attacker, body);
    EXPECT_EQ(pmd.ask(attacker, request_text("dance")),
              R"({"type":"response","requestId":"r","payload":{"error":"Unknown message type"}})");
    expect_honest_is_served();
    return answer;
  }

  LoopbackPmd pmd{{}, store()};
  PmdTestClient honest{pmd.port()};
};
DF_OVER_STORES(PmdUnderAttack);

constexpr const char* kInvalidJson = R"({"type":"response","payload":{"error":"Invalid JSON"}})";

TEST_P(PmdUnderAttack, lengths_beyond_the_limit_end_the_connection) {
  for (const std::uint32_t announced : {64u * 1024 + 1, 0x7fffffffu, 0x80000000u, 0xffffffffu}) {
    expect_hung_up(length(announced));
    expect_hung_up(length(announced) + "some of it");
  }
  EXPECT_EQ(pmd.server().counters().frames_too_long, 8u);
}

TEST_P(PmdUnderAttack, lengths_of_nothing_and_of_one_byte_are_frames) {
  EXPECT_EQ(answer_to(""), kInvalidJson);
  EXPECT_EQ(answer_to("1"), kInvalidJson);
}

TEST_P(PmdUnderAttack, a_frame_at_the_limit_is_read) {
  const std::string body = R"({"type":"dance","payload":")" + std::string(64 * 1024 - 29, 'x') + R"("})";
  ASSERT_EQ(body.size(), 64u * 1024);
  EXPECT_THAT(answer_to(body), HasSubstr("Unknown message type"));
}

TEST_P(PmdUnderAttack, a_little_endian_length_ends_the_connection_and_the_log_says_so) {
  expect_hung_up(std::string("\x40\0\0\0", 4) + std::string(64, ' '));
  EXPECT_THAT(pmd.log(), HasSubstr("little-endian"));
}

TEST_P(PmdUnderAttack, what_was_announced_and_never_comes_costs_nobody_anything) {
  std::vector<PmdTestClient> attackers;
  for (int i = 0; i < 200; ++i) {
    attackers.emplace_back(pmd.port());
    attackers.back().send_bytes(length(64 * 1024));
    if (i % 2 == 0) attackers.back().send_bytes(std::string(64 * 1024 - 1, ' '));
  }
  for (int i = 0; i < 20; ++i) expect_honest_is_served();
}

TEST_P(PmdUnderAttack, one_byte_a_segment_is_read_like_any_other) {
  PmdTestClient slow(pmd.port());
  const std::string body = request_text("dance");
  for (const char byte : length(static_cast<std::uint32_t>(body.size())) + body) {
    slow.send_bytes({&byte, 1});
    pmd.turn();
  }
  EXPECT_THAT(pmd.receive(slow), HasSubstr("Unknown message type"));
}

TEST_P(PmdUnderAttack, other_protocols_are_hung_up_on) {
  expect_hung_up("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  expect_hung_up(std::string_view("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11));
  expect_hung_up(std::string_view("\xff\0\0\0\0\0\0\0\1\x7f", 10));
  expect_hung_up(std::string_view("\0\1n", 3));
}

TEST_P(PmdUnderAttack, deep_nesting_is_refused_or_passed_over) {
  EXPECT_EQ(answer_to(std::string(60'000, '[')), kInvalidJson);
  EXPECT_EQ(answer_to(std::string(30'000, '[') + std::string(30'000, ']')), kInvalidJson);
  EXPECT_EQ(answer_to(repeated(R"({"a":)", 12'000)), kInvalidJson);
  answer_to(R"({"type":"list","payload":)" + std::string(500, '[') + std::string(500, ']') + "}");
}

TEST_P(PmdUnderAttack, many_keys_repeated_ones_and_missing_ones_do_no_harm) {
  std::string keys = "{";
  for (int i = 0; i < 6000; ++i) keys += '"' + std::to_string(i) + R"(":1,)";
  EXPECT_THAT(answer_to(keys + R"("type":"dance"})"), HasSubstr("Unknown message type"));
  EXPECT_EQ(answer_to(R"({"type":"list","type":"shutdown"})"), kInvalidJson);
  EXPECT_THAT(answer_to("{}"), HasSubstr("Unknown message type"));
  EXPECT_THAT(answer_to(R"({"payload":{"alias":"honest"},"requestId":"r","type":"resolve"})"), HasSubstr("id1"));
}

TEST_P(PmdUnderAttack, texts_that_are_no_utf_8_and_escapes_that_are_none_are_refused) {
  for (const std::string& alias : {std::string("\xc0\x80"), std::string("\xed\xa0\x80"), std::string("\\ud800"),
                                   std::string("\\x41"), std::string("\xff"), std::string("a\0b", 3)}) {
    EXPECT_THAT(answer_to(register_text("attacker", alias)), HasSubstr("error"));
  }
  EXPECT_EQ(pmd.server().registry().size(), 1u);
}

TEST_P(PmdUnderAttack, monstrous_numbers_are_refused_or_passed_over) {
  for (const std::string& port :
       {std::string("1e400"), std::string("-1e-400000"), std::string(50'000, '9'), "1e-" + std::string(50'000, '9'),
        "0." + std::string(50'000, '0') + "1", std::string("4.5e3"), std::string("NaN")}) {
    EXPECT_THAT(answer_to(R"({"type":"register","payload":{"nodeId":"a","host":"h","port":)" + port + "}}"),
                HasSubstr("error"));
    answer_to(R"({"type":"list","payload":)" + port + "}");
  }
}

TEST_P(PmdUnderAttack, an_alias_full_of_control_characters_speaks_to_no_terminal) {
  EXPECT_EQ(answer_to(register_text("attacker", R"(\u001b[2J\n\u0000)")), kSuccess);
  EXPECT_THAT(pmd.log(), ::testing::Not(HasSubstr("\x1b")));
}

TEST_P(PmdUnderAttack, connections_that_vanish_in_mid_frame_leave_nothing_behind) {
  for (int i = 0; i < 200; ++i) {
    PmdTestClient attacker(pmd.port());
    attacker.send_bytes(length(100) + "{");
    if (i % 2 == 0) attacker.reset();
  }
  expect_honest_is_served();
  EXPECT_TRUE(pmd.until([&] { return pmd.server().connection_count() == 1; }));
}

TEST_P(PmdUnderAttack, a_flood_of_registrations_and_unknown_names_is_answered_and_forgotten) {
  PmdTestClient attacker(pmd.port());
  for (int i = 0; i < 2000; ++i) {
    attacker.send(register_text("flood", "flood"));
    attacker.send(unregister_text("flood"));
    attacker.send(resolve_text("nobody"));
    std::string answer;
    if (i % 50 == 0) pmd.turn();
    while (attacker.receive(answer)) continue;
  }
  ASSERT_THAT(pmd.ask(honest, resolve_text("honest")), HasSubstr("id1"));
  attacker.close();
  EXPECT_TRUE(pmd.until([&] { return pmd.server().connection_count() == 1; }));
  EXPECT_EQ(pmd.server().registry().size(), 1u);
}

}  // namespace
}  // namespace distflow::pmd
