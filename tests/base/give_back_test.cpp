// What is given back is empty, and holds no memory.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/give_back.hpp"

namespace distflow::base {
namespace {

TEST(GiveBack, a_text_is_empty_and_its_memory_is_free) {
  std::string text(10'000, 'x');
  give_back(text);
  EXPECT_TRUE(text.empty());
  EXPECT_EQ(text.capacity(), std::string().capacity());
}

TEST(GiveBack, a_vector_is_empty_and_its_memory_is_free) {
  std::vector<int> numbers(10'000);
  give_back(numbers);
  EXPECT_TRUE(numbers.empty());
  EXPECT_EQ(numbers.capacity(), 0u);
}

}  // namespace
}  // namespace distflow::base
