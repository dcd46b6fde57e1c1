// Requests and replies among the members of an extension: what is written is read, and what is neither is told apart.
#include "protocol/ask_members.hpp"

#include <gtest/gtest.h>

#include <string>

#include "base/random.hpp"
#include "protocol/envelope.hpp"
#include "tests/base/seed.hpp"
#include "tests/protocol/json_maker.hpp"

namespace distflow::protocol {
namespace {

using Kind = AskMembers::Kind;

AskMembers read(std::string_view text, bool has_payload = true) {
  return read_ask_members(Extension(text), has_payload);
}

TEST(AskMembers, what_is_written_is_read_as_it_was) {
  for (const std::uint64_t id : {std::uint64_t{1}, std::uint64_t{17}, std::uint64_t{1} << 52, kAskIdMax}) {
    const AskMembers request{.kind = Kind::request, .id = id, .ms = 5000};
    EXPECT_EQ(read_ask_members(AskText::request(id, 5000).extension(), true), request);
    const AskMembers cancel{.kind = Kind::cancel, .id = id};
    EXPECT_EQ(read_ask_members(AskText::request(id, 0).extension(), false), cancel);
    const AskMembers reply{.kind = Kind::reply, .id = id};
    EXPECT_EQ(read_ask_members(AskText::reply(id).extension(), true), reply);
    for (std::size_t i = 0; i < kAskWords.size(); ++i) {
      const auto word = static_cast<AskWord>(i);
      const AskMembers error{.kind = Kind::error, .word = word, .id = id};
      EXPECT_EQ(read_ask_members(AskText::error(id, word).extension(), false), error);
    }
  }
  EXPECT_EQ(AskText::request(17, 5000).extension().text(), R"("ask":17,"ms":5000)");
  EXPECT_EQ(AskText::error(17, AskWord::busy).extension().text(), R"("re":17,"error":"busy")");
}

TEST(AskMembers, have_the_decimal_digits_of_any_id_and_time) {
  const test::Seed seed;
  SCOPED_TRACE(seed.replay());
  base::Random random(seed.value());
  const auto expect_digits = [&](std::uint64_t number) {
    const std::string digits = std::to_string(number);
    EXPECT_EQ(AskText::reply(number).extension().text(), R"("re":)" + digits);
    const auto ms = static_cast<std::int64_t>(number);
    EXPECT_EQ(AskText::request(17, ms).extension().text(), R"("ask":17,"ms":)" + digits);
  };
  expect_digits(0);
  std::uint64_t power = 1;  // with each count of digits: the least, the greatest, and some between
  for (int count = 1; count <= 18; ++count, power *= 10) {
    for (const std::uint64_t number : {power - 1, power, power * 10 - 1, power * 5 + 1}) expect_digits(number);
    for (int i = 0; i < 100; ++i) expect_digits(power + random.uniform(power * 9));
  }
}

TEST(AskMembers, are_found_among_others_in_any_order) {
  EXPECT_EQ(read(R"("ms":5000,"ask":17)"), read(R"("ask":17,"ms":5000)"));
  EXPECT_EQ(read(R"("trace":{"re":1},"ask":17,"x":[],"ms":5000)"), read(R"("ask":17,"ms":5000)"));
  EXPECT_EQ(read(R"("x":1,"re":17)"), read(R"("re":17)"));
  EXPECT_EQ(read(R"("re":17,"x":1)"), read(R"("re":17)"));
  EXPECT_EQ(read(R"("ask":17,"ms":5,"x":1)").kind, Kind::request);
}

TEST(AskMembers, of_no_known_form_make_an_ordinary_message_but_never_of_what_has_a_re) {
  for (const std::string_view text :
       {"", R"("trace":1)", R"("ask":17)", R"("ms":5)", R"("ask":0,"ms":5)", R"("ask":-1,"ms":5)",
        R"("ask":"17","ms":5)", R"("ask":17,"ms":0)", R"("ask":17,"ms":1.5)", R"("ask":9007199254740992,"ms":5)",
        R"("ask":17,"ms":5,"ask":17)", R"("ask":1e3,"ms":5)", R"("ask":17,"ms":-1)", R"("ask":,"ms":5)",
        R"("ask":17,"ms":99999999999999)"}) {
    EXPECT_EQ(read(text).kind, Kind::none) << text;
  }
  EXPECT_EQ(read(R"("ask":17,"ms":5)", false).kind, Kind::none);
  for (const std::string_view text : {R"("re":0)", R"("re":"17")", R"("re":-1)", R"("re":17,"error":"busy")",
                                      R"("re":9007199254740992)", R"("ask":17,"ms":5,"re":0)"}) {
    EXPECT_EQ(read(text).kind, Kind::invalid) << text;
  }
  for (const std::string_view text : {R"("re":17)", R"("re":17,"error":7)", R"("re":17,"error":"")"}) {
    EXPECT_EQ(read(text, false).kind, Kind::invalid) << text;
  }
  EXPECT_EQ(read(R"("ask":17,"ms":5,"re":18)").kind, Kind::reply);
  EXPECT_EQ(read(R"("re":17,"error":"a word of tomorrow")", false).word, AskWord::failed);
}

/// The way for members that are the only ones, against the one for members among others.
TEST(AskMembers, alone_are_read_as_among_others_whatever_byte_is_at_whatever_place) {
  const std::string other = R"("x":1,)";
  for (const std::string_view alone :
       {R"("ask":4503599627370497,"ms":50)", R"("ask":9007199254740991,"ms":1)", R"("ask":9007199254740992,"ms":1)",
        R"("ask":4503599627370497,"ms":0)", R"("ask":4503599627370497,"ms":)", R"("ask":0000000000000000,"ms":50)",
        R"("ask":4503599627370497,"ms":999999999999)", R"("ask":4503599627370497,"ms":1099511627776)",
        R"("ask":4503599627370497,"ms":1099511627777)", R"("ask":450359962737049,"ms":50)",
        R"("ask":45035996273704970,"ms":50)", R"("re":4503599627370497)", R"("re":9007199254740991)",
        R"("re":9007199254740992)", R"("re":450359962737049)", R"("re":45035996273704970)",
        R"("re":4503599627370497,"error":"busy")"}) {
    const std::string text(alone);
    for (const bool has_payload : {true, false}) {
      EXPECT_EQ(read(text, has_payload), read(other + text, has_payload)) << text;
      for (std::size_t at = 0; at < text.size(); ++at) {
        for (int byte = 0; byte < 256; ++byte) {
          std::string changed = text;
          changed[at] = static_cast<char>(byte);
          ASSERT_EQ(read(changed, has_payload), read(other + changed, has_payload)) << changed;
        }
        const std::string cut = text.substr(0, at);
        ASSERT_EQ(read(cut, has_payload), read(other + cut, has_payload)) << cut;
      }
    }
  }
}

/// Whether both ways to read the envelope agree, and the template took it.
bool takes_template(const std::string& frame) {
  Envelope by_template;
  if (!decode_template(frame, by_template)) return false;
  Envelope by_general;
  EnvelopeScratch scratch;
  EXPECT_TRUE(decode_general(frame, by_general, scratch)) << frame;
  EXPECT_EQ(by_template, by_general) << frame;
  return true;
}

const std::string kHead = R"({"from":"7021c0138e13d26a","to":"00000000000051c4","payload":)";

TEST(AskMembers, of_sixteen_digits_are_read_from_the_end_of_the_frame_as_the_general_path_reads_them) {
  const std::string time = R"(,"timestamp":1795375753755)";
  for (const std::string& payload : {std::string("1"), '"' + std::string(64, 'x') + '"',
                                     R"("a,\"timestamp\":1795375753755,\"re\":4503599627370497}")" + std::string(),
                                     std::string(R"({"timestamp":1795375753755,"re":4503599627370497})")}) {
    for (const std::string_view members :
         {R"(,"ask":4503599627370497,"ms":1)", R"(,"ask":4503599627370497,"ms":99999)", R"(,"re":4503599627370497)",
          R"(,"ask":17,"ms":5)", R"(,"re":17)", R"(,"re":4503599627370497,"error":"busy")"}) {
      const std::string frame = kHead + payload + time + std::string(members) + "}";
      Envelope envelope;
      ASSERT_TRUE(takes_template(frame)) << frame;
      ASSERT_TRUE(decode_template(frame, envelope));
      EXPECT_EQ(envelope.payload, payload);
      EXPECT_EQ(envelope.timestamp, 1'795'375'753'755);
      EXPECT_EQ(envelope.extension.text(), members.substr(1));
    }
  }
}

// What lies in an extension is not held to JSON's grammar, as little as a payload: no way to read it asks for that.
TEST(AskMembers, with_zeros_before_their_first_digit_are_seen_alike_by_both_ways) {
  for (const std::string_view members : {R"(,"ask":0503599627370497,"ms":50)", R"(,"ask":4503599627370497,"ms":05)",
                                         R"(,"re":0503599627370497)", R"(,"re":0000000000000000)"}) {
    const std::string frame = kHead + R"("text")" + R"(,"timestamp":1795375753755)" + std::string(members) + "}";
    EXPECT_TRUE(takes_template(frame)) << frame;
  }
}

TEST(AskMembers, every_byte_at_every_place_of_a_request_and_a_reply_is_seen_alike_by_both_ways) {
  for (const std::string_view tail : {R"(,"timestamp":1795375753755,"ask":4503599627370497,"ms":50})",
                                      R"(,"timestamp":1795375753755,"re":4503599627370497})"}) {
    const std::string frame = kHead + R"("text")" + std::string(tail);
    ASSERT_TRUE(takes_template(frame));
    for (std::size_t at = kHead.size() - 4; at < frame.size(); ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string changed = frame;
        changed[at] = static_cast<char>(byte);
        takes_template(changed);
      }
      takes_template(frame.substr(0, at) + frame.substr(at + 1));
    }
  }
}

TEST(AskMembers, random_requests_and_replies_cut_and_joined_are_seen_alike_by_both_ways) {
  const test::Seed seed;
  SCOPED_TRACE(seed.replay());
  base::Random random(seed.value());
  test::JsonMaker make(random);
  const auto number = [&random](std::uint64_t size) {
    std::string digits;
    for (; size > 0; --size) digits += static_cast<char>('0' + random.next() % 10);
    return digits;
  };
  int taken = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string frame = kHead + make.value(2) + R"(,"timestamp":)" + number(random.next() % 8 != 0 ? 13 : 12);
    const std::string id = number(random.next() % 8 != 0 ? 16 : random.next() % 20);
    frame += random.next() % 2 == 0 ? R"(,"re":)" + id : R"(,"ask":)" + id + R"(,"ms":)" + number(random.next() % 7);
    frame += '}';
    if (random.next() % 2 == 0) frame = make.spoiled(std::move(frame));
    taken += takes_template(frame);
    const std::size_t cut = random.next() % frame.size();
    takes_template(frame.substr(0, cut));
    static_cast<void>(read_ask_members(Extension(frame.substr(cut)), true));
  }
  EXPECT_GT(taken, 2000);
}

}  // namespace
}  // namespace distflow::protocol
