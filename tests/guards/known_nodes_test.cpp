// The memory of this process that a node of the registry costs while nothing is sent to it, as the allocator counts it.
#include <gtest/gtest.h>
#include <malloc.h>

#include <string>

#include "tests/support/cluster.hpp"

namespace distflow::test {
namespace {

constexpr std::size_t kNodes = 100'000;

/// What the allocator has given out, large pieces included, which it has from the system one by one.
std::size_t allocated() {
  const auto info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

runtime::KnownNode known_node(std::size_t number) {
  const std::string digits = std::to_string(number);
  return {.info = {.node_id = std::string(16 - digits.size(), '0') + digits,
                   .alias = "worker-" + digits,
                   .host = "192.168.17.42",
                   .port = 4370,
                   .last_heartbeat = 1'795'375'753'755,
                   .meta = {{"zone", "west"}}}};
}

std::size_t text_size(const PeerInfo& info) {
  std::size_t size = info.node_id.size() + info.alias.size() + info.host.size();
  for (const auto& [name, value] : info.meta) size += name.size() + value.size();
  return size;
}

TEST(KnownNode, takes_at_most_200_bytes_beside_its_texts_while_nothing_is_sent_to_it) {
  constexpr std::size_t kRecorded = 162;
  constexpr std::size_t kMost = 200;
  SocketCluster cluster;
  TestNode& node = cluster.add_node({});
  std::size_t texts = 0;
  const std::size_t before = allocated();
  for (std::size_t i = 0; i < kNodes; ++i) {
    const runtime::KnownNode known = known_node(i);
    texts += text_size(known.info);
    node->directory().upsert(known);
  }
  const std::size_t each = (allocated() - before - texts) / kNodes;
  std::printf("%zu bytes: a node of the registry, beside its texts\n", each);
  EXPECT_GE(each, sizeof(runtime::Peer)) << "the allocator did not count";
  EXPECT_LE(each, kRecorded + kRecorded / 20);
  EXPECT_LE(each, kMost);
  EXPECT_EQ(node->directory().list().size(), kNodes);
}

}  // namespace
}  // namespace distflow::test
