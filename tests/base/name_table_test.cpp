#include "base/name_table.hpp"

#include <gtest/gtest.h>

#include <string>

#include "base/random.hpp"
#include "tests/base/seed.hpp"

namespace distflow::base {
namespace {

struct Named {
  explicit Named(std::string its_name) : name(std::move(its_name)) {}
  std::string name;
  Named* next = nullptr;
  bool is_in = false;
};
struct ByName {
  static std::string_view name(const Named& named) { return named.name; }
  static Named*& next(Named& named) { return named.next; }
};
using Table = NameTable<Named, ByName>;

const SipHash kHash({1, 2});

TEST(NameTable, what_was_inserted_is_found_until_it_is_erased_and_nothing_else_is) {
  const test::Seed seed;
  SCOPED_TRACE(seed.replay());
  std::vector<Named> all;
  for (int i = 0; i < 500; ++i) all.emplace_back("name-" + std::to_string(i));
  Table table(kHash);
  std::size_t count = 0;
  Random random(seed.value());
  for (int step = 0; step < 20'000; ++step) {
    Named& any = all[random.uniform(all.size())];
    // Grows, then shrinks: buckets get several elements, and lose them from anywhere.
    if (!any.is_in && random.chance(step < 10'000 ? 0.9 : 0.1)) {
      table.make_room();
      table.insert(any);
      any.is_in = true;
      ++count;
    } else if (any.is_in && random.chance(step < 10'000 ? 0.1 : 0.9)) {
      table.erase(any);
      any.is_in = false;
      --count;
    }
    ASSERT_EQ(table.size(), count);
    if (step % 100 != 0) continue;
    for (Named& each : all) ASSERT_EQ(table.find(each.name), each.is_in ? &each : nullptr) << each.name;
  }
  EXPECT_EQ(table.find(""), nullptr);
}

TEST(NameTable, forgets_all_at_once_and_takes_others) {
  Named one("one");
  Table table(kHash);
  table.make_room();
  table.insert(one);
  table.clear();
  EXPECT_EQ(table.find("one"), nullptr);
  EXPECT_EQ(table.size(), 0U);
  table.make_room();
  table.insert(one);
  EXPECT_EQ(table.find("one"), &one);
}

}  // namespace
}  // namespace distflow::base
