// What a large message costs beside copying its bytes, once one of its size has gone the same way: no memory of the
// system's, no page that is touched for the first time, and few receives.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdio>
#include <string>

#include "tests/support/cluster.hpp"

namespace distflow::test {
namespace {

struct Way {
  bool is_in_memory;
  std::size_t payload_size;
};

std::string name_of(const ::testing::TestParamInfo<Way>& info) {
  return (info.param.is_in_memory ? "memory_" : "tcp_") + std::to_string(info.param.payload_size);
}

/// Two nodes of one thread, the first of which sends to the second.
class LargeFrames : public ::testing::TestWithParam<Way> {
 protected:
  static constexpr std::size_t kMessages = 8;

  void SetUp() override {
    pong_->delivery().set_message_handler([this](const Message& message) {
      handled_ += message.payload.size() == GetParam().payload_size && message.payload.front() == '"';
    });
    ASSERT_TRUE(cluster_.turn_until([this] { return ping_->directory().list().size() == 1; }));
    // A connection moves to memory behind its first messages.
    for (int i = 0; GetParam().is_in_memory && i < 100; ++i) ping_.send("pong", "1");
    const std::size_t in_memory = GetParam().is_in_memory ? 1 : 0;
    ASSERT_TRUE(cluster_.turn_until([&] { return ping_.stats().connections_in_memory == in_memory; }));
    // Whatever is made once is made.
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(exchange(2));
  }

  bool exchange(std::size_t count) {
    const std::size_t end = handled_ + count;
    for (std::size_t i = 0; i < count; ++i) {
      if (!cluster_.turn_until([&] { return is_under_way(ping_.send("pong", payload_)); })) return false;
    }
    return cluster_.turn_until([&] { return handled_ == end; });
  }

  NodeOptions options(const char* alias) {
    return {.alias = alias, .memory_connections_max = GetParam().is_in_memory ? 16U : 0U};
  }
  static std::uint64_t faults() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return static_cast<std::uint64_t>(usage.ru_minflt);
  }

  const std::string payload_ = '"' + std::string(GetParam().payload_size - 2, 'x') + '"';
  SocketCluster cluster_;
  TestNode& ping_ = cluster_.add_node(options("ping"));
  TestNode& pong_ = cluster_.add_node(options("pong"));
  std::size_t handled_ = 0;
};

INSTANTIATE_TEST_SUITE_P(ways, LargeFrames,
                         ::testing::Values(Way{true, 64 * 1024}, Way{true, 1024 * 1024}, Way{true, 15 * 1024 * 1024},
                                           Way{false, 64 * 1024}, Way{false, 1024 * 1024},
                                           Way{false, 15 * 1024 * 1024}),
                         name_of);

TEST_P(LargeFrames, cost_no_memory_of_the_systems_and_few_receives_once_one_has_gone_the_same_way) {
  const std::uint64_t made = cluster_.large_chunks_made();
  const std::uint64_t recvs = cluster_.reactor().backend().counters().recvs;
  const std::uint64_t faults_before = faults();
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(exchange(2));
  const std::uint64_t faulted = faults() - faults_before;
  const std::uint64_t received = cluster_.reactor().backend().counters().recvs - recvs;
  std::printf("%zu large messages: %zu chunks made, %zu pages touched first, %zu receives\n", kMessages,
              static_cast<std::size_t>(cluster_.large_chunks_made() - made), static_cast<std::size_t>(faulted),
              static_cast<std::size_t>(received));
  EXPECT_EQ(cluster_.large_chunks_made(), made);
  // A thirty-second of the pages that the payloads lie in, and what the process does besides.
  EXPECT_LE(faulted, kMessages * GetParam().payload_size / 4096 / 32 + 64);
  EXPECT_LE(received, kMessages * (GetParam().payload_size / (16 * 1024) + 16));
}

}  // namespace
}  // namespace distflow::test
