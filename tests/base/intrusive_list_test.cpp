#include "base/intrusive_list.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace distflow::base {
namespace {

struct Red;
struct Blue;
struct Item : ListNode<Red>, ListNode<Blue> {
  explicit Item(int item_value) : value(item_value) {}
  int value;
};
using RedList = IntrusiveList<Item, Red>;
using BlueList = IntrusiveList<Item, Blue>;

std::vector<int> drained(RedList& list) {
  std::vector<int> values;
  while (!list.empty()) values.push_back(list.pop_front().value);
  return values;
}

TEST(IntrusiveList, gives_elements_in_the_order_they_came) {
  Item a(1), b(2), c(3);
  RedList list;
  EXPECT_TRUE(list.empty());
  for (Item* item : {&a, &b, &c}) list.push_back(*item);
  EXPECT_EQ(&list.front(), &a);
  EXPECT_EQ(drained(list), (std::vector<int>{1, 2, 3}));
}

TEST(IntrusiveList, a_visit_of_all_may_take_out_the_element_it_is_given) {
  Item a(1), b(2), c(3);
  RedList list;
  for (Item* item : {&a, &b, &c}) list.push_back(*item);
  std::vector<int> visited;
  list.for_each([&](Item& item) {
    visited.push_back(item.value);
    if (item.value != 2) static_cast<ListNode<Red>&>(item).unlink();
  });
  EXPECT_EQ(visited, (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(drained(list), std::vector<int>{2});
}

TEST(IntrusiveList, an_element_leaves_from_anywhere) {
  Item a(1), b(2), c(3);
  RedList list;
  for (Item* item : {&a, &b, &c}) list.push_back(*item);
  static_cast<ListNode<Red>&>(b).unlink();
  static_cast<ListNode<Red>&>(b).unlink();
  EXPECT_EQ(drained(list), (std::vector<int>{1, 3}));
}

TEST(IntrusiveList, an_element_may_be_on_one_list_of_each_tag) {
  Item a(1);
  RedList red;
  BlueList blue;
  red.push_back(a);
  blue.push_back(a);
  EXPECT_EQ(&red.pop_front(), &a);
  EXPECT_FALSE(blue.empty());
  EXPECT_EQ(&blue.pop_front(), &a);
}

TEST(IntrusiveList, takes_another_list_in_its_order) {
  Item a(1), b(2), c(3);
  RedList list, other;
  list.push_back(a);
  other.push_back(b);
  other.push_back(c);
  list.take(other);
  EXPECT_TRUE(other.empty());
  EXPECT_EQ(drained(list), (std::vector<int>{1, 2, 3}));
}

TEST(IntrusiveListDeathTest, an_element_is_on_one_list_of_a_tag_at_most_and_leaves_it_before_it_dies) {
  Item a(1);
  RedList list, other;
  list.push_back(a);
  EXPECT_DEATH(other.push_back(a), "is_linked");
  EXPECT_DEATH(
      {
        RedList outer;
        Item inner(2);
        outer.push_back(inner);
      },
      "is_linked");
  list.pop_front();
}

}  // namespace
}  // namespace distflow::base
