// Frames that a peer could send to lead the receiver astray, to overflow its stack, or to make it loop.
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "protocol/envelope.hpp"
#include "protocol/json_scan.hpp"

namespace distflow::protocol {
namespace {

using namespace std::string_view_literals;

const std::string kHead = R"({"from":"7021c0138e13d26a","to":"00000000000051c4")";

/// Each of the ways in refuses the frame, whose memory is exactly its size.
void expect_refused(std::string_view frame) {
  const std::string exact(frame);
  Envelope envelope;
  EnvelopeScratch scratch;
  EXPECT_FALSE(decode_template(exact, envelope)) << frame.substr(0, 300);
  EXPECT_FALSE(decode_general(exact, envelope, scratch)) << frame.substr(0, 300);
}

/// The payload that a frame with `json` in its place is read to have.
std::string payload_of(const std::string& json) {
  const std::string frame = kHead + ",\"payload\":" + json + R"(,"timestamp":1795375753755})";
  Envelope envelope;
  EnvelopeScratch scratch;
  return decode(frame, envelope, scratch) ? std::string(envelope.payload) : "(refused)";
}

TEST(EnvelopeHostile, a_member_smuggled_in_behind_the_payload_does_not_get_through) {
  for (const char* json : {R"(1,"from":"admin")", R"("x","from":"admin")", R"({},"from":"admin")",
                           R"("x\\","from":"admin","y":"")", R"([\"],"from":"admin","y":["])", R"(1,"payload":2)",
                           R"("a","payload":"b")", R"(1,"timestamp":2)", R"("","timestamp":1},{"x":"")", R"(1}{"a":1)",
                           R"("a""b")", R"("x".5)", "1 2", "[}", "{]", "\"", "[", "{", ""}) {
    EXPECT_EQ(payload_of(json), "(refused)") << json;
  }
}

TEST(EnvelopeHostile, a_string_must_be_closed_by_its_last_byte) {
  for (std::size_t size = 0; size < 600; ++size) {
    const std::string text(size, 'x');
    EXPECT_EQ(payload_of('"' + text + "\\\""), "(refused)") << size;
    EXPECT_EQ(payload_of('"' + text + R"("x")"), "(refused)") << size;
    EXPECT_EQ(payload_of(R"("")" + text + '"'), "(refused)") << size;
    EXPECT_EQ(payload_of('"' + text), "(refused)") << size;
  }
}

TEST(EnvelopeHostile, an_unknown_member_behind_the_payload_stays_out_of_it) {
  EXPECT_EQ(payload_of(R"(1,"x":2)"), "1");
  EXPECT_EQ(payload_of(R"("a","x":"b")"), R"("a")");
  EXPECT_EQ(payload_of(R"({"a":1},"x":{"b":2})"), R"({"a":1})");
}

TEST(EnvelopeHostile, text_in_the_payload_that_looks_like_the_end_is_text) {
  for (const char* json : {R"("\",\"timestamp\":1}")", R"({"a":"\",\"timestamp\":1}"})", R"(["\",\"timestamp\":1}"])",
                           R"({"payload":"x","timestamp":1})", R"("{\"from\":\"admin\"}")", R"([{"from":"admin"}])"}) {
    EXPECT_EQ(payload_of(json), json);
  }
  expect_refused(kHead + R"(,"payload":"","timestamp":1}","timestamp":1795375753755})");
}

TEST(EnvelopeHostile, known_keys_come_once) {
  for (const char* extra : {R"("from":"admin")", R"("to":"x")", R"("timestamp":1)", R"("\u0066rom":"admin")"}) {
    expect_refused(kHead + "," + extra + R"(,"payload":1,"timestamp":1795375753755})");
    expect_refused(kHead + R"(,"payload":1,"timestamp":1795375753755,)" + extra + "}");
  }
  expect_refused(kHead + R"(,"payload":1,"payload":2,"timestamp":1795375753755})");
}

TEST(EnvelopeHostile, from_to_and_timestamp_must_be_there) {
  expect_refused(R"({"to":"00000000000051c4","payload":1,"timestamp":1795375753755})");
  expect_refused(R"({"from":"7021c0138e13d26a","payload":1,"timestamp":1795375753755})");
  expect_refused(kHead + R"(,"payload":1})");
  for (const char* frame : {"", "{}", "[]", "null", "1", "\"\"", " "}) expect_refused(frame);
}

TEST(EnvelopeHostile, ids_are_strings_of_valid_utf8) {
  for (const char* id : {"1", "null", "true", "{}", "[]", R"(["a"])", "a", R"("a)", R"("\ud800")", R"("\udc00")",
                         R"("\x")", R"("\u12")", "\"\xC0\x80\"", "\"\xED\xA0\x80\"", "\"\xFF\"", "\"\xE2\x98\"",
                         "\"7021c0138e13d26\xFF\"", "\"7021c0138e13d26\n\"", "\"\t\""}) {
    expect_refused(R"({"from":)" + std::string(id) +
                   R"(,"to":"00000000000051c4","payload":1,"timestamp":1795375753755})");
    expect_refused(R"({"from":"7021c0138e13d26a","to":)" + std::string(id) +
                   R"(,"payload":1,"timestamp":1795375753755})");
  }
  expect_refused(
      "{\"from\":\"7021c0138e13d26\0\",\"to\":\"00000000000051c4\",\"payload\":1,\"timestamp\":1795375753755}"sv);
}

TEST(EnvelopeHostile, timestamps_are_integers_of_64_bits) {
  for (const char* time : {"",
                           "-",
                           "007",
                           "0795375753755",
                           "-01",
                           "00",
                           "1795375753755.0",
                           "1.795e12",
                           "1e400",
                           "\"1795375753755\"",
                           "null",
                           "true",
                           "[]",
                           "9223372036854775808",
                           "-9223372036854775809",
                           "99999999999999999999",
                           "+1",
                           "179537575375:",
                           "17953757537 5",
                           "/795375753755",
                           ":795375753755",
                           "179537575375\xFF",
                           "0x1",
                           "1795375753755x"}) {
    expect_refused(kHead + R"(,"payload":1,"timestamp":)" + time + "}");
    expect_refused(kHead + R"(,"timestamp":)" + time + "}");
  }
  expect_refused(kHead + R"(,"payload":1,"timestamp":)" + std::string(100'000, '9') + "}");
  expect_refused(kHead + R"(,"payload":1,"timestamp":1e-)" + std::string(100'000, '9') + "}");
}

TEST(EnvelopeHostile, nothing_stands_behind_the_frame) {
  for (const auto tail : {"}"sv, "{}"sv, ","sv, "1"sv, "\0"sv, "\0\0"sv, "x"sv, "\xEF\xBB\xBF"sv}) {
    expect_refused(kHead + R"(,"payload":1,"timestamp":1795375753755})" + std::string(tail));
    expect_refused(std::string(tail) + kHead + R"(,"payload":1,"timestamp":1795375753755})");
  }
}

TEST(EnvelopeHostile, every_cut_of_a_frame_is_refused) {
  for (const char* payload :
       {R"(,"payload":{"a":[1,"b"]})", R"(,"payload":"0123456789012345678901234567890123456789")", ""}) {
    const std::string frame = kHead + payload + R"(,"timestamp":1795375753755})";
    for (std::size_t size = 0; size < frame.size(); ++size) expect_refused(frame.substr(0, size));
  }
}

TEST(EnvelopeHostile, nesting_beyond_the_limit_is_refused_without_recursion) {
  EXPECT_EQ(payload_of(std::string(kDepthMax + 1, '[') + std::string(kDepthMax + 1, ']')), "(refused)");
  const std::string deepest = std::string(kDepthMax, '[') + std::string(kDepthMax, ']');
  EXPECT_EQ(payload_of(deepest), deepest);
  EXPECT_EQ(payload_of(std::string(1'000'000, '[')), "(refused)");
  expect_refused(std::string(1'000'000, '['));
  expect_refused(std::string(1'000'000, '{'));
  expect_refused(kHead + R"(,"x":)" + std::string(1'000'000, '[') + R"(,"timestamp":1})");
}

TEST(EnvelopeHostile, a_million_keys_are_passed_over) {
  std::string keys;
  for (int i = 0; i < 1'000'000; ++i) keys += R"("k":1,)";
  Envelope envelope;
  EnvelopeScratch scratch;
  EXPECT_TRUE(decode("{" + keys + kHead.substr(1) + R"(,"timestamp":7})", envelope, scratch));
  keys.pop_back();
  EXPECT_EQ(payload_of("{" + keys + "}"), "{" + keys + "}");
}

TEST(EnvelopeHostile, numbers_of_any_size_in_the_payload_are_handed_on_unread) {
  for (const std::string& number : {std::string("1e400"), std::string("-1e-2147483648"), std::string(100'000, '9')}) {
    EXPECT_EQ(payload_of(number), number);
    EXPECT_EQ(payload_of("[" + number + "]"), "[" + number + "]");
  }
}

TEST(EnvelopeHostile, a_long_run_of_backslashes_is_read_once) {
  const std::string text = '"' + std::string(1'000'000, '\\') + '"';
  EXPECT_EQ(payload_of(text), text);
  std::string quotes = "\"";
  for (int i = 0; i < 200'000; ++i) quotes += R"(\")";
  EXPECT_EQ(payload_of(quotes + '"'), quotes + '"');
}

}  // namespace
}  // namespace distflow::protocol
