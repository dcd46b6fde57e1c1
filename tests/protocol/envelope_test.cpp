#include "protocol/envelope.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "protocol/json_grammar.hpp"

namespace distflow::protocol {
namespace {

/// Frames that a TypeScript node wrote, "<length> <json>" a line.
std::vector<std::string> recorded_frames() {
  std::ifstream file(DISTFLOW_TEST_DATA "/typescript-node-frames.txt");
  std::vector<std::string> frames;
  for (std::string line; std::getline(file, line);) {
    const std::size_t space = line.find(' ');
    frames.push_back(line.substr(space + 1));
    EXPECT_EQ(frames.back().size(), std::stoul(line.substr(0, space)));
  }
  return frames;
}

TEST(EnvelopeDecode, recorded_frames_of_a_typescript_node_take_the_template) {
  const char* const payloads[] = {R"({"type":"HELLO","data":"world"})",
                                  "\"text \xC3\xA9 \xE2\x98\x83 \\\"q\\\" \\\\ \\n\"",
                                  "42",
                                  "null",
                                  "true",
                                  R"([1,2,{"a":[]}])",
                                  R"({"nested":{"deep":{"x":15000000000}}})",
                                  ""};
  const std::vector<std::string> frames = recorded_frames();
  ASSERT_EQ(frames.size(), std::size(payloads));
  for (std::size_t i = 0; i < frames.size(); ++i) {
    Envelope envelope;
    ASSERT_TRUE(decode_template(frames[i], envelope)) << frames[i];
    EXPECT_EQ(envelope.from, "7021c0138e13d26a");
    EXPECT_EQ(envelope.to, "00000000000051c4");
    EXPECT_EQ(envelope.payload, payloads[i]);
    EXPECT_EQ(envelope.has_payload(), i + 1 != frames.size());
    EXPECT_GE(envelope.timestamp, 1795375753755);
    EXPECT_LE(envelope.timestamp, 1795375753758);
  }
}

TEST(EnvelopeDecode, keys_in_any_order_with_white_space_and_unknown_keys_give_the_same_message) {
  const char* const frames[] = {
      R"({"from":"a","to":"b","payload":{"x":1},"timestamp":7})",
      R"({"timestamp":7,"payload":{"x":1},"to":"b","from":"a"})",
      " {\n\"to\" : \"b\" ,\t\"timestamp\" : 7 , \"from\" : \"a\" , \"payload\" : {\"x\":1}\r\n} ",
      R"({"v":[1,{"from":"z"}],"from":"a","to":"b","n":1e400,"payload":{"x":1},"timestamp":7,"":null})",
      R"({"\u0066rom":"\u0061","to":"b","payload":{"x":1},"timestamp":7})",
  };
  for (const char* frame : frames) {
    Envelope envelope;
    EnvelopeScratch scratch;
    ASSERT_TRUE(decode(frame, envelope, scratch)) << frame;
    EXPECT_EQ(envelope.from, "a");
    EXPECT_EQ(envelope.to, "b");
    EXPECT_EQ(envelope.payload, R"({"x":1})");
    EXPECT_EQ(envelope.timestamp, 7);
  }
}

TEST(EnvelopeDecode, ids_written_without_escapes_are_views_into_the_frame) {
  const std::string frame = R"({"to":"b","from":"a","timestamp":7})";
  Envelope envelope;
  EnvelopeScratch scratch;
  ASSERT_TRUE(decode_general(frame, envelope, scratch));
  EXPECT_EQ(envelope.from.data(), frame.data() + frame.find("\"a\"") + 1);
  EXPECT_EQ(envelope.to.data(), frame.data() + frame.find("\"b\"") + 1);
}

TEST(EnvelopeDecode, ids_written_with_escapes_lie_in_the_scratch) {
  Envelope envelope;
  EnvelopeScratch scratch;
  ASSERT_TRUE(decode(R"({"from":"\"\u00e9","to":"b\n","timestamp":7})", envelope, scratch));
  EXPECT_EQ(envelope.from, "\"\xC3\xA9");
  EXPECT_EQ(envelope.from.data(), scratch.from.data());
  EXPECT_EQ(envelope.to, "b\n");
}

TEST(EnvelopeDecode, a_message_without_payload_differs_from_one_with_null) {
  Envelope envelope;
  EnvelopeScratch scratch;
  ASSERT_TRUE(decode(R"({"from":"a","to":"b","timestamp":7})", envelope, scratch));
  EXPECT_FALSE(envelope.has_payload());
  EXPECT_EQ(envelope.payload, "");
  ASSERT_TRUE(decode(R"({"from":"a","to":"b","payload":null,"timestamp":7})", envelope, scratch));
  EXPECT_TRUE(envelope.has_payload());
  EXPECT_EQ(envelope.payload, "null");
}

TEST(EnvelopeDecode, ids_are_accepted_up_to_their_limit_and_not_beyond) {
  for (const std::size_t size : {1u, 15u, 16u, 17u, 255u, 256u}) {
    const std::string id(size, 'n');
    Envelope envelope;
    EnvelopeScratch scratch;
    const std::string frame = envelope_prefix(id, id) + R"(1,"timestamp":7})";
    ASSERT_TRUE(decode(frame, envelope, scratch)) << size;
    EXPECT_EQ(envelope.from, id);
    EXPECT_EQ(envelope.to, id);
  }
  for (const std::size_t size : {0u, 257u, 100'000u}) {
    const std::string id(size, 'n');
    Envelope envelope;
    EnvelopeScratch scratch;
    EXPECT_FALSE(decode(envelope_prefix(id, "b") + R"(1,"timestamp":7})", envelope, scratch)) << size;
    EXPECT_FALSE(decode(envelope_prefix("a", id) + R"(1,"timestamp":7})", envelope, scratch)) << size;
  }
}

TEST(EnvelopeDecode, the_limit_of_an_id_counts_its_bytes_unescaped) {
  std::string escaped;
  for (int i = 0; i < 256; ++i) escaped += R"(\u0041)";
  Envelope envelope;
  EnvelopeScratch scratch;
  const std::string frame = R"({"from":")" + escaped + R"(","to":"b","timestamp":7})";
  ASSERT_TRUE(decode(frame, envelope, scratch));
  EXPECT_EQ(envelope.from, std::string(256, 'A'));
  EXPECT_FALSE(decode(R"({"from":"a)" + escaped + R"(","to":"b","timestamp":7})", envelope, scratch));
}

TEST(EnvelopeDecode, timestamps_are_read_to_the_ends_of_64_bits) {
  for (const std::string_view digits : {"0", "7", "999999999999", "1000000000000", "1795375753755", "9999999999999",
                                        "10000000000000", "9007199254740992", "999999999999999999",
                                        "1000000000000000000", "9223372036854775807", "-1", "-9223372036854775808"}) {
    for (const std::string& prefix :
         {envelope_prefix("7021c0138e13d26a", "00000000000051c4"), envelope_prefix("a", "b")}) {
      Envelope envelope;
      EnvelopeScratch scratch;
      const std::string frame = prefix + "1,\"timestamp\":" + std::string(digits) + "}";
      ASSERT_TRUE(decode(frame, envelope, scratch)) << digits;
      EXPECT_EQ(std::to_string(envelope.timestamp), digits);
    }
  }
}

TEST(EnvelopeDecode, a_string_as_payload_is_read_at_every_length) {
  const std::string prefix = envelope_prefix("7021c0138e13d26a", "00000000000051c4");
  for (std::size_t size = 0; size < 600; ++size) {
    for (const std::string& tail : {std::string(), std::string(R"(\")"), std::string(R"(\\)"), std::string(R"(\"x)")}) {
      const std::string payload = '"' + std::string(size, 'x') + tail + '"';
      Envelope envelope;
      const std::string frame = prefix + payload + R"(,"timestamp":1795375753755})";
      ASSERT_TRUE(decode_template(frame, envelope)) << payload;
      EXPECT_EQ(envelope.payload, payload);
      EXPECT_EQ(envelope.timestamp, 1795375753755);
    }
  }
}

TEST(EnvelopeEncode, what_is_written_is_the_canonical_form_and_is_read_back) {
  std::string frame = envelope_prefix("7021c0138e13d26a", "00000000000051c4");
  EXPECT_EQ(frame, R"({"from":"7021c0138e13d26a","to":"00000000000051c4","payload":)");
  char suffix[kEnvelopeSuffixSizeMax];
  frame += R"({"type":"HELLO","data":"world"})";
  frame.append(suffix, write_envelope_suffix(suffix, 1795375753755));
  EXPECT_EQ(
      frame,
      R"({"from":"7021c0138e13d26a","to":"00000000000051c4","payload":{"type":"HELLO","data":"world"},"timestamp":1795375753755})");
  Envelope envelope;
  EXPECT_TRUE(decode_template(frame, envelope));
}

TEST(EnvelopeEncode, the_suffix_fits_its_limit_for_every_time) {
  for (const std::int64_t time : {std::numeric_limits<std::int64_t>::min(), std::int64_t{-1}, std::int64_t{0},
                                  std::numeric_limits<std::int64_t>::max()}) {
    char suffix[kEnvelopeSuffixSizeMax];
    const std::size_t size = write_envelope_suffix(suffix, time);
    ASSERT_LE(size, sizeof suffix);
    EXPECT_EQ(std::string(suffix, size), R"(,"timestamp":)" + std::to_string(time) + "}");
  }
}

TEST(EnvelopeEncode, ids_with_any_characters_are_escaped_and_read_back) {
  std::string odd = "\"\\/ \xC3\xA9";
  for (char c = 0; c < 0x20; ++c) odd += c;
  const std::string frame = envelope_prefix(odd, "b") + R"("x","timestamp":7})";
  EXPECT_TRUE(is_json(frame)) << frame;
  Envelope envelope;
  EnvelopeScratch scratch;
  ASSERT_TRUE(decode(frame, envelope, scratch));
  EXPECT_EQ(envelope.from, odd);
}

}  // namespace
}  // namespace distflow::protocol
