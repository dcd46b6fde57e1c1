#include <distflow/result.hpp>

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace distflow {
namespace {

Error refused() { return {Errc::refused, "asking"}; }

TEST(Result, holds_a_value_or_an_error) {
  const Result<int> good = 7;
  ASSERT_TRUE(good.has_value());
  EXPECT_EQ(*good, 7);
  EXPECT_EQ(good.value_or(1), 7);
  const Result<int> bad = refused();
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error(), Errc::refused);
  EXPECT_EQ(bad.value_or(1), 1);
}

TEST(Result, hands_out_a_value_that_only_moves) {
  Result<std::unique_ptr<int>> result = std::make_unique<int>(3);
  EXPECT_EQ(**result, 3);
  const std::unique_ptr<int> taken = std::move(result).value();
  EXPECT_EQ(*taken, 3);
}

TEST(Result, without_a_value_tells_success_or_the_error) {
  EXPECT_TRUE(Result<void>());
  const Result<void> bad = refused();
  EXPECT_FALSE(bad.has_value());
  EXPECT_EQ(bad.error(), Errc::refused);
}

TEST(ResultDeathTest, the_wrong_side_of_it_stops_the_process) {
  const Result<int> bad = refused();
  EXPECT_DEATH(static_cast<void>(*bad), "");
  const Result<int> good = 1;
  EXPECT_DEATH(static_cast<void>(good.error()), "");
  EXPECT_DEATH(static_cast<void>(Result<void>().error()), "");
}

TEST(Error, says_what_was_being_done_and_what_happened) {
  EXPECT_EQ(refused().message(), "asking: refused by the other side");
  EXPECT_EQ((Error{Errc::queue_full}).message(), "the queue is full");
}

TEST(Result, the_value_of_a_temporary_outlives_it_in_a_range_for) {
  static_assert(std::is_same_v<decltype(*std::declval<Result<std::vector<int>>>()), std::vector<int>>);
  static_assert(std::is_same_v<decltype(std::declval<Result<std::vector<int>>>().value()), std::vector<int>>);
  int sum = 0;
  for (const int number : *Result<std::vector<int>>(std::vector<int>{1, 2, 3})) sum += number;
  EXPECT_EQ(sum, 6);
}

TEST(Error, compares_by_code_whatever_was_being_done) {
  EXPECT_EQ(refused(), (Error{Errc::refused, "something else"}));
  const Error of_the_system{std::error_code(EPIPE, std::generic_category()), "sending"};
  EXPECT_NE(of_the_system, Errc::refused);
  EXPECT_EQ(of_the_system.code, std::errc::broken_pipe);
}

TEST(Error, every_code_has_a_text_of_its_own) {
  const std::string unknown = std::error_code(0, error_category()).message();
  for (int code = 1; code <= static_cast<int>(Errc::out_of_memory); ++code) {
    EXPECT_NE(std::error_code(code, error_category()).message(), unknown) << "code " << code;
  }
}

}  // namespace
}  // namespace distflow
