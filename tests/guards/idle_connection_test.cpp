// The memory of this process that a connection costs while nothing comes, as the allocator counts it.
#include <gtest/gtest.h>
#include <malloc.h>
#include <sys/resource.h>

#include <algorithm>

#include "io/epoll/epoll_poller.hpp"
#include "io/readiness_backend.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/node_frames.hpp"
#include "tests/support/sockets.hpp"
#include "transport/connection.hpp"

namespace distflow::test {
namespace {

constexpr std::size_t kConnections = 1000;
constexpr std::size_t kDescriptors = 2 * kConnections + 100;  // both ends are this process's

bool has_descriptors() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, std::max<rlim_t>(limit.rlim_cur, kDescriptors));
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= kDescriptors;
}

std::size_t allocated() { return ::mallinfo2().uordblks; }

TEST(IdleConnection, takes_at_most_512_bytes_with_its_handle) {
  const std::size_t size = sizeof(transport::Connection) + io::ReadinessBackend<io::EpollPoller>::handle_size();
  std::printf("%zu bytes: a connection and its handle\n", size);
  EXPECT_LE(size, 512U);
}

// With what the node keeps for each besides: its place, its sender, what it was refused. Each has been used once.
TEST(IdleConnection, of_a_node_takes_no_more_than_recorded_with_all_that_belongs_to_it) {
  constexpr std::size_t kRecorded = 773;
  if (!has_descriptors()) GTEST_SKIP() << "this process may not have " << kDescriptors << " descriptors";
  SocketCluster cluster;
  TestNode& node = cluster.add_node({.alias = "pong"});
  std::size_t handled = 0;
  node->delivery().set_message_handler([&](const Message&) { ++handled; });
  const std::string frame = node_frame("7021c0138e13d26a", node->node_id(), "1");
  std::vector<RawSocket> peers;
  peers.reserve(kConnections + 1);
  const auto connect = [&] {
    peers.push_back(RawSocket::connected_to(node->port()));
    ASSERT_TRUE(peers.back().send(frame));
    ASSERT_TRUE(cluster.turn_until([&] { return handled == peers.size(); }));
  };
  connect();

  const std::size_t before = allocated();
  while (peers.size() <= kConnections) connect();
  const std::size_t each = (allocated() - before) / kConnections;
  std::printf("%zu bytes: a connection of a node\n", each);
  EXPECT_GE(each, 256U) << "the allocator did not count";
  EXPECT_LE(each, kRecorded + kRecorded / 20);
}

}  // namespace
}  // namespace distflow::test
