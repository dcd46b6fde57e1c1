// The dead letters of a node: which messages are kept, within which bounds, and what sending them again leaves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <new>
#include <string>
#include <vector>

#include "runtime/counters/dead_letters.hpp"
#include "runtime/peers/dropped_frames.hpp"
#include "tests/support/lone_directory.hpp"
#include "tests/support/node_frames.hpp"

namespace distflow::test {
namespace {

using runtime::DeadLetters;
using runtime::SendCounters;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> texts_of(const DeadLetters& letters) {
  std::vector<std::string> texts;
  for (const runtime::DeadLetter& letter : letters.letters()) texts.push_back(letter.text);
  return texts;
}

/// The ring alone.
class Ring : public ::testing::Test {
 protected:
  static void drop(DeadLetters& letters, std::string_view text, std::string_view name = "n") {
    letters.add({.name = name, .reason = &SendCounters::dropped_unresolved, .text = text});
  }
  static NodeStats counts(const DeadLetters& letters) {
    NodeStats stats;
    letters.count_into(stats);
    return stats;
  }

  LoneDirectory lone_;
};

TEST_F(Ring, of_more_letters_than_it_may_have_the_newest_stay_and_the_others_are_counted) {
  DeadLetters letters(lone_.reactor(), *lone_, {.letters_max = 2, .bytes_max = 1000});
  for (const char* text : {"1", "2", "3", "4"}) drop(letters, text);
  EXPECT_THAT(texts_of(letters), ElementsAre("3", "4"));
  EXPECT_EQ(counts(letters).dead_letters, 2u);
  EXPECT_EQ(counts(letters).dead_letters_displaced, 2u);
  EXPECT_EQ(letters.letters().front().number, 3u);
}

TEST_F(Ring, their_bytes_are_bounded_too) {
  DeadLetters letters(lone_.reactor(), *lone_, {.letters_max = 100, .bytes_max = 10});
  for (const char* text : {"1234", "5678", "12345678"}) drop(letters, text);
  EXPECT_THAT(texts_of(letters), ElementsAre("12345678"));
  EXPECT_EQ(counts(letters).dead_letter_bytes, 9u);
  EXPECT_EQ(counts(letters).dead_letters_displaced, 2u);
  drop(letters, "1234567890");
  EXPECT_THAT(texts_of(letters), ElementsAre("12345678")) << "one that is larger than all the room displaces nothing";
  EXPECT_EQ(counts(letters).dead_letters_not_kept, 1u);
}

TEST_F(Ring, where_a_bound_is_zero_nothing_is_kept_and_nothing_counted) {
  for (const DeadLetters::Limits limits : {DeadLetters::Limits{0, 1000}, DeadLetters::Limits{10, 0}}) {
    DeadLetters letters(lone_.reactor(), *lone_, limits);
    drop(letters, "1");
    EXPECT_THAT(letters.letters(), IsEmpty());
    EXPECT_EQ(counts(letters).dead_letters_displaced + counts(letters).dead_letters_not_kept, 0u);
  }
}

TEST_F(Ring, what_a_shutdown_drops_is_not_kept) {
  DeadLetters letters(lone_.reactor(), *lone_, {.letters_max = 2, .bytes_max = 1000});
  letters.add({.name = "n", .reason = &SendCounters::dropped_shutdown, .text = "1"});
  EXPECT_THAT(letters.letters(), IsEmpty());
}

TEST_F(Ring, a_letter_is_sent_again_once_and_one_that_is_dropped_meanwhile_waits_for_the_next_time) {
  DeadLetters letters(lone_.reactor(), *lone_, {.letters_max = 3, .bytes_max = 1000});
  for (const char* text : {"1", "2", "3"}) drop(letters, text, text);
  std::vector<std::string> sent;
  const auto outcome = letters.redrive([&](const runtime::DeadLetter& letter) {
    sent.push_back(letter.text);
    if (letter.text == "1") drop(letters, "again");
    return letter.text != "2";
  });
  EXPECT_THAT(sent, ElementsAre("1", "2", "3"));
  EXPECT_EQ(outcome.sent, 2u);
  EXPECT_EQ(outcome.kept, 1u);
  EXPECT_THAT(texts_of(letters), ElementsAre("2", "again"));
  EXPECT_EQ(counts(letters).dead_letters_redriven, 2u);
  EXPECT_EQ(counts(letters).dead_letter_bytes, 2u * 1 + 1 + 5);
}

TEST_F(Ring, behind_a_letter_that_is_not_taken_all_to_the_same_name_wait_so_that_they_come_in_their_order) {
  DeadLetters letters(lone_.reactor(), *lone_, {.letters_max = 10, .bytes_max = 1000});
  drop(letters, "large", "pong");
  drop(letters, "1", "other");
  drop(letters, "small", "pong");
  drop(letters, "2", "other");
  std::vector<std::string> tried;
  const auto is_small = [&](const runtime::DeadLetter& letter) {
    tried.push_back(letter.text);
    return letter.text != "large";
  };
  const auto outcome = letters.redrive(is_small);
  EXPECT_THAT(tried, ElementsAre("large", "1", "2"));
  EXPECT_EQ(outcome.sent, 2u);
  EXPECT_EQ(outcome.kept, 2u);
  EXPECT_THAT(texts_of(letters), ElementsAre("large", "small"));
}

TEST_F(Ring, a_letter_for_which_sending_finds_no_memory_stays_with_those_behind_it) {
  DeadLetters letters(lone_.reactor(), *lone_, {.letters_max = 10, .bytes_max = 1000});
  for (const char* text : {"1", "2"}) drop(letters, text);
  const auto outcome = letters.redrive([](const runtime::DeadLetter&) -> bool { throw std::bad_alloc(); });
  EXPECT_EQ(outcome.kept, 2u);
  EXPECT_THAT(texts_of(letters), ElementsAre("1", "2"));
  EXPECT_EQ(counts(letters).dead_letter_bytes, 2u * 2);
}

/// Frames of a queue, as a connection gives them when it drops some.
class DroppedFrames : public Ring {
 protected:
  void drop_frames(const std::vector<io::Piece>& pieces, std::size_t bytes_sent) {
    runtime::keep_dropped(traffic_.of("peer"), &SendCounters::dropped_connection_lost, pieces, bytes_sent);
  }

  DeadLetters letters_{lone_.reactor(), *lone_, {.letters_max = 2, .bytes_max = 1000}};
  runtime::TrafficTable traffic_{nullptr, &letters_};
};

TEST_F(DroppedFrames, those_that_have_left_as_a_whole_are_no_dead_letters) {
  const std::string first = node_frame("self", "peer", "1");
  const std::string second = node_frame("self", "peer", "2");
  drop_frames({first, second}, first.size());
  EXPECT_THAT(texts_of(letters_), ElementsAre("2"));
  drop_frames({first, second}, first.size() - 1);
  EXPECT_THAT(texts_of(letters_), ElementsAre("1", "2"));
  drop_frames({first, second}, first.size() + second.size());
  EXPECT_EQ(counts(letters_).dead_letters_displaced, 1u);
}

TEST_F(DroppedFrames, a_frame_may_lie_in_several_pieces) {
  const std::string all = node_frame("self", "peer", "1") + node_frame("self", "peer", "\"second\"");
  for (std::size_t cut = framing::kHeaderSize; cut < all.size() / 2 - framing::kHeaderSize; ++cut) {
    const std::string_view text = all;
    const std::size_t rest = (text.size() - cut) / 3;
    const std::size_t second = node_frame("self", "peer", "1").size();
    // Headers are whole: a piece ends inside a body only.
    if (cut + rest > second - 1 && cut + rest < second + framing::kHeaderSize) continue;
    drop_frames({text.substr(0, cut), text.substr(cut, rest), text.substr(cut + rest)}, 0);
    ASSERT_THAT(texts_of(letters_), ElementsAre("1", "\"second\"")) << "cut at " << cut;
  }
}

TEST_F(DroppedFrames, of_a_run_only_those_that_would_stay_are_read) {
  std::string many;
  for (int i = 0; i < 1000; ++i) many += node_frame("self", "peer", std::to_string(i));
  drop_frames({many}, 0);
  EXPECT_THAT(texts_of(letters_), ElementsAre("998", "999"));
  EXPECT_EQ(counts(letters_).dead_letters_displaced, 998u);
}

TEST_F(DroppedFrames, frames_of_another_kind_displace_no_message_wherever_they_lie) {
  const std::string published = node_frame("self", "topic:t", "1");
  const std::string reply = node_frame("self", "peer", "1", R"("re":17)");
  const std::string message = node_frame("self", "peer", "1");
  drop_frames({message, published, reply, published}, 0);
  EXPECT_THAT(texts_of(letters_), ElementsAre("1"));
  EXPECT_EQ(counts(letters_).dead_letters_displaced, 0u);
  for (std::size_t cut = framing::kHeaderSize; cut < published.size(); ++cut) {
    const std::string_view frame = published;
    drop_frames({frame.substr(0, cut), frame.substr(cut), reply, reply}, 0);
    ASSERT_THAT(texts_of(letters_), ElementsAre("1")) << "cut at " << cut;
  }
  EXPECT_EQ(counts(letters_).dead_letters_displaced, 0u);
  EXPECT_EQ(counts(letters_).dead_letters_not_kept, 0u);
}

TEST_F(DroppedFrames, messages_that_are_larger_than_all_the_room_displace_none) {
  const std::string large = node_frame("self", "peer", '"' + std::string(2000, 'x') + '"');
  const std::string barely = node_frame("self", "peer", '"' + std::string(1000, 'x') + '"');
  drop_frames({node_frame("self", "peer", "1") + large, large, barely}, 0);
  EXPECT_THAT(texts_of(letters_), ElementsAre("1"));
  EXPECT_EQ(counts(letters_).dead_letters_displaced, 0u);
  EXPECT_EQ(counts(letters_).dead_letters_not_kept, 3u);
}

TEST_F(DroppedFrames, requests_replies_and_what_is_published_are_none_nor_is_what_has_no_form) {
  drop_frames({node_frame("self", "peer", "1", R"("ask":17,"ms":5000)")}, 0);
  drop_frames({node_frame("self", "peer", "1", R"("re":17)")}, 0);
  drop_frames({node_frame("self", "topic:t", "1")}, 0);
  drop_frames({frame_of("no JSON"), frame_of("")}, 0);
  EXPECT_THAT(letters_.letters(), IsEmpty());
  const std::string like_that = R"({"a":1,"to":"topic:t"})";
  drop_frames({node_frame("self", "peer", like_that)}, 0);
  EXPECT_THAT(texts_of(letters_), ElementsAre(like_that));
}

}  // namespace
}  // namespace distflow::test
