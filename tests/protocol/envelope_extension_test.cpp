// Envelopes with an extension: the second canonical form, and what other frames give.
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "protocol/envelope.hpp"

namespace distflow::protocol {
namespace {

const std::string kHead = R"({"from":"7021c0138e13d26a","to":"00000000000051c4")";
const std::string kTime = R"(,"timestamp":1795375753755)";

/// The extension that a frame gives; "(refused)" when the frame is none.
std::string extension_of(const std::string& frame) {
  Envelope envelope;
  EnvelopeScratch scratch;
  return decode(frame, envelope, scratch) ? std::string(envelope.extension.text()) : "(refused)";
}

bool takes_template(const std::string& frame) {
  Envelope envelope;
  return decode_template(frame, envelope);
}

TEST(EnvelopeExtension, the_second_canonical_form_takes_the_template) {
  for (const std::string extension :
       {R"("ask":17,"ms":5000)", R"("re":17)", R"("re":17,"error":"busy")", R"("trace":{"a":[1,"}"]})",
        R"("a":"x\"y","b":[],"c":null)", R"("Ask":1,"from_":2,"fro":3)"}) {
    for (const std::string payload :
         {R"(,"payload":"text")", R"(,"payload":{"timestamp":1,"x":"},"})", ",\"payload\":1", ""}) {
      for (const std::string& head : {kHead, std::string(R"({"from":"a","to":"b")")}) {
        for (const std::string& time : {kTime, std::string(R"(,"timestamp":0)"), std::string(R"(,"timestamp":7)")}) {
          const std::string frame = head + payload + time + "," + extension + "}";
          Envelope envelope;
          ASSERT_TRUE(decode_template(frame, envelope)) << frame;
          EXPECT_EQ(envelope.extension.text(), extension) << frame;
          EXPECT_EQ(envelope.has_payload(), !payload.empty()) << frame;
          EXPECT_EQ(envelope.payload, payload.empty() ? "" : payload.substr(11)) << frame;
          EXPECT_EQ(envelope.timestamp, std::stoll(time.substr(13))) << frame;
          EXPECT_EQ(envelope.extension.text().data(), frame.data() + frame.size() - 1 - extension.size()) << frame;
        }
      }
    }
  }
}

TEST(EnvelopeExtension, a_message_of_the_first_form_has_none_whatever_was_read_before) {
  Envelope envelope;
  EnvelopeScratch scratch;
  ASSERT_TRUE(decode(kHead + R"(,"payload":1)" + kTime + R"(,"ask":1})", envelope, scratch));
  ASSERT_FALSE(envelope.extension.empty());
  ASSERT_TRUE(decode(kHead + R"(,"payload":1)" + kTime + "}", envelope, scratch));
  EXPECT_TRUE(envelope.extension.empty());
  ASSERT_TRUE(decode(R"({"x":1,"from":"a","to":"b","timestamp":7})", envelope, scratch));
  ASSERT_FALSE(envelope.extension.empty());
  ASSERT_TRUE(decode(R"({ "from":"a","to":"b","timestamp":7})", envelope, scratch));
  EXPECT_TRUE(envelope.extension.empty());
}

TEST(EnvelopeExtension, members_in_any_order_with_white_space_give_the_canonical_text) {
  for (const std::string_view frame :
       {R"({"from":"a","to":"b","payload":1,"timestamp":7,"ask":17,"ms":5000})",
        R"({"ask":17,"ms":5000,"from":"a","to":"b","payload":1,"timestamp":7})",
        R"({"ask":17,"from":"a","payload":1,"ms":5000,"timestamp":7,"to":"b"})",
        " {\n\"from\" : \"a\" ,\t\"ask\" : 17 , \"to\":\"b\", \"ms\" : 5000 , \"payload\":1, \"timestamp\" : 7\r\n} ",
        R"({"from":"a","to":"b","payload":1,"timestamp":7,"\u0061sk":17,"ms":5000})"}) {
    EXPECT_EQ(extension_of(std::string(frame)), R"("ask":17,"ms":5000)") << frame;
  }
}

TEST(EnvelopeExtension, values_stay_as_they_came_and_keys_are_escaped_as_nodes_write_strings) {
  EXPECT_EQ(extension_of(R"({"a\u0022b":"\u0041","":[ 1 , 2 ],"\u00e9":1e400,"from":"a","to":"b","timestamp":7})"),
            "\"a\\\"b\":\"\\u0041\",\"\":[ 1 , 2 ],\"\xC3\xA9\":1e400");
}

TEST(EnvelopeExtension, a_member_of_the_envelope_is_not_taken_for_one_of_the_extension) {
  for (const std::string_view key : {"from", "to", "payload", "timestamp"}) {
    const std::string frame = kHead + R"(,"payload":1)" + kTime + R"(,"ask":1,")" + std::string(key) + "\":1}";
    EXPECT_EQ(extension_of(frame), "(refused)") << frame;
  }
  // Where there is none before, it is the payload.
  const std::string late = kHead + kTime + R"(,"ask":1,"payload":2})";
  EXPECT_FALSE(takes_template(late));
  Envelope envelope;
  EnvelopeScratch scratch;
  ASSERT_TRUE(decode(late, envelope, scratch));
  EXPECT_EQ(envelope.payload, "2");
  EXPECT_EQ(envelope.extension.text(), R"("ask":1)");
}

TEST(EnvelopeExtension, the_limit_counts_the_canonical_text_and_a_longer_one_is_lost_and_not_the_message) {
  for (const std::size_t size :
       {kExtensionSizeMax - 1, kExtensionSizeMax, kExtensionSizeMax + 1, std::size_t{100'000}}) {
    const bool fits = size <= kExtensionSizeMax;
    const std::string extension = "\"k\":\"" + std::string(size - 6, 'x') + '"';
    ASSERT_EQ(extension.size(), size);
    for (const std::string& frame :
         {kHead + R"(,"payload":1)" + kTime + "," + extension + "}",
          "{" + extension + "," + kHead.substr(1) + kTime + "}", kHead + ", " + extension + kTime + "}"}) {
      Envelope envelope;
      EnvelopeScratch scratch;
      ASSERT_TRUE(decode(frame, envelope, scratch)) << size;
      EXPECT_EQ(envelope.extension.text(), fits ? extension : "") << size;
      EXPECT_EQ(scratch.has_lost_extension, !fits) << size;
    }
  }
  Envelope envelope;
  EnvelopeScratch scratch;
  std::string keys;
  for (int i = 0; i < 1000; ++i) keys += R"(,"key":1)";
  ASSERT_TRUE(decode(kHead + kTime + keys + "}", envelope, scratch));
  EXPECT_TRUE(envelope.extension.empty() && scratch.has_lost_extension);
  ASSERT_TRUE(decode(R"({ "from":"a","to":"b","timestamp":7})", envelope, scratch));
  EXPECT_FALSE(scratch.has_lost_extension);
}

TEST(EnvelopeExtension, a_spoiled_second_form_is_refused_or_left_to_the_general_path) {
  for (const std::string_view tail : {R"(,})", R"(,"ask"})", R"(,"ask":})", R"(,"ask":1,})", R"(,"ask":1)",
                                      R"(,"ask":1]})", R"(,"ask":"})", R"(,"ask":[})", R"(,ask:1})", R"(,1:1})",
                                      R"(,"ask":1}})", R"("ask":1})", R"(,"ask":1"ms":2})", R"(,,"ask":1})"}) {
    const std::string frame = kHead + R"(,"payload":1)" + kTime + std::string(tail);
    EXPECT_EQ(extension_of(frame), "(refused)") << frame;
  }
  for (const std::string_view tail : {R"(, "ask":1})", R"(,"ask" :1})", R"(,"ask": 1})", R"(,"ask":1 })", R"(,"":1})",
                                      R"(,"\u0061sk":1})", "\x20}", "\n,\"ask\":1}"}) {
    const std::string frame = kHead + R"(,"payload":1)" + kTime + std::string(tail);
    EXPECT_FALSE(takes_template(frame)) << frame;
    EXPECT_NE(extension_of(frame), "(refused)") << frame;
  }
}

}  // namespace
}  // namespace distflow::protocol
