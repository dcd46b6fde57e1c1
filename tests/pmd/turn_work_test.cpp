// That the work of requests is shared out among connections, whatever is asked and by how many.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pmd/server/turn_work.hpp"
#include "tests/support/memory_pmd.hpp"
#include "tests/support/pmd_requests.hpp"

namespace distflow::pmd {
namespace {

using namespace test;
using ::testing::HasSubstr;

class TurnWorkTest : public ::testing::Test {
 protected:
  TurnWorkTest() : chunks_({.chunk_size = 4096, .chunk_count_max = 4}) {}

  /// A connection that always has requests, and takes `run_size` of work for each run.
  struct Asker {
    Asker(TurnWorkTest& shared, std::size_t size) : test(shared), run_size(size) {
      account.on_turn = base::Delegate<void()>::to<&Asker::on_turn>(*this);
    }
    ~Asker() { test.work_.leave(account); }
    void ask() {
      if (test.work_.begin_run(account)) {
        test.work_.spend(account, run_size);
        taken += run_size;
        ++runs;
      }
      test.work_.wait(account, run_size);
    }
    void on_turn() {
      if (!is_held) ask();
    }

    TurnWorkTest& test;
    std::size_t run_size;
    WorkAccount account;
    std::size_t taken = 0;
    std::size_t runs = 0;
    bool is_held = false;
  };
  std::vector<std::unique_ptr<Asker>> askers(const std::vector<std::size_t>& run_sizes) {
    std::vector<std::unique_ptr<Asker>> made;
    for (const std::size_t size : run_sizes) {
      made.push_back(std::make_unique<Asker>(*this, size));
      made.back()->ask();
    }
    return made;
  }
  void turn(int count = 1) {
    for (; count > 0; --count) reactor_.turn(base::Instant::min());
  }

  base::ChunkPool chunks_;
  io::Reactor reactor_{std::make_unique<MemoryBackend>(chunks_), {}};
  TurnWork work_{reactor_};
};

TEST_F(TurnWorkTest, those_that_always_ask_get_equal_shares_of_the_work_whatever_their_runs_take) {
  std::vector<std::size_t> sizes;
  for (int i = 0; i < 10; ++i) sizes.insert(sizes.end(), {64, 100, 256, 400});
  const auto all = askers(sizes);
  turn(5000);
  std::size_t sum = 0;
  for (const auto& asker : all) sum += asker->taken;
  for (const auto& asker : all) {
    EXPECT_NEAR(static_cast<double>(asker->taken * all.size()), static_cast<double>(sum), static_cast<double>(sum) / 10)
        << "runs of " << asker->run_size;
  }
}

TEST_F(TurnWorkTest, one_that_takes_little_begins_at_once_beside_any_number_that_always_ask) {
  const auto all = askers(std::vector<std::size_t>(1000, 300));
  turn(100);
  WorkAccount little;
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(work_.begin_run(little)) << i;
    work_.spend(little, 1);
    turn();
  }
}

TEST_F(TurnWorkTest, one_that_must_wait_with_one_request_is_next_beside_any_number_that_always_ask) {
  const auto all = askers(std::vector<std::size_t>(1000, 16));
  Asker little(*this, 1);
  for (int i = 0; i < 100; ++i) {
    for (int k = 0; k < 250; ++k) turn();  // of the others each has run twice at most
    const std::size_t runs = little.runs;
    work_.wait(little.account, i % 2 == 0 ? 1 : 64);  // a small request, or a large one
    turn();
    EXPECT_GT(little.runs, runs) << i;
    work_.leave(little.account);  // it has no more
  }
}

TEST_F(TurnWorkTest, those_that_always_ask_for_little_and_for_much_get_equal_shares) {
  std::vector<std::size_t> sizes;
  for (int i = 0; i < 40; ++i) sizes.insert(sizes.end(), {1, 16, 64});
  const auto all = askers(sizes);
  turn(20'000);
  std::size_t least = SIZE_MAX;
  std::size_t most = 0;
  for (const auto& asker : all) {
    least = std::min(least, asker->taken);
    most = std::max(most, asker->taken);
  }
  EXPECT_GE(least * 10, most * 9) << least << ", " << most;
}

TEST_F(TurnWorkTest, a_turn_lets_no_more_begin_than_its_work_and_one_run) {
  const auto all = askers(std::vector<std::size_t>(1000, 300));
  turn(2000);
  std::size_t before = 0;
  for (const auto& asker : all) before += asker->taken;
  for (int i = 0; i < 100; ++i) {
    turn();
    std::size_t now = 0;
    for (const auto& asker : all) now += asker->taken;
    EXPECT_LE(now - before, TurnWork::kTurnMax + 300);
    EXPECT_GE(now - before, TurnWork::kTurnMax);
    before = now;
  }
}

TEST_F(TurnWorkTest, a_run_that_takes_more_than_those_before_lets_fewer_begin_in_its_turn) {
  const auto all = askers(std::vector<std::size_t>(1000, 8));
  turn(200);
  for (const auto& asker : all) {
    asker->run_size = 1200;
    asker->runs = 0;
  }
  turn();
  std::size_t runs = 0;
  for (const auto& asker : all) runs += asker->runs;
  EXPECT_EQ(runs, 1U);
}

TEST_F(TurnWorkTest, runs_that_take_nothing_let_no_crowd_begin_in_one_turn) {
  const auto all = askers(std::vector<std::size_t>(1000, 0));
  for (const auto& asker : all) asker->runs = 0;
  turn();
  std::size_t runs = 0;
  for (const auto& asker : all) runs += asker->runs;
  EXPECT_EQ(runs, TurnWork::kTurnMax / TurnWork::kRunCost);
}

TEST_F(TurnWorkTest, a_debt_is_forgiven_where_nobody_waits) {
  WorkAccount account;
  ASSERT_TRUE(work_.begin_run(account));
  work_.spend(account, 100'000);
  EXPECT_FALSE(work_.begin_run(account));
  turn();
  EXPECT_TRUE(work_.begin_run(account));
}

TEST_F(TurnWorkTest, who_does_not_run_when_its_turn_comes_waits_again) {
  const auto all = askers({8, 8});
  turn(10);
  Asker held(*this, 200);
  held.is_held = true;
  held.ask();
  while (held.account.is_linked()) turn();
  work_.spend(held.account, 200);
  EXPECT_FALSE(work_.begin_run(held.account));
}

TEST_F(TurnWorkTest, one_that_leaves_is_not_called) {
  Asker asker(*this, 10);
  work_.wait(asker.account, 1);
  work_.leave(asker.account);
  turn();
  EXPECT_EQ(asker.runs, 0U);
}

class PmdTurns : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(pmd.start()); }

  [[nodiscard]] const ServerCounters& counters() { return pmd.server().counters(); }
  /// Registers a node with nearly as much text as a node may have.
  MemoryPmd::PeerId add_large(const std::string& name) {
    std::string meta;
    for (int i = 0; i < 31; ++i) meta += (i == 0 ? "" : ",") + ("\"" + std::to_string(i) + "\":\"" + kLong + "\"");
    std::string groups;
    for (int i = 0; i < 60; ++i) groups += (i == 0 ? "\"" : ",\"") + std::to_string(i) + kLong.substr(10) + "\"";
    const auto node = pmd.connect();
    EXPECT_EQ(pmd.ask(node, register_text(name, name, R"(,"groups":[)" + groups + R"(],"meta":{)" + meta + "}")),
              kSuccess);
    return node;
  }
  static std::string burst(const std::string& request, int times) {
    std::string bytes;
    for (int i = 0; i < times; ++i) bytes += framed(request);
    return bytes;
  }
  std::vector<MemoryPmd::PeerId> connect(int count, const std::string& request, int times) {
    std::vector<MemoryPmd::PeerId> peers;
    for (int i = 0; i < count; ++i) peers.push_back(pmd.connect());
    for (const auto peer : peers) pmd.network().write(peer, burst(request, times));
    return peers;
  }
  std::uint64_t most_in_a_turn(const std::uint64_t& counter, int turns) {
    std::uint64_t most = 0;
    for (; turns > 0; --turns) {
      const std::uint64_t before = counter;
      pmd.reactor().turn(base::Instant::min());
      most = std::max(most, counter - before);
    }
    return most;
  }

  const std::string kLong = std::string(250, 'x');
  MemoryPmd pmd;
};

TEST_F(PmdTurns, what_is_answered_counts_as_work_for_look_ups_and_for_refusals_that_name_a_holder) {
  const auto holder = add_large("large");
  const auto asks = connect(1, resolve_text("large"), 300);
  EXPECT_LE(most_in_a_turn(counters().requests, 400), 16U) << "two runs of some four of 66";
  EXPECT_EQ(pmd.receive(asks[0]).size(), 300U);
  pmd.network().write(holder, burst(register_text("other", "large"), 300));
  EXPECT_LE(most_in_a_turn(counters().requests, 400), 16U) << "of the holder's own connection, which does not wait";
  EXPECT_EQ(pmd.receive(holder).size(), 300U);
}

TEST_F(PmdTurns, a_look_up_waits_for_a_few_turns_beside_many_connections_with_large_answers) {
  add_large("large");
  pmd.ask(pmd.connect(), register_text("honest", "honest"));
  const auto honest = pmd.connect();
  connect(100, resolve_text("large"), 50);
  for (int turns = 0; turns < 20; ++turns) pmd.reactor().turn(base::Instant::min());
  for (int i = 0; i < 20; ++i) {
    pmd.network().write(honest, framed(resolve_text("honest")));
    const std::uint64_t before = counters().requests;
    int turns = 0;
    while (turns < 10 && pmd.receive(honest).empty()) {
      pmd.reactor().turn(base::Instant::min());
      ++turns;
    }
    EXPECT_LE(turns, 3);
    EXPECT_LE(counters().requests - before, 100U) << "most of them of 80 look-ups";
  }
  EXPECT_LT(counters().requests, 5000U) << "they were at it all the time";
  while (counters().requests < 5000U) pmd.turn();
}

TEST_F(PmdTurns, an_answer_is_sent_in_the_turn_that_handles_its_request_at_once_or_at_its_end) {
  pmd.ask(pmd.connect(), register_text("id1", "one"));
  std::vector<MemoryPmd::PeerId> peers;
  for (std::size_t i = 0; i < TurnWork::kTurnMax + 1; ++i) peers.push_back(pmd.connect());
  pmd.turn();
  for (const auto peer : peers) pmd.network().write(peer, framed(resolve_text("one")));
  pmd.reactor().turn(base::Instant::min());
  EXPECT_EQ(counters().runs_delayed, 1U) << "the last one, until the turn's end";
  for (const auto peer : peers) EXPECT_EQ(pmd.receive(peer).size(), 1U) << peer;
}

TEST_F(PmdTurns, connections_that_always_ask_get_equal_shares) {
  pmd.ask(pmd.connect(), register_text("id1", "one"));
  const auto peers = connect(12, resolve_text("one"), 1000);
  for (int turns = 0; turns < 12; ++turns) pmd.reactor().turn(base::Instant::min());
  std::vector<std::size_t> served;
  for (const auto peer : peers) served.push_back(pmd.receive(peer).size());
  EXPECT_GE(*std::min_element(served.begin(), served.end()) * 2, *std::max_element(served.begin(), served.end()))
      << ::testing::PrintToString(served);
  for (int turns = 0; turns < 40; ++turns) pmd.turn();
  for (std::size_t i = 0; i < peers.size(); ++i) EXPECT_EQ(pmd.receive(peers[i]).size() + served[i], 1000U);
}

TEST_F(PmdTurns, a_turn_handles_no_more_than_some_hundred_look_ups_of_however_many_connections) {
  pmd.ask(pmd.connect(), register_text("id1", "one"));
  const auto peers = connect(4000, resolve_text("one"), 2);
  EXPECT_LE(most_in_a_turn(counters().requests, 100), 2 * TurnWork::kTurnMax + TurnWork::kRunMax);
  for (int turns = 0; turns < 10; ++turns) pmd.turn();
  for (const auto peer : peers) EXPECT_EQ(pmd.receive(peer).size(), 2U);
}

TEST_F(PmdTurns, of_a_flood_with_a_look_up_each_128_are_answered_at_once_and_64_a_turn_and_each_wait_is_counted) {
  pmd.ask(pmd.connect(), register_text("id1", "one"));
  constexpr std::uint64_t count = 1200;
  constexpr std::uint64_t waited = TurnWork::kTurnMax / TurnWork::kRunCost;
  connect(count, resolve_text("one"), 1);
  const std::uint64_t before = counters().requests;
  EXPECT_EQ(most_in_a_turn(counters().requests, 1), TurnWork::kTurnMax + waited);
  EXPECT_EQ(counters().runs_delayed, count - TurnWork::kTurnMax);
  EXPECT_EQ(most_in_a_turn(counters().requests, 20), waited);
  EXPECT_EQ(counters().requests - before, count);
  EXPECT_EQ(counters().runs_delayed, count - TurnWork::kTurnMax) << "each has waited once";
}

TEST_F(PmdTurns, one_with_a_look_up_beside_many_with_a_look_up_each_turn_is_not_passed_over) {
  pmd.ask(pmd.connect(), register_text("id1", "one"));
  std::vector<MemoryPmd::PeerId> peers;
  for (int i = 0; i < 1100; ++i) peers.push_back(pmd.connect());
  const auto last = pmd.connect();
  const std::string request = framed(resolve_text("one"));
  const auto ask_all = [&] {
    for (const auto peer : peers) pmd.network().write(peer, request);
  };
  for (int turns = 0; turns < 30; ++turns) {
    ask_all();
    pmd.reactor().turn(base::Instant::min());
  }
  for (int round = 0; round < 3; ++round) {
    int turns = 0;
    do {
      ask_all();
      if (turns == 0) pmd.network().write(last, request);
      pmd.reactor().turn(base::Instant::min());
    } while (++turns < 100 && pmd.receive(last).empty());
    EXPECT_LE(turns, 15) << "as many as 64 of those that wait begin in a turn";
  }
}

TEST_F(PmdTurns, connections_with_small_answers_and_one_with_large_ones_get_shares_alike) {
  add_large("large");
  pmd.ask(pmd.connect(), register_text("honest", "honest"));
  for (const int count : {1, 2, 8, 30}) {
    const auto small = connect(count, resolve_text("honest"), 20'000);
    const auto large = connect(1, resolve_text("large"), 5'000);
    std::size_t small_work = 0;
    std::size_t large_work = 0;
    for (int turns = 0; turns < 200; ++turns) {
      pmd.reactor().turn(base::Instant::min());
      for (const auto peer : small) small_work += pmd.receive(peer).size();
      for (const std::string& answer : pmd.receive(large[0])) large_work += 1 + answer.size() / TurnWork::kBytesOfUnit;
    }
    EXPECT_LE(large_work, 4 * small_work / small.size()) << count;
    for (const auto peer : small) pmd.network().reset(peer);
    pmd.network().reset(large[0]);
    pmd.turn();
  }
}

TEST_F(PmdTurns, large_answers_behind_small_ones_make_no_turn_long) {
  add_large("large");
  pmd.ask(pmd.connect(), register_text("honest", "honest"));
  const std::string bytes = burst(resolve_text("honest"), 200) + burst(resolve_text("large"), 16);
  std::vector<MemoryPmd::PeerId> peers;
  for (int i = 0; i < 100; ++i) peers.push_back(pmd.connect());
  for (const auto peer : peers) pmd.network().write(peer, bytes);
  std::size_t answers = 0;
  while (answers < peers.size() * 216) {
    pmd.reactor().turn(base::Instant::min());
    std::size_t work = 0;
    for (const auto peer : peers) {
      for (const std::string& answer : pmd.receive(peer)) {
        work += 1 + answer.size() / TurnWork::kBytesOfUnit;
        ++answers;
      }
    }
    ASSERT_LE(work, 4000U) << "twice 512, 256, and 16 large ones of 68 that are answered together";
  }
}

TEST_F(PmdTurns, nothing_is_received_from_a_connection_while_requests_of_it_are_unread) {
  pmd.ask(pmd.connect(), register_text("id1", "one"));
  const std::uint64_t before = counters().requests;
  const auto peers = connect(200, resolve_text("one"), 2000);
  const std::size_t size = framed(resolve_text("one")).size();
  for (int turns = 0; turns < 300; ++turns) {
    pmd.reactor().turn(base::Instant::min());
    std::size_t received = 0;
    for (const auto peer : peers) received += pmd.network().received(peer);
    ASSERT_LE(received, (counters().requests - before) * size + peers.size() * (io::RecvOp::kLittle + size)) << turns;
  }
}

TEST_F(PmdTurns, a_connection_that_ends_while_it_waits_for_its_turn_is_served_no_more) {
  add_large("large");
  const auto peers = connect(20, resolve_text("large"), 100);
  pmd.reactor().turn(base::Instant::min());
  pmd.reactor().turn(base::Instant::min());
  for (const auto peer : peers) pmd.network().reset(peer);
  for (int turns = 0; turns < 20; ++turns) pmd.turn();
  EXPECT_LT(counters().requests, 2000U);
  EXPECT_THAT(pmd.ask(pmd.connect(), resolve_text("large")), HasSubstr("large"));
}

}  // namespace
}  // namespace distflow::pmd
