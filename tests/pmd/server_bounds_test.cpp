// What the PMD does at each of its bounds, and that those who stay within theirs notice nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/support/loopback_pmd.hpp"
#include "tests/support/memory_pmd.hpp"
#include "tests/support/over_stores.hpp"
#include "tests/support/pmd_requests.hpp"
#include "tests/support/sockets.hpp"

namespace distflow::pmd {
namespace {

using namespace test;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class WatcherBound : public OverStores {};
DF_OVER_STORES(WatcherBound);
class ReplyBound : public OverStores {};
DF_OVER_STORES(ReplyBound);
class RegistryBound : public OverStores {};
DF_OVER_STORES(RegistryBound);
class ConnectionBound : public OverStores {};
DF_OVER_STORES(ConnectionBound);
class DescriptorBound : public OverStores {};
DF_OVER_STORES(DescriptorBound);
class ManyConnections : public OverStores {};
DF_OVER_STORES(ManyConnections);

TEST_P(WatcherBound, a_watcher_that_does_not_read_is_disconnected_and_costs_the_others_nothing) {
  ServerOptions options;
  options.watcher_backlog_max = 2000;
  MemoryPmd pmd(options, store());
  ASSERT_TRUE(pmd.start());
  const auto deaf = pmd.connect();
  const auto watcher = pmd.connect();
  const auto node = pmd.connect();
  pmd.ask(deaf, request_text("watch"));
  pmd.ask(watcher, request_text("watch"));
  pmd.network().set_window(deaf, 0);
  for (int i = 0; i < 20; ++i) {
    pmd.ask(node, register_text("id1", "pong"));
    EXPECT_THAT(pmd.receive(watcher), SizeIs(1));
  }
  EXPECT_TRUE(pmd.network().is_closed(deaf));
  EXPECT_FALSE(pmd.network().is_closed(watcher));
  EXPECT_EQ(pmd.server().counters().slow_watchers, 1u);
  EXPECT_EQ(pmd.server().counters().events, 20u);
}

TEST_P(WatcherBound, what_a_watcher_asked_for_does_not_count_against_its_events) {
  ServerOptions options;
  options.watcher_backlog_max = 1000;
  MemoryPmd pmd(options, store());
  ASSERT_TRUE(pmd.start());
  const auto watcher = pmd.connect();
  const auto node = pmd.connect();
  for (int i = 0; i < 20; ++i) pmd.ask(node, register_text("id" + std::to_string(i), "a" + std::to_string(i)));
  pmd.network().set_window(watcher, 0);
  pmd.send(watcher, request_text("watch"));  // more than 1000 bytes of nodes
  pmd.ask(node, unregister_text("id0"));
  pmd.network().set_window(watcher, 100'000);
  pmd.turn();
  EXPECT_THAT(pmd.receive(watcher), SizeIs(2));
  EXPECT_EQ(pmd.server().counters().slow_watchers, 0u);
}

TEST_P(WatcherBound, one_event_to_ten_thousand_watchers_is_encoded_once) {
  MemoryPmd pmd({}, store());
  ASSERT_TRUE(pmd.start());
  constexpr std::size_t kCount = 10'000;
  std::vector<MemoryPmd::PeerId> watchers;
  for (std::size_t i = 0; i < kCount; ++i) {
    watchers.push_back(pmd.network().connect());
    pmd.network().write(watchers.back(), framed(request_text("watch")));
  }
  while (pmd.server().counters().requests < kCount) pmd.turn();
  pmd.turn();
  for (const auto watcher : watchers) ASSERT_THAT(pmd.receive(watcher), SizeIs(1));
  pmd.ask(pmd.connect(), register_text("id1", "pong"));
  for (int turns = 0; turns < 400; ++turns) pmd.turn();
  for (const auto watcher : watchers) ASSERT_THAT(pmd.receive(watcher), SizeIs(1));
  EXPECT_EQ(pmd.server().counters().events, 1u);
  EXPECT_EQ(pmd.server().counters().events_queued, kCount);
}

TEST_P(ReplyBound, a_peer_that_asks_and_does_not_read_is_not_read_from_until_it_does) {
  ServerOptions options;
  options.reply_backlog_pause = 1000;
  MemoryPmd pmd(options, store());
  ASSERT_TRUE(pmd.start());
  const auto peer = pmd.connect();
  pmd.network().set_window(peer, 0);
  for (int i = 0; i < 100; ++i) pmd.send(peer, request_text("list"));
  EXPECT_EQ(pmd.server().counters().reads_paused, 1u);
  EXPECT_LT(pmd.server().counters().requests, 30u);
  pmd.network().set_window(peer, 1'000'000);
  pmd.advance(base::milliseconds(100), base::milliseconds(1));
  EXPECT_THAT(pmd.receive(peer), SizeIs(100));
  EXPECT_EQ(pmd.server().counters().slow_readers, 0u);
}

TEST_P(ReplyBound, a_peer_that_asks_for_too_much_at_once_is_disconnected) {
  ServerOptions options;
  options.reply_backlog_max = 1000;
  MemoryPmd pmd(options, store());
  ASSERT_TRUE(pmd.start());
  const auto peer = pmd.connect();
  const auto other = pmd.connect();
  std::string burst;
  for (int i = 0; i < 100; ++i) burst += framed(request_text("list"));
  pmd.network().write(peer, burst);
  pmd.turn();
  EXPECT_TRUE(pmd.network().is_closed(peer));
  EXPECT_EQ(pmd.server().counters().slow_readers, 1u);
  EXPECT_EQ(pmd.ask(other, request_text("list")), kNoNodes);
}

TEST_P(ReplyBound, all_unread_replies_together_are_bounded_and_who_reads_is_answered_all_the_same) {
  ServerOptions options;
  options.reply_backlog_total = 1000;
  MemoryPmd pmd(options, store());
  ASSERT_TRUE(pmd.start());
  std::vector<MemoryPmd::PeerId> deaf;
  for (int i = 0; i < 10; ++i) {
    deaf.push_back(pmd.connect());
    pmd.network().set_window(deaf.back(), 0);
    for (int k = 0; k < 4; ++k) pmd.send(deaf.back(), request_text("list"));
  }
  EXPECT_GT(pmd.server().counters().slow_readers, 0u);
  const auto reader = pmd.connect();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(pmd.ask(reader, request_text("list")), kNoNodes);
}

TEST_P(RegistryBound, a_full_registry_says_so) {
  ServerOptions options;
  options.registry.entries_max = 2;
  MemoryPmd pmd(options, store());
  ASSERT_TRUE(pmd.start());
  const auto peer = pmd.connect();
  pmd.ask(peer, register_text("id1", "a"));
  pmd.ask(peer, register_text("id2", "b"));
  EXPECT_THAT(pmd.ask(peer, register_text("id3", "c")), HasSubstr(R"("error":"Registry is full")"));
  EXPECT_EQ(pmd.server().counters().registrations_full, 1u);
}

TEST_P(ConnectionBound, beyond_the_bound_connections_are_closed_at_once_and_below_it_taken_again) {
  ServerOptions options;
  options.connection_count_max = 2;
  MemoryPmd pmd(options, store());
  ASSERT_TRUE(pmd.start());
  const auto a = pmd.connect();
  const auto b = pmd.connect();
  const auto c = pmd.connect();
  EXPECT_TRUE(pmd.network().is_closed(c));
  EXPECT_EQ(pmd.server().counters().connections_refused, 1u);
  EXPECT_EQ(pmd.ask(b, request_text("list")), kNoNodes);
  pmd.hang_up(a);
  EXPECT_EQ(pmd.ask(pmd.connect(), request_text("list")), kNoNodes);
}

TEST_P(DescriptorBound, accepting_pauses_and_goes_on_by_itself) {
  MemoryPmd pmd({}, store());
  ASSERT_TRUE(pmd.start());
  const auto before = pmd.connect();
  pmd.network().fail_accepts(3, EMFILE);
  const auto during = pmd.connect();
  EXPECT_EQ(pmd.ask(before, request_text("list")), kNoNodes);
  pmd.send(during, request_text("list"));
  EXPECT_THAT(pmd.receive(during), SizeIs(0));
  pmd.advance(base::seconds(1));
  EXPECT_THAT(pmd.receive(during), SizeIs(1));
  EXPECT_EQ(pmd.server().accept_pauses(), 3u);
}

TEST_P(DescriptorBound, out_of_real_descriptors_the_pmd_serves_on_and_recovers) {
  LoopbackPmd pmd({}, store());
  PmdTestClient before(pmd.port());
  ASSERT_EQ(pmd.ask(before, register_text("id1", "pong")), kSuccess);
  PmdTestClient during;
  {
    // One descriptor more: it goes to the client's end, and none is left for the PMD's.
    const test::NoDescriptorsLeft but_one(1);
    during = PmdTestClient(pmd.port());
    ASSERT_TRUE(during.is_connected());
    ASSERT_TRUE(pmd.until([&] { return pmd.server().accept_pauses() > 0; }));
    EXPECT_THAT(pmd.ask(before, resolve_text("pong")), HasSubstr("id1"));
  }
  EXPECT_THAT(pmd.ask(during, resolve_text("pong")), HasSubstr("id1"));
}

TEST_P(ManyConnections, a_thousand_nodes_register_are_listed_and_leave) {
  LoopbackPmd pmd({}, store());
  std::vector<PmdTestClient> nodes;
  constexpr int kCount = 1000;
  for (int i = 0; i < kCount; ++i) {
    nodes.emplace_back(pmd.port());
    ASSERT_TRUE(nodes.back().is_connected());
    nodes.back().send(register_text("id" + std::to_string(i), "node" + std::to_string(i)));
    if (i % 100 == 0) pmd.turn();
  }
  for (PmdTestClient& node : nodes) ASSERT_EQ(pmd.receive(node), kSuccess);
  EXPECT_EQ(pmd.server().registry().size(), 1000u);
  PmdTestClient asking(pmd.port());
  EXPECT_THAT(pmd.ask(asking, resolve_text("node999")), HasSubstr("id999"));
  nodes.clear();
  EXPECT_TRUE(pmd.until([&] { return pmd.server().registry().size() == 0; }));
}

}  // namespace
}  // namespace distflow::pmd
