// Messages as frames: what is written in each form, wherever the payload comes from and wherever there is room.
#include "runtime/send/frame_writer.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "framing/frame.hpp"
#include "protocol/envelope.hpp"

namespace distflow::runtime {
namespace {

using protocol::Extension;

constexpr std::string_view kExtension = R"("ask":17,"ms":5000)";
constexpr std::string_view kHead = R"({"from":"a","to":"b")";
constexpr std::string_view kTime = R"(,"timestamp":7)";

class FrameWriterTest : public ::testing::Test {
 protected:
  /// The body of the frame; nothing when it was not written, and verdict_ says why.
  std::optional<std::string> body_of(const OutgoingMessage& message) {
    transport::EncodedFrame frame;
    verdict_ = write_frame(out_, prefix_, message, suffix_.at(7), frame_size_max_, frame);
    if (verdict_ != SendVerdict::queued) return std::nullopt;
    EXPECT_EQ(frame.count, 1U);
    EXPECT_EQ(framing::read_header(frame.bytes.data()), frame.bytes.size() - framing::kHeaderSize);
    return std::string(frame.bytes.substr(framing::kHeaderSize));
  }
  static std::string frame(std::string_view payload, std::string_view extension) {
    std::string body(kHead);
    if (!payload.empty()) body.append(R"(,"payload":)").append(payload);
    body += kTime;
    if (!extension.empty()) body.append(",").append(extension);
    return body + "}";
  }

  base::ChunkPool chunks_{{.chunk_size = 1024, .chunk_count_max = 4}};
  transport::OutBuffer out_{chunks_};
  EnvelopeSuffix suffix_;
  const std::string prefix_ = protocol::envelope_prefix("a", "b");
  std::size_t frame_size_max_ = 1 << 20;
  SendVerdict verdict_ = SendVerdict::queued;
};

TEST_F(FrameWriterTest, an_extension_stands_behind_the_timestamp_and_a_message_without_one_is_as_it_always_was) {
  for (const std::size_t size : {2U, 100U, 1000U, 5000U}) {  // the last ones are larger than a chunk
    const std::string payload = '"' + std::string(size - 2, 'x') + '"';
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(body_of(OutgoingMessage(payload)), frame(payload, ""));
      EXPECT_EQ(body_of(OutgoingMessage(payload).with(Extension())), frame(payload, ""));
      EXPECT_EQ(body_of(OutgoingMessage(payload).with(Extension(kExtension))), frame(payload, kExtension));
    }
  }
}

TEST_F(FrameWriterTest, a_frame_larger_than_a_chunk_lies_in_one_of_its_own_size_and_the_next_one_takes_that_again) {
  base::ChunkPool chunks({.chunk_size = 1024, .chunk_count_max = 4, .large_bytes_kept_max = 1 << 20});
  transport::OutBuffer out(chunks);
  for (const std::size_t size : {1000U, 5000U, 100'000U}) {  // of the first, only the suffix finds no room
    const std::uint64_t before = chunks.large().made_count();
    const std::string payload = '"' + std::string(size - 2, 'x') + '"';
    for (const bool is_plain : {true, false, true}) {
      const OutgoingMessage message(payload);
      transport::EncodedFrame frame;
      ASSERT_EQ(write_frame(out, prefix_, is_plain ? message : message.with(Extension(kExtension)), suffix_.at(7),
                            frame_size_max_, frame),
                SendVerdict::queued);
      EXPECT_LE(frame.chunk->capacity(), frame.bytes.size() + frame.bytes.size() / 4);
    }
    EXPECT_EQ(chunks.large().made_count(), before + 1);
  }
}

TEST_F(FrameWriterTest, a_payload_that_is_written_in_place_has_its_extension_too) {
  const auto write = [](void* callable, PayloadWriter& out) { out.append(*static_cast<std::string*>(callable)); };
  for (const std::size_t size : {2U, 5000U}) {
    std::string payload = '"' + std::string(size - 2, 'x') + '"';
    EXPECT_EQ(body_of(OutgoingMessage(write, &payload)), frame(payload, ""));
    EXPECT_EQ(body_of(OutgoingMessage(write, &payload).with(Extension(kExtension))), frame(payload, kExtension));
  }
}

TEST_F(FrameWriterTest, a_message_without_a_payload_has_no_such_member) {
  EXPECT_EQ(body_of(OutgoingMessage::without_payload()), frame("", ""));
  EXPECT_EQ(body_of(OutgoingMessage::without_payload().with(Extension(kExtension))), frame("", kExtension));
}

TEST_F(FrameWriterTest, what_is_written_is_read_back_by_the_template) {
  const std::string longest = "\"k\":\"" + std::string(protocol::kExtensionSizeMax - 6, 'x') + '"';
  for (const std::string_view extension : {std::string_view(), kExtension, std::string_view(longest)}) {
    for (const OutgoingMessage& message : {OutgoingMessage("{\"a\":1}"), OutgoingMessage::without_payload()}) {
      const std::string body = body_of(message.with(Extension(extension))).value_or("");
      protocol::Envelope envelope;
      ASSERT_TRUE(protocol::decode_template(body, envelope)) << body;
      EXPECT_EQ(envelope.extension.text(), extension);
      EXPECT_EQ(envelope.payload, message.text());
    }
  }
}

TEST_F(FrameWriterTest, a_frame_is_as_large_as_its_limit_with_its_extension_and_not_larger) {
  frame_size_max_ = frame("123", kExtension).size();
  const auto write = [](void*, PayloadWriter& out) { out.append("123"); };
  EXPECT_TRUE(body_of(OutgoingMessage("123").with(Extension(kExtension))));
  EXPECT_TRUE(body_of(OutgoingMessage(write, nullptr).with(Extension(kExtension))));
  --frame_size_max_;
  EXPECT_FALSE(body_of(OutgoingMessage("123").with(Extension(kExtension))));
  EXPECT_EQ(verdict_, SendVerdict::too_large);
  EXPECT_FALSE(body_of(OutgoingMessage(write, nullptr).with(Extension(kExtension))));
  EXPECT_EQ(verdict_, SendVerdict::too_large);
}

TEST_F(FrameWriterTest, a_message_that_had_to_wait_is_the_same_frame) {
  const auto write = [](void*, PayloadWriter& out) { out.append("123"); };
  for (const OutgoingMessage& message :
       {OutgoingMessage("123"), OutgoingMessage::without_payload(), OutgoingMessage(write, nullptr)}) {
    for (const std::string_view extension : {std::string_view(), kExtension}) {
      ParkedMessage parked;
      ASSERT_EQ(copy_message(message.with(Extension(extension)), 100, parked), SendVerdict::queued);
      EXPECT_EQ(parked.size(), (message.has_payload() ? 3 : 0) + extension.size());
      EXPECT_EQ(body_of(parked.outgoing()), frame(message.has_payload() ? "123" : "", extension));
      EXPECT_EQ(copy_message(message.with(Extension(kExtension)), 3, parked), SendVerdict::too_large);
    }
  }
}

}  // namespace
}  // namespace distflow::runtime
