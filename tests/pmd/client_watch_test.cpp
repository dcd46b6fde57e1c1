#include "pmd/client/client_watch.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "base/random.hpp"
#include "tests/base/seed.hpp"

namespace distflow::pmd {
namespace {

using protocol::Event;
using protocol::EventKind;
using protocol::NodeInfo;
using Verdict = ClientWatch::Verdict;

NodeInfo node(std::uint64_t number, std::uint16_t port) {
  NodeInfo node;
  node.node_id = "node" + std::to_string(number);
  node.host = "127.0.0.1";
  node.port = port;
  return node;
}

/// The same change, one by one and in the plainest way.
void change(std::vector<NodeInfo>& nodes, const Event& event) {
  const auto is_it = [&](const NodeInfo& one) { return one.node_id == event.peer.node_id; };
  const auto known = std::find_if(nodes.begin(), nodes.end(), is_it);
  if (event.kind == EventKind::join) {
    if (known == nodes.end()) {
      nodes.push_back(event.peer);
    } else {
      *known = event.peer;
    }
  } else if (known != nodes.end()) {
    nodes.erase(known);
  }
}

std::vector<std::string> texts(const std::vector<NodeInfo>& nodes) {
  std::vector<std::string> texts;
  for (const NodeInfo& one : nodes) texts.push_back(one.node_id + ":" + std::to_string(one.port));
  return texts;
}

// Of a PMD that does not number its events.
TEST(ClientWatch, a_list_is_completed_by_what_was_held_as_if_each_change_had_come_later) {
  const test::Seed seed;
  SCOPED_TRACE(seed.replay());
  base::Random random(seed.value());
  for (int round = 0; round < 200; ++round) {
    std::vector<NodeInfo> expected;
    for (std::uint64_t count = random.uniform(10); count > 0; --count) expected.push_back(node(count, 1));
    const std::vector<NodeInfo> listed = expected;
    ClientWatch watch;
    watch.begin();
    for (std::uint64_t count = random.uniform(40); count > 0; --count) {
      Event event;
      event.kind = random.chance(0.5) ? EventKind::join : EventKind::leave;
      event.peer = node(random.uniform(12), static_cast<std::uint16_t>(count));
      EXPECT_EQ(watch.take(event), Verdict::pass);
      change(expected, event);
    }
    ASSERT_EQ(texts(watch.complete(listed, std::nullopt)), texts(expected));
  }
}

}  // namespace
}  // namespace distflow::pmd
