#include "protocol/control_frame.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

#include "protocol/envelope.hpp"

namespace distflow::protocol {
namespace {

using Kind = ControlFrame::Kind;

TEST(ControlFrame, is_an_envelope_without_a_payload_and_is_read_as_it_was_written) {
  for (const ControlFrame& notice :
       {ControlFrame{.kind = Kind::both}, ControlFrame{.kind = Kind::one}, ControlFrame{.kind = Kind::end},
        ControlFrame{
            .kind = Kind::memory, .nonce = "0123456789abcdef", .memory_name = "123/45", .ring_size = 1'048'576},
        ControlFrame{.kind = Kind::memory,
        .nonce = "one of several words",
        .memory_name = "\\\"",
        .ring_size = std::numeric_limits<std::uint64_t>::max()},
        ControlFrame{.kind = Kind::mapped}, ControlFrame{.kind = Kind::unmapped}, ControlFrame{.kind = Kind::moved},
        ControlFrame{.kind = Kind::ping, .nonce = "1"}, ControlFrame{.kind = Kind::pong, .nonce = "any text\"\n"}}) {
    const std::string frame = write_control_frame("a\"b", "c", 1'795'375'753'755, notice);
    EXPECT_EQ(read_control_frame(frame), notice) << frame;
    Envelope envelope;
    EnvelopeScratch scratch;
    ASSERT_TRUE(decode(frame, envelope, scratch)) << frame;
    EXPECT_EQ(envelope.from, "a\"b");
    EXPECT_EQ(envelope.to, "c");
    EXPECT_EQ(envelope.timestamp, 1'795'375'753'755);
    EXPECT_FALSE(envelope.has_payload());
  }
}

TEST(ControlFrame, looks_as_the_page_of_the_protocol_says) {
  const auto written = [](const ControlFrame& notice) { return write_control_frame("a", "b", 7, notice); };
  EXPECT_EQ(written({.kind = Kind::both}), R"({"from":"a","to":"b","timestamp":7,"connection":"both"})");
  EXPECT_EQ(written({.kind = Kind::one}), R"({"from":"a","to":"b","timestamp":7,"connection":"one"})");
  EXPECT_EQ(written({.kind = Kind::end}), R"({"from":"a","to":"b","timestamp":7,"connection":"end"})");
  EXPECT_EQ(written({.kind = Kind::memory, .nonce = "1f", .memory_name = "12/3", .ring_size = 4096}),
            R"({"from":"a","to":"b","timestamp":7,"connection":"memory 4096 12/3 1f"})");
  EXPECT_EQ(written({.kind = Kind::mapped}), R"({"from":"a","to":"b","timestamp":7,"connection":"mapped"})");
  EXPECT_EQ(written({.kind = Kind::unmapped}), R"({"from":"a","to":"b","timestamp":7,"connection":"unmapped"})");
  EXPECT_EQ(written({.kind = Kind::ping, .nonce = "7"}),
            R"({"from":"a","to":"b","timestamp":7,"connection":"ping 7"})");
  EXPECT_EQ(written({.kind = Kind::pong, .nonce = "7"}),
            R"({"from":"a","to":"b","timestamp":7,"connection":"pong 7"})");
  EXPECT_EQ(written({.kind = Kind::moved}), R"({"from":"a","to":"b","timestamp":7,"connection":"moved"})");
}

TEST(ControlFrame, is_none_in_other_frames) {
  for (const std::string_view frame : {R"({"from":"a","to":"b","timestamp":7})",
                                       R"({"connection":""})",
                                       R"({"connection":"ask 1f"})",
                                       R"({"connection":"may 1f"})",
                                       R"({"connection":"both "})",
                                       R"({"connection":"bot"})",
                                       R"({"connection":"one both"})",
                                       R"({"connection":"END"})",
                                       R"({"connection":"ping"})",
                                       R"({"connection":"ping "})",
                                       R"({"connection":"end "})",
                                       R"({"connection":17})",
                                       R"({"connection":null})",
                                       R"({"connection":{"both":"1f"}})",
                                       R"({"connection":"both","connection":"both"})",
                                       R"(["connection"])",
                                       "",
                                       "{",
                                       R"({"connection":"memory "})",
                                       R"({"connection":"memory 4096"})",
                                       R"({"connection":"memory 4096 1/2"})",
                                       R"({"connection":"memory 4096 1/2 "})",
                                       R"({"connection":"memory x 1/2 n"})",
                                       R"({"connection":"memory 4096x 1/2 n"})",
                                       R"({"connection":"memory -1 1/2 n"})",
                                       R"({"connection":"memory  1/2 n"})",
                                       R"({"connection":"memory 4096  n"})",
                                       R"({"connection":"memory 99999999999999999999 1/2 n"})",
                                       R"({"connection":"moved x"})",
                                       R"({"connection":"moved "})",
                                       R"({"connection":"mapped 1f"})",
                                       R"({"connection":"unmapped "})",
                                       R"({"connection":"Mapped 1f"})"}) {
    EXPECT_EQ(read_control_frame(frame), std::nullopt) << frame;
  }
}

TEST(ControlFrame, of_memory_has_a_name_and_a_nonce_of_bounded_size) {
  const auto with = [](std::size_t name_size, std::size_t nonce_size) {
    return R"({"connection":"memory 4096 )" + std::string(name_size, 'm') + ' ' + std::string(nonce_size, 'n') + "\"}";
  };
  EXPECT_TRUE(read_control_frame(with(64, 64)));
  EXPECT_FALSE(read_control_frame(with(65, 64)));
  EXPECT_FALSE(read_control_frame(with(64, 65)));
}

}  // namespace
}  // namespace distflow::protocol
