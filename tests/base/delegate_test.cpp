#include "base/delegate.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace distflow::base {
namespace {

struct Counter {
  int sum = 0;
  int add(int n) { return sum += n; }
};

TEST(Delegate, calls_the_member_of_the_object_it_was_made_for) {
  Counter counter;
  const auto add = Delegate<int(int)>::to<&Counter::add>(counter);
  EXPECT_EQ(add(2), 2);
  EXPECT_EQ(add(3), 5);
  EXPECT_EQ(counter.sum, 5);
}

TEST(Delegate, calls_a_callable_where_it_lies) {
  int calls = 0;
  auto count = [&calls] { ++calls; };
  const auto delegate = Delegate<void()>::of(count);
  const auto copy = delegate;
  delegate();
  copy();
  EXPECT_EQ(calls, 2);
}

TEST(Delegate, hands_arguments_on_without_copying_them) {
  std::unique_ptr<int> received;
  auto take = [&received](std::unique_ptr<int> value) { received = std::move(value); };
  Delegate<void(std::unique_ptr<int>)>::of(take)(std::make_unique<int>(7));
  ASSERT_NE(received, nullptr);
  EXPECT_EQ(*received, 7);
}

TEST(Delegate, is_false_until_it_has_a_target) {
  EXPECT_FALSE(Delegate<void()>());
  auto nothing = [] {};
  EXPECT_TRUE(Delegate<void()>::of(nothing));
}

TEST(DelegateDeathTest, an_empty_one_cannot_be_called) { EXPECT_DEATH(Delegate<void()>()(), "invariant broken"); }

}  // namespace
}  // namespace distflow::base
