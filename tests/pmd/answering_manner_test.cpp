// How a node answers: when it is slow, and when it is new.
#include <gtest/gtest.h>

#include "pmd/web/answering_manner.hpp"

namespace distflow::pmd {
namespace {

/// After how many answers in time it is not slow any more.
int answers_owed(AnsweringManner& manner) {
  int count = 0;
  for (; manner.is_slow(); ++count) {
    manner.note_in_time();
  }
  return count;
}

TEST(AnsweringManner, a_node_is_new_and_not_slow_until_it_has_answered) {
  AnsweringManner manner;
  EXPECT_FALSE(manner.is_slow());
  EXPECT_TRUE(manner.is_new());
  manner.note_in_time();
  EXPECT_FALSE(manner.is_slow());
  EXPECT_FALSE(manner.is_new());
  manner.note_late();
  EXPECT_FALSE(manner.is_new()) << "it has answered once";
}

TEST(AnsweringManner, a_node_that_was_late_owes_answers_twice_as_many_with_each_time_up_to_a_bound) {
  AnsweringManner manner;
  for (const int owed : {2, 4, 8, 16, 32, 32, 32}) {
    manner.note_late();
    EXPECT_EQ(answers_owed(manner), owed);
  }
}

TEST(AnsweringManner, a_node_that_is_late_while_it_owes_answers_owes_all_of_them_anew) {
  AnsweringManner manner;
  manner.note_late();
  manner.note_in_time();
  manner.note_late();
  EXPECT_EQ(answers_owed(manner), 4);
}

}  // namespace
}  // namespace distflow::pmd
