// Requests and replies between nodes over one loop where something is full, and what strangers may take of it.
#include <optional>
#include <utility>
#include <vector>

#include "tests/runtime/asking.hpp"

namespace distflow::test {
namespace {

TEST_F(Asking, what_waits_for_its_name_is_bounded_in_bytes_as_messages_that_do) {
  TestNode& few = add({.alias = "few", .parked_bytes_max = 100});
  const std::string json = '"' + std::string(78, 'x') + '"';
  ASSERT_TRUE(is_under_way(ask(few, "nobody", json)));
  EXPECT_EQ(ask(few, "nobody", json), SendVerdict::queue_full);
  EXPECT_EQ(ask(few, "nobody either", json), SendVerdict::queue_full);
  EXPECT_EQ(few.send("nobody either", json), SendVerdict::unresolved) << "it is one bound";
  ASSERT_TRUE(cluster_.turn_until([&] { return replies.size() == 1; }));
  EXPECT_EQ(replies.front().error, AskError::unresolved);
  EXPECT_EQ(outcome_of(few, "nobody else", json).error, AskError::unresolved) << "there is room again";
}

TEST_F(Asking, what_is_refused_as_too_many_wait_for_its_name_gives_its_place_back) {
  TestNode& few = add({.alias = "few", .parked_bytes_max = 300, .asks_per_peer_max = 2});
  const std::string json = '"' + std::string(78, 'x') + '"';
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(is_under_way(ask(few, "nobody", json)));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask(few, "nobody", json), SendVerdict::queue_full);
  EXPECT_TRUE(is_under_way(ask(few, "nobody else", json))) << "the refused ones have left their places";
  ASSERT_TRUE(cluster_.turn_until([&] { return replies.size() == 3; }));
}

TEST_F(Asking, a_name_that_was_asked_before_leaves_the_only_place_to_the_next) {
  TestNode& few = add({.alias = "few", .targets_max = 1});
  for (const char* const name : {"nobody", "nobody else", "nobody"}) {
    EXPECT_EQ(outcome_of(few, name, "1").error, AskError::unresolved) << name;
  }
}

TEST_F(Asking, an_answer_of_another_thread_that_makes_too_large_a_frame_is_refused_and_its_request_stays_open) {
  TestNode& ping = add({.alias = "ping"});
  TestNode& pong = add({.alias = "pong", .frame_size_max = 1000});
  std::optional<Responder> kept;
  pong->set_request_handler([&](const Request&, Responder responder) { kept = std::move(responder); });
  ASSERT_TRUE(is_under_way(ask(ping, "pong", "1")));
  ASSERT_TRUE(cluster_.turn_until([&] { return kept.has_value(); }));
  const auto json_of = [](std::size_t size) { return '"' + std::string(size - 2, 'x') + '"'; };
  std::size_t size = 1001;
  while (kept->reply(json_of(size)) == SendVerdict::too_large) {
    ASSERT_TRUE(kept->is_open());
    --size;
  }
  EXPECT_FALSE(kept->is_open());
  ASSERT_TRUE(cluster_.turn_until([&] { return !replies.empty(); }));
  EXPECT_EQ(replies.front().error, AskError::none);
  EXPECT_EQ(replies.front().payload.size(), size) << "what is accepted is sent";
  EXPECT_GT(size, 850U) << "and no more is refused than has to be";
  EXPECT_EQ(stats(pong).answers_lost, 0U);
}

TEST_F(Asking, who_waits_for_an_answer_that_finds_no_room_any_more_is_told) {
  TestNode& ping = add({.alias = "ping"});
  TestNode& pong = add({.alias = "pong", .send_messages_max = 2});
  std::optional<Responder> kept;
  pong->set_request_handler([&](const Request&, Responder responder) { kept = std::move(responder); });
  ASSERT_TRUE(is_under_way(ask(ping, "pong", "1")));
  ASSERT_TRUE(cluster_.turn_until([&] { return kept.has_value(); }));
  EXPECT_EQ(kept->reply("2"), SendVerdict::queued);
  while (is_under_way(pong.send("ping", "1"))) {
  }
  ASSERT_TRUE(cluster_.turn_until([&] { return !replies.empty(); }));
  EXPECT_EQ(replies.front().error, AskError::failed) << to_string(replies.front().error);
  EXPECT_TRUE(replies.front().may_have_run);
  EXPECT_EQ(stats(pong).answers_lost, 1U);
}

TEST_F(Asking, who_waits_for_a_request_that_is_refused_where_no_room_is_left_is_told) {
  TestNode& ping = add({.alias = "ping"});
  TestNode& pong = add({.alias = "pong", .send_messages_max = 2});
  std::vector<Responder> kept;
  bool is_kept = true;
  pong->set_request_handler([&](const Request&, Responder responder) {
    if (is_kept) return kept.push_back(std::move(responder));
    while (is_under_way(pong.send("ping", "1"))) {
    }
    EXPECT_EQ(responder.reply("2"), SendVerdict::queue_full);
  });
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(is_under_way(ask(ping, "pong", "1", {.deadline = 1h})));
  ASSERT_TRUE(cluster_.turn_until([&] { return kept.size() == 2; }));
  kept[0].refuse(AskError::denied);
  { const Responder let_go = std::move(kept[1]); }
  while (is_under_way(pong.send("ping", "1"))) {
  }
  ASSERT_TRUE(cluster_.turn_until([&] { return replies.size() == 2; }));
  EXPECT_EQ(replies[0].error, AskError::denied) << to_string(replies[0].error);
  EXPECT_EQ(replies[1].error, AskError::failed) << to_string(replies[1].error);
  is_kept = false;
  const KeptReply reply = outcome_of(ping, "pong", "1", {.deadline = 1h});
  EXPECT_EQ(reply.error, AskError::failed) << "its handler did not try again: " << to_string(reply.error);
  EXPECT_EQ(stats(pong).answers_lost, 0U);
}

TEST(SendCredit, words_that_end_a_request_have_a_bound_too) {
  runtime::SendCredit credit(std::uint64_t{1} << 20, 8);
  std::uint64_t words = 0;
  while (words < 10'000 && credit.take_last({100, 1})) ++words;
  EXPECT_EQ(words, 8 + 1 + runtime::SendCredit::kLastMessages);
  EXPECT_FALSE(credit.take_reserved({100, 1}));
  credit.give_back({words * 100, words});
  std::uint64_t bytes = 0;
  while (credit.take_last({4096, 0})) bytes += 4096;
  EXPECT_LE(bytes, (std::uint64_t{1} << 20) * 9 / 8 + runtime::SendCredit::kLastBytes);
  credit.give_back({bytes, 0});
}

TEST_F(Asking, threads_that_fill_the_queue_do_not_keep_an_answer_from_leaving) {
  TestNode& ping = add({.alias = "ping"});
  TestNode& pong = add({.alias = "pong", .send_messages_max = 64});
  std::vector<Responder> kept;
  pong->set_request_handler([&](const Request&, Responder responder) { kept.push_back(std::move(responder)); });
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(is_under_way(ask(ping, "pong", "1")));
  ASSERT_TRUE(cluster_.turn_until([&] { return kept.size() == 8; }));
  for (Responder& responder : kept) EXPECT_EQ(responder.reply("2"), SendVerdict::queued);
  while (is_under_way(pong.send("ping", "1"))) {
  }
  ASSERT_TRUE(cluster_.turn_until([&] { return replies.size() == 8; }));
  for (const KeptReply& reply : replies) EXPECT_EQ(reply.error, AskError::none) << to_string(reply.error);
  EXPECT_EQ(stats(pong).answers_lost, 0U);
}

TEST_F(Asking, a_stranger_has_no_name_looked_up_and_nothing_kept_for_a_word) {
  TestNode& pong = add({.alias = "pong"});
  RawSocket stranger = RawSocket::connected_to(pong->port());
  constexpr int requests = 50;
  const std::uint64_t asked_before = cluster_.pmd().counters().requests;
  std::string frames;
  for (int i = 0; i < requests; ++i) {
    frames += node_frame("ghost" + std::to_string(i), pong->node_id(), "1", R"("ask":4503599627370497,"ms":5000)");
  }
  ASSERT_TRUE(stranger.send(frames));
  ASSERT_TRUE(cluster_.turn_until([&] { return stats(pong).said_no_handler == requests; }));
  EXPECT_EQ(stats(pong).answers_lost, std::uint64_t{requests});
  EXPECT_EQ(pong.stats().parked_messages, 0U);
  EXPECT_EQ(cluster_.pmd().counters().requests, asked_before);
}

TEST_F(Asking, a_stranger_whose_requests_are_kept_takes_no_names_from_others) {
  constexpr std::size_t names = 16;
  TestNode& ping = add({.alias = "ping"});
  TestNode& pong = add({.alias = "pong", .targets_max = names});
  std::vector<Responder> kept;
  pong->set_request_handler([&](const Request& request, Responder responder) {
    if (request.from == ping->node_id()) return static_cast<void>(responder.reply("2"));
    EXPECT_LE(responder.remaining(), AskWay::kDeadlineMax);
    kept.push_back(std::move(responder));
  });
  RawSocket stranger = RawSocket::connected_to(pong->port());
  std::string frames;
  for (std::size_t i = 0; i < 2 * names; ++i) {
    const std::string from = "ghost" + std::to_string(i);
    frames += node_frame(from, pong->node_id(), "1", R"("ask":4503599627370497,"ms":1099511627775)");
  }
  ASSERT_TRUE(stranger.send(frames));
  ASSERT_TRUE(cluster_.turn_until([&] { return kept.size() == 2 * names; }));
  EXPECT_EQ(outcome_of(ping, "pong", "1").error, AskError::none);
  EXPECT_EQ(pong.send("ping", "1"), SendVerdict::queued);
  kept.clear();
  ASSERT_TRUE(cluster_.turn_until([&] { return stats(pong).in_handlers == 0; }));
}

TEST_F(Asking, what_handlers_answer_to_strangers_is_looked_up_so_many_times_a_second) {
  TestNode& pong = add({.alias = "pong"});
  pong->set_request_handler([](const Request&, Responder responder) { static_cast<void>(responder.reply("1")); });
  RawSocket stranger = RawSocket::connected_to(pong->port());
  constexpr int requests = 5000;
  for (int sent = 0; sent < requests;) {
    std::string frames;
    for (const int end = sent + 100; sent < end; ++sent) {
      frames += node_frame("ghost" + std::to_string(sent), pong->node_id(), "1", R"("ask":4503599627370497,"ms":5000)");
    }
    ASSERT_TRUE(stranger.send(frames));
    ASSERT_TRUE(cluster_.turn_until([&] { return stats(pong).received == static_cast<std::uint64_t>(sent); }));
  }
  EXPECT_GT(stats(pong).answers_lost, 0U) << "of so many there is no room for all, unless they took ten seconds";
}

TEST_F(Asking, one_that_was_dropped_is_told_so_whoever_else_is_counted_together_with_its_peer) {
  TestNode& hasty = add({.alias = "hasty", .connect_deadline = 50ms});
  RawSocket strangers = RawSocket::connected_to(hasty->port());
  for (std::size_t count = 0; count < runtime::TrafficTable::kPeersMax;) {
    std::string frames;
    for (int i = 0; i < 64; ++i) frames += node_frame("stranger" + std::to_string(count++), hasty->node_id(), "1");
    ASSERT_TRUE(strangers.send(frames));
    ASSERT_TRUE(cluster_.turn_until([&] { return hasty.stats().received.received == count; }));
  }
  const SilentPort dead;
  for (const char* name : {"asked", "other"}) {
    hasty->directory().upsert(
        {.info = {.node_id = name, .alias = name, .host = "127.0.0.1", .port = dead.port()}, .takes_asks = true});
  }
  ASSERT_TRUE(is_under_way(ask(hasty, "asked", "1", {.deadline = 1h})));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(is_under_way(hasty.send("other", "1")));
  ASSERT_TRUE(cluster_.turn_until([&] { return !replies.empty(); }));
  EXPECT_EQ(replies[0].error, AskError::not_sent) << to_string(replies[0].error);
  EXPECT_FALSE(replies[0].may_have_run);
}

}  // namespace
}  // namespace distflow::test
