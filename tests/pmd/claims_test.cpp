// Claims to an alias that another node has, and that may be about to go.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/loopback_pmd.hpp"
#include "tests/support/memory_pmd.hpp"
#include "tests/support/over_stores.hpp"
#include "tests/support/pmd_requests.hpp"

namespace distflow::pmd {
namespace {

using namespace test;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Claims : public OverStores {
 protected:
  void SetUp() override { ASSERT_TRUE(pmd.start()); }
  const ServerCounters& counters() { return pmd.server().counters(); }

  MemoryPmd pmd{{}, store()};
};
DF_OVER_STORES(Claims);

TEST_P(Claims, a_claim_is_granted_as_soon_as_the_holder_has_gone) {
  const auto old_node = pmd.connect();
  const auto new_node = pmd.connect();
  pmd.ask(old_node, register_text("id1", "pong"));
  EXPECT_EQ(pmd.ask(new_node, register_text("id2", "pong")), "");
  pmd.hang_up(old_node);
  EXPECT_THAT(pmd.receive(new_node), ElementsAre(kSuccess));
  EXPECT_THAT(pmd.ask(new_node, resolve_text("pong")), HasSubstr("id2"));
  EXPECT_EQ(counters().claims_parked, 1u);
  EXPECT_EQ(counters().claims_granted, 1u);
}

TEST_P(Claims, a_claim_whose_holder_stays_is_refused_after_the_grace_period_with_the_holder_named) {
  const auto old_node = pmd.connect();
  const auto new_node = pmd.connect();
  pmd.ask(old_node, register_text("id1", "pong"));
  pmd.send(new_node, register_text("id2", "pong"));
  pmd.advance(base::milliseconds(240), base::milliseconds(10));
  EXPECT_THAT(pmd.receive(new_node), IsEmpty());
  pmd.advance(base::milliseconds(20), base::milliseconds(10));
  EXPECT_THAT(pmd.receive(new_node),
              ElementsAre(R"({"type":"response","requestId":"r","payload":{"error":"Alias 'pong' already in use",)"
                          R"("holder":{"nodeId":"id1","alias":"pong","host":"localhost","port":45401,)"
                          R"("lastHeartbeat":1795374131949}}})"));
  EXPECT_THAT(pmd.ask(new_node, resolve_text("pong")), HasSubstr("id1"));
  EXPECT_EQ(counters().claims_refused, 1u);
}

TEST_P(Claims, what_follows_a_claim_on_its_connection_is_answered_after_it) {
  const auto old_node = pmd.connect();
  const auto new_node = pmd.connect();
  pmd.ask(old_node, register_text("id1", "pong"));
  pmd.network().write(new_node, framed(register_text("id2", "pong")) + framed(request_text("watch")));
  pmd.turn();
  pmd.send(new_node, heartbeat_text("id2"));
  EXPECT_THAT(pmd.receive(new_node), IsEmpty());
  pmd.hang_up(old_node);
  EXPECT_THAT(pmd.receive(new_node), ElementsAre(kSuccess, HasSubstr(R"("rev":3,"nodes":[{"nodeId":"id2")"), kSuccess));
}

TEST_P(Claims, claims_to_one_alias_are_granted_in_the_order_they_came) {
  const auto a = pmd.connect();
  const auto b = pmd.connect();
  const auto c = pmd.connect();
  pmd.ask(a, register_text("id1", "pong"));
  pmd.ask(b, register_text("id2", "pong"));
  pmd.ask(c, register_text("id3", "pong"));
  pmd.hang_up(a);
  EXPECT_THAT(pmd.receive(b), ElementsAre(kSuccess));
  EXPECT_THAT(pmd.receive(c), IsEmpty());
  pmd.hang_up(b);
  EXPECT_THAT(pmd.receive(c), ElementsAre(kSuccess));
}

TEST_P(Claims, a_holder_that_takes_another_alias_unregisters_or_expires_has_gone_too) {
  const auto holder = pmd.connect();
  const auto b = pmd.connect();
  const auto c = pmd.connect();
  pmd.ask(holder, register_text("id1", "one"));
  pmd.send(b, register_text("id2", "one"));
  pmd.ask(holder, register_text("id1", "two"));
  EXPECT_THAT(pmd.receive(b), ElementsAre(kSuccess));
  pmd.send(c, register_text("id3", "two"));
  pmd.ask(holder, unregister_text("id1"));
  EXPECT_THAT(pmd.receive(c), ElementsAre(kSuccess));
  pmd.ask(holder, register_text("id1", "three", R"(,"ttl":100)"));
  const auto d = pmd.connect();
  pmd.send(d, register_text("id4", "three"));
  pmd.advance(base::milliseconds(110), base::milliseconds(10));
  EXPECT_THAT(pmd.receive(d), ElementsAre(kSuccess));
}

TEST_P(Claims, a_holder_on_the_claims_own_connection_is_not_waited_for) {
  const auto peer = pmd.connect();
  pmd.ask(peer, register_text("id1", "pong"));
  EXPECT_THAT(pmd.ask(peer, register_text("id2", "pong")), HasSubstr("already in use"));
  EXPECT_EQ(counters().claims_parked, 0u);
}

TEST_P(Claims, a_claim_waits_whatever_is_behind_it_which_is_not_received_before_it_is_decided) {
  const auto holder = pmd.connect();
  const auto hasty = pmd.connect();
  pmd.ask(holder, register_text("id1", "pong"));
  std::string burst = framed(register_text("id2", "pong"));
  for (int i = 0; i < 1000; ++i) burst += framed(request_text("list"));
  pmd.network().write(hasty, burst);
  for (int turns = 0; turns < 4; ++turns) pmd.turn();
  EXPECT_THAT(pmd.receive(hasty), IsEmpty());
  EXPECT_LE(pmd.network().received(hasty), io::RecvOp::kLittle);
  pmd.hang_up(holder);
  for (int turns = 0; turns < 100; ++turns) pmd.turn();
  const auto frames = pmd.receive(hasty);
  ASSERT_EQ(frames.size(), 1001u);
  EXPECT_EQ(frames[0], kSuccess);
}

TEST_P(Claims, nobody_is_refused_because_the_pmd_itself_stood_still) {
  const auto old_node = pmd.connect();
  const auto new_node = pmd.connect();
  pmd.ask(old_node, register_text("id1", "pong"));
  pmd.ask(new_node, register_text("id2", "pong"));
  pmd.stall(base::seconds(10));
  pmd.hang_up(old_node);
  EXPECT_THAT(pmd.receive(new_node), ElementsAre(kSuccess));
  const auto third = pmd.connect();
  pmd.ask(third, register_text("id3", "pong"));
  pmd.stall(base::seconds(10));
  pmd.advance(base::milliseconds(300), base::milliseconds(10));
  EXPECT_THAT(pmd.receive(third), ElementsAre(HasSubstr("already in use")));
}

TEST_P(Claims, a_claimant_that_goes_is_forgotten) {
  const auto holder = pmd.connect();
  const auto claimant = pmd.connect();
  pmd.ask(holder, register_text("id1", "pong"));
  pmd.send(claimant, register_text("id2", "pong"));
  pmd.network().reset(claimant);
  pmd.hang_up(holder);
  pmd.advance(base::seconds(1));
  EXPECT_EQ(pmd.server().registry().size(), 0u);
  EXPECT_EQ(pmd.server().connection_count(), 0u);
}

class ClaimBound : public OverStores {};
DF_OVER_STORES(ClaimBound);

TEST_P(ClaimBound, beyond_the_bound_claims_are_refused_without_a_wait) {
  ServerOptions options;
  options.claim_count_max = 2;
  MemoryPmd pmd(options, store());
  ASSERT_TRUE(pmd.start());
  const auto holder = pmd.connect();
  pmd.ask(holder, register_text("id0", "pong"));
  for (int i = 1; i <= 2; ++i) {
    EXPECT_EQ(pmd.ask(pmd.connect(), register_text("id" + std::to_string(i), "pong")), "");
  }
  EXPECT_THAT(pmd.ask(pmd.connect(), register_text("id3", "pong")), HasSubstr("already in use"));
}

TEST_P(ClaimBound, a_user_with_fewer_claims_than_its_share_waits_in_the_place_of_a_user_with_most) {
  ServerOptions options;
  options.claim_count_max = 4;
  MemoryPmd pmd(options, store());
  ASSERT_TRUE(pmd.start());
  const auto holder = pmd.connect();
  pmd.ask(holder, register_text("id0", "pong"));
  int last_id = 0;
  const auto claim_as = [&](std::optional<std::uint32_t> uid) {
    const auto peer = pmd.connect();
    if (uid) pmd.network().set_owner(peer, io::PeerOwner::user(*uid));
    pmd.send(peer, register_text("id" + std::to_string(++last_id), "pong"));
    return peer;
  };
  std::vector<MemoryPmd::PeerId> greedy;
  for (int i = 0; i < 4; ++i) greedy.push_back(claim_as(1001));
  EXPECT_THAT(pmd.receive(claim_as(1001)), ElementsAre(HasSubstr("already in use"))) << "all places are its own";
  const ServerCounters& counters = pmd.server().counters();
  EXPECT_EQ(counters.claims_displaced, 0u);

  const auto first = claim_as(1002);
  EXPECT_THAT(pmd.receive(first), IsEmpty());
  EXPECT_THAT(pmd.receive(greedy[0]), ElementsAre(HasSubstr(R"("holder":{"nodeId":"id0")")))
      << "the one that has waited longest";
  const auto unknown = claim_as(std::nullopt);
  EXPECT_THAT(pmd.receive(unknown), IsEmpty()) << "whom nobody knows is a user, too";
  EXPECT_THAT(pmd.receive(greedy[1]), ElementsAre(HasSubstr("already in use")));
  EXPECT_THAT(pmd.receive(claim_as(1002)), ElementsAre(HasSubstr("already in use"))) << "of three users each has one";
  EXPECT_EQ(counters.claims_displaced, 2u);
  EXPECT_EQ(counters.claims_refused, 4u);
  EXPECT_EQ(pmd.ask(greedy[0], heartbeat_text("id1")), kNotFound) << "the displaced one is read from again";

  pmd.hang_up(holder);
  EXPECT_THAT(pmd.receive(greedy[2]), ElementsAre(kSuccess)) << "those that wait are granted in their order";
  EXPECT_THAT(pmd.receive(first), IsEmpty());
}

TEST_P(ClaimBound, users_that_give_up_or_time_out_leave_their_places) {
  ServerOptions options;
  options.claim_count_max = 2;
  MemoryPmd pmd(options, store());
  ASSERT_TRUE(pmd.start());
  pmd.ask(pmd.connect(), register_text("id0", "pong"));
  const auto claim_as = [&](std::uint32_t uid, const std::string& id) {
    const auto peer = pmd.connect();
    pmd.network().set_owner(peer, io::PeerOwner::user(uid));
    pmd.send(peer, register_text(id, "pong"));
    return peer;
  };
  for (int round = 0; round < 3; ++round) {
    SCOPED_TRACE(round);
    const auto one = claim_as(1001, "id1");
    const auto other = claim_as(1002, "id2");
    EXPECT_THAT(pmd.receive(claim_as(1003, "id3")), ElementsAre(HasSubstr("already in use")))
        << "of three users none has a share of two places";
    if (round == 0) {
      pmd.advance(options.claim_grace + base::milliseconds(10), base::milliseconds(10));
    } else {
      pmd.network().reset(one);
      pmd.hang_up(other);
    }
  }
  EXPECT_EQ(pmd.server().counters().claims_displaced, 0u);
}

TEST_P(Claims, a_claim_that_waits_does_not_keep_the_pmd_from_ending) {
  const auto holder = pmd.connect();
  pmd.ask(holder, register_text("id1", "pong"));
  pmd.send(pmd.connect(), register_text("id2", "pong"));
  pmd.server().begin_shutdown();
  pmd.turn();
  EXPECT_TRUE(pmd.server().is_finished());
}

/// The kernel closes a killed process's sockets; whether the PMD sees that before the new connection's claim is chance.
TEST_P(ClaimBound, two_hundred_restarts_with_the_same_alias_are_never_refused) {
  LoopbackPmd pmd({}, store());
  PmdTestClient node(pmd.port());
  ASSERT_EQ(pmd.ask(node, register_text("id0", "pong")), kSuccess);
  for (int i = 1; i <= 200; ++i) {
    PmdTestClient restarted(pmd.port());
    restarted.send(register_text("id" + std::to_string(i), "pong"));
    for (int turns = i % 3; turns > 0; --turns) pmd.turn();
    i % 2 == 0 ? node.reset() : node.close();
    node = std::move(restarted);
    ASSERT_EQ(pmd.receive(node), kSuccess) << i;
  }
  EXPECT_EQ(pmd.server().counters().claims_refused, 0u);
}

}  // namespace
}  // namespace distflow::pmd
