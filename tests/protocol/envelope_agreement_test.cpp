// The two ways to read an envelope agree: what the template takes, the general path takes, with the same fields.
#include <gtest/gtest.h>

#include <string>

#include "base/random.hpp"
#include "protocol/envelope.hpp"
#include "tests/base/seed.hpp"
#include "tests/protocol/json_maker.hpp"

namespace distflow::protocol {
namespace {

/// Whether the template took the frame.
bool expect_agreement(const std::string& frame) {
  Envelope by_template;
  if (!decode_template(frame, by_template)) return false;
  Envelope by_general;
  EnvelopeScratch scratch;
  EXPECT_TRUE(decode_general(frame, by_general, scratch)) << frame;
  EXPECT_EQ(by_template, by_general) << frame;
  return true;
}

class FrameMaker {
 public:
  explicit FrameMaker(base::Random& random) : random_(random), make_(random) {}

  std::string canonical() {
    std::string frame = R"({"from":")" + id() + R"(","to":")" + id() + '"';
    if (random_.next() % 5 != 0) frame += ",\"payload\":" + make_.value(3);
    frame += ",\"timestamp\":" + time();
    if (random_.next() % 2 == 0) frame += extension();
    return frame + '}';
  }

  std::string spoiled(std::string frame) { return make_.spoiled(std::move(frame)); }

 private:
  std::string id() {
    std::string text;
    const std::size_t size = random_.next() % 3 != 0 ? 16 : random_.next() % 40;
    while (text.size() < size) text += "0123456789abcdefXYZ-_. !"[random_.next() % (random_.next() % 8 == 0 ? 24 : 16)];
    return text;
  }

  std::string extension() {
    std::string text;
    for (std::uint64_t left = random_.next() % 4; left > 0; --left) {
      const bool is_smuggled = random_.next() % 16 == 0;
      static constexpr std::string_view kKeys[] = {"from", "to", "payload", "timestamp"};
      const std::string key = is_smuggled ? std::string(kKeys[random_.next() % 4]) : id();
      text += ",\"" + key + "\":" + make_.value(2);
    }
    return text;
  }

  std::string time() {
    std::string digits;
    const std::size_t size = random_.next() % 3 != 0 ? 13 : random_.next() % 21;
    while (digits.size() < size) digits += static_cast<char>('0' + random_.next() % 10);
    return digits;
  }

  base::Random& random_;
  test::JsonMaker make_;
};

TEST(EnvelopeAgreement, the_template_takes_only_what_the_general_path_takes_alike) {
  const test::Seed seed;
  SCOPED_TRACE(seed.replay());
  base::Random random(seed.value());
  FrameMaker make(random);
  int taken = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string frame = make.canonical();
    for (std::uint64_t spoils = random.next() % 3; spoils > 0; --spoils) frame = make.spoiled(frame);
    taken += expect_agreement(frame);
  }
  EXPECT_GT(taken, 2000);
}

TEST(EnvelopeAgreement, every_byte_at_every_place_of_a_frame_is_seen_alike) {
  for (const std::string_view tail : {"}", R"(,"ask":17,"error":"\"}"})"}) {
    const std::string frame =
        R"({"from":"7021c0138e13d26a","to":"00000000000051c4","payload":{"a":"\"b"},"timestamp":1795375753755)" +
        std::string(tail);
    ASSERT_TRUE(expect_agreement(frame));
    for (std::size_t at = 0; at < frame.size(); ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string changed = frame;
        changed[at] = static_cast<char>(byte);
        expect_agreement(changed);
      }
    }
  }
}

TEST(EnvelopeAgreement, payload_grammar_beyond_structure_is_left_to_parsing_by_both) {
  for (const char* payload : {R"({"a" 1})", "tru", "[1 2]", "01", R"("\x")", "\"\xFF\"", "\"a\nb\""}) {
    EXPECT_TRUE(expect_agreement(envelope_prefix("7021c0138e13d26a", "00000000000051c4") + payload +
                                 R"(,"timestamp":1795375753755})"))
        << payload;
  }
}

}  // namespace
}  // namespace distflow::protocol
