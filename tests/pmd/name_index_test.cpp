#include "pmd/server/name_index.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.hpp"

namespace distflow::pmd {
namespace {

struct Named {
  std::string name;
  std::string_view key = {};
  bool is_in = false;
};

TEST(NameIndex, what_was_inserted_is_found_until_it_is_erased_and_nothing_else_is) {
  std::vector<Named> all(500);
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].name = "name-" + std::to_string(i);
    all[i].key = all[i].name;
  }
  NameIndex<Named, &Named::key> index(base::SipHash({1, 2}));
  std::size_t count = 0;
  base::Random random(1);
  for (int step = 0; step < 20'000; ++step) {
    Named& any = all[random.uniform(all.size())];
    // Grows, then shrinks: chains of neighbours come about, and are taken apart.
    if (!any.is_in && random.chance(step < 10'000 ? 0.9 : 0.1)) {
      index.insert(any);
      any.is_in = true;
      ++count;
    } else if (any.is_in && random.chance(step < 10'000 ? 0.1 : 0.9)) {
      index.erase(any);
      any.is_in = false;
      --count;
    }
    ASSERT_EQ(index.size(), count);
    if (step % 100 != 0) continue;
    for (Named& each : all) ASSERT_EQ(index.find(each.name), each.is_in ? &each : nullptr) << each.name;
  }
  EXPECT_EQ(index.find(""), nullptr);
}

// Who does not know the key cannot tell which names share a place.
TEST(NameIndex, an_entry_has_the_place_that_the_key_gives_it) {
  Named one{.name = "one"};
  one.key = one.name;
  const base::SipHash hash({1, 2});
  const base::SipHash another_hash({1, 3});
  NameIndex<Named, &Named::key> index(hash);
  index.insert(one);
  EXPECT_EQ(index.guess(HashedName{"one", hash("one")}), &one);
  EXPECT_EQ(index.guess(HashedName{"one", another_hash("one")}), nullptr);
}

TEST(NameIndex, a_name_of_the_same_hash_is_another_name) {
  Named one{.name = "one"};
  one.key = one.name;
  const base::SipHash hash({1, 2});
  NameIndex<Named, &Named::key> index(hash);
  index.insert(one);
  EXPECT_EQ(index.guess(HashedName{"two", hash("one")}), &one);
  EXPECT_EQ(index.find(HashedName{"two", hash("one")}), nullptr);
}

}  // namespace
}  // namespace distflow::pmd
