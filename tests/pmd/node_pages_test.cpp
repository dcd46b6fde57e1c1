#include "pmd/server/node_pages.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <list>
#include <string>
#include <utility>
#include <vector>

#include "base/random.hpp"

namespace distflow::pmd {
namespace {

std::string text_of(const NodeSnapshot& snapshot) {
  std::string text;
  for (const auto& page : snapshot.pages) text.append(page->chunk->data(), page->size);
  EXPECT_EQ(text.size(), snapshot.size);
  return text;
}

/// The pages, and the slow way beside them.
class NodePagesTest : public ::testing::Test {
 protected:
  struct Node {
    NodePages::Place place;
    std::string text;
  };

  std::string expected() const {
    std::string text;
    for (const Node& node : nodes) text += ',' + node.text;
    return text;
  }
  Node& any(base::Random& random) {
    return *std::next(nodes.begin(), static_cast<std::ptrdiff_t>(random.uniform(nodes.size())));
  }
  void add(const std::string& text) {
    Node& node = nodes.emplace_back();
    node.text = text;
    pages.append(node.place, text);
  }
  void change(Node& node, std::string text) {
    node.text = std::move(text);
    pages.replace(node.place, node.text);
  }
  void remove(Node& node) {
    pages.erase(node.place);
    nodes.remove_if([&](const Node& each) { return &each == &node; });
  }

  void run_random_operations(std::uint64_t seed) {
    SCOPED_TRACE("replay with DISTFLOW_SEED=" + std::to_string(seed));
    base::Random random(seed);
    std::vector<std::pair<std::shared_ptr<const NodeSnapshot>, std::string>> held;
    const auto any_text = [&] {
      const std::size_t size = random.chance(0.01) ? 40'000 : 1 + random.uniform(random.chance(0.1) ? 3000 : 200);
      return std::string(size, static_cast<char>('a' + random.uniform(26)));
    };
    for (int step = 0; step < 3000; ++step) {
      const bool shrinks = step % 1000 > 700;
      if (nodes.empty() || random.chance(shrinks ? 0.1 : 0.5)) {
        add(any_text());
      } else if (random.chance(0.5)) {
        change(any(random), any_text());
      } else {
        remove(any(random));
      }
      if (random.chance(0.05)) held.emplace_back(pages.snapshot(), expected());
      if (!held.empty() && random.chance(0.04)) held.erase(held.begin());
      if (step % 50 != 0) continue;
      ASSERT_EQ(text_of(*pages.snapshot()), expected());
    }
    for (const auto& [snapshot, text] : held) ASSERT_EQ(text_of(*snapshot), text) << "a snapshot never changes";
    held.clear();
    ASSERT_EQ(text_of(*pages.snapshot()), expected());
    EXPECT_EQ(pages.outdated_bytes(), 0u);
    while (!nodes.empty()) remove(nodes.front());
    EXPECT_EQ(pages.snapshot()->size, 0u);
    EXPECT_TRUE(pages.snapshot()->pages.empty());
  }

  std::list<Node> nodes;
  NodePages pages;
};

TEST_F(NodePagesTest, any_changes_give_the_text_that_the_slow_way_gives_and_leave_snapshots_alone) {
  if (const char* replayed = std::getenv("DISTFLOW_SEED")) {
    return run_random_operations(std::strtoull(replayed, nullptr, 10));
  }
  for (std::uint64_t seed = 1; seed <= 10; ++seed) run_random_operations(seed);
}

TEST_F(NodePagesTest, snapshots_share_all_pages_but_those_that_have_changed) {
  for (int i = 0; i < 1000; ++i) add(std::string(300, 'n'));
  const auto before = pages.snapshot();
  EXPECT_EQ(before, pages.snapshot()) << "nothing has changed";
  change(nodes.front(), "changed");
  const auto after = pages.snapshot();
  ASSERT_EQ(before->pages.size(), after->pages.size());
  EXPECT_NE(before->pages.front(), after->pages.front());
  for (std::size_t i = 1; i < before->pages.size(); ++i) EXPECT_EQ(before->pages[i], after->pages[i]);
  EXPECT_EQ(pages.outdated_bytes(), before->pages.front()->chunk->capacity());
}

TEST_F(NodePagesTest, nodes_that_come_and_go_leave_no_pages_and_no_gaps_behind) {
  add("stays");
  for (int i = 0; i < 5000; ++i) {
    for (int k = 0; k < 8; ++k) add(std::string(2000, 'x'));
    while (nodes.size() > 1) remove(nodes.back());
  }
  EXPECT_EQ(text_of(*pages.snapshot()), ",stays");
  EXPECT_EQ(pages.snapshot()->pages.size(), 1u);
}

TEST_F(NodePagesTest, pages_that_have_become_small_join) {
  for (int i = 0; i < 2000; ++i) add(std::string(300, 'n'));
  std::size_t i = 0;
  for (auto place = nodes.begin(); place != nodes.end();) {
    Node& node = *place++;
    if (i++ % 50 != 0) remove(node);
  }
  EXPECT_EQ(text_of(*pages.snapshot()), expected());
  EXPECT_LE(pages.snapshot()->pages.size(), 3u);
}

}  // namespace
}  // namespace distflow::pmd
