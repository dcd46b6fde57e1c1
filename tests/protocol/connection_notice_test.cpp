#include "protocol/connection_notice.hpp"

#include <gtest/gtest.h>

#include "protocol/envelope.hpp"

namespace distflow::protocol {
namespace {

using Kind = ConnectionNotice::Kind;

TEST(ConnectionNotice, is_an_envelope_without_a_payload_and_is_read_as_it_was_written) {
  for (const ConnectionNotice& notice : {ConnectionNotice{.kind = Kind::ask, .nonce = "0123456789abcdef"},
                                         ConnectionNotice{.kind = Kind::may, .nonce = "a \"quoted\" one"},
                                         ConnectionNotice{.kind = Kind::end, .nonce = {}}}) {
    const std::string frame = write_connection_notice("a\"b", "c", 1'795'375'753'755, notice);
    EXPECT_EQ(read_connection_notice(frame), notice) << frame;
    Envelope envelope;
    EnvelopeScratch scratch;
    ASSERT_TRUE(decode(frame, envelope, scratch)) << frame;
    EXPECT_EQ(envelope.from, "a\"b");
    EXPECT_EQ(envelope.to, "c");
    EXPECT_EQ(envelope.timestamp, 1'795'375'753'755);
    EXPECT_FALSE(envelope.has_payload);
  }
}

TEST(ConnectionNotice, looks_as_the_page_of_the_protocol_says) {
  EXPECT_EQ(write_connection_notice("a", "b", 7, {.kind = Kind::ask, .nonce = "1f"}),
            R"({"from":"a","to":"b","timestamp":7,"connection":"ask 1f"})");
  EXPECT_EQ(write_connection_notice("a", "b", 7, {.kind = Kind::may, .nonce = "1f"}),
            R"({"from":"a","to":"b","timestamp":7,"connection":"may 1f"})");
  EXPECT_EQ(write_connection_notice("a", "b", 7, {}), R"({"from":"a","to":"b","timestamp":7,"connection":"end"})");
}

TEST(ConnectionNotice, is_none_in_other_frames) {
  for (const std::string_view frame :
       {R"({"from":"a","to":"b","timestamp":7})", R"({"connection":""})", R"({"connection":"ask"})",
        R"({"connection":"ask "})", R"({"connection":"END"})", R"({"connection":"end "})", R"({"connection":17})",
        R"({"connection":null})", R"({"connection":{"ask":"1f"}})", R"({"connection":"ask 1","connection":"ask 1"})",
        R"(["connection"])", "", "{"}) {
    EXPECT_EQ(read_connection_notice(frame), std::nullopt) << frame;
  }
}

TEST(ConnectionNotice, has_a_nonce_of_bounded_size) {
  const auto with = [](std::size_t size) { return R"({"connection":"may )" + std::string(size, 'n') + "\"}"; };
  EXPECT_TRUE(read_connection_notice(with(64)));
  EXPECT_FALSE(read_connection_notice(with(65)));
}

}  // namespace
}  // namespace distflow::protocol
