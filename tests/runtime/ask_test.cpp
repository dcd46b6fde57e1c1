// Requests and replies between nodes over one loop, among nodes that refuse, are full, gone, or have no room.
#include <algorithm>
#include <functional>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

#include "tests/runtime/asking.hpp"

namespace distflow::test {
namespace {

using runtime::AskId;

TEST_F(Asking, a_request_ends_once_with_its_reply_which_never_reaches_on_message) {
  TestNode& ping = add({.alias = "ping"});
  TestNode& pong = add({.alias = "pong"});
  ping.record_messages();
  pong.record_messages();
  answer_with_echo(pong);
  for (int i = 0; i < 100; ++i) {
    const std::string json = R"({"n":)" + std::to_string(i) + "}";
    const KeptReply reply = outcome_of(ping, i % 2 == 0 ? "pong" : pong->node_id(), json);
    EXPECT_EQ(reply.error, AskError::none) << to_string(reply.error);
    EXPECT_EQ(reply.payload, json);
    EXPECT_TRUE(reply.may_have_run);
  }
  EXPECT_TRUE(ping.messages.empty());
  EXPECT_TRUE(pong.messages.empty());
  EXPECT_EQ(handled, 100);
  EXPECT_EQ(stats(ping).replied, 100U);
  EXPECT_EQ(stats(pong).answered, 100U);
}

TEST_F(Asking, many_at_once_get_their_own_replies_in_whatever_order_they_come) {
  TestNode& ping = add({.alias = "ping"});
  TestNode& pong = add({.alias = "pong"});
  std::vector<std::pair<std::string, Responder>> kept;
  pong->set_request_handler(
      [&](const Request& request, Responder responder) { kept.emplace_back(request.payload, std::move(responder)); });
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(is_under_way(ask(ping, "pong", std::to_string(i))));
  ASSERT_TRUE(cluster_.turn_until([&] { return kept.size() == 200; }));
  EXPECT_EQ(stats(pong).in_handlers, 200U);
  EXPECT_EQ(stats(ping).pending, 200U);
  for (auto each = kept.rbegin(); each != kept.rend(); ++each) {
    EXPECT_TRUE(is_under_way(each->second.reply('"' + each->first + '"')));
    EXPECT_FALSE(each->second.is_open());
    EXPECT_EQ(each->second.reply("1"), SendVerdict::shut_down);
  }
  ASSERT_TRUE(cluster_.turn_until([&] { return replies.size() == 200; }));
  for (std::size_t i = 0; i < 200; ++i) EXPECT_EQ(replies[i].payload, '"' + std::to_string(199 - i) + '"');
}

TEST_F(Asking, each_way_not_to_answer_has_its_word_and_says_whether_the_handler_may_have_run) {
  TestNode& ping = add({.alias = "ping"});
  TestNode& pong = add({.alias = "pong"});
  KeptReply reply = outcome_of(ping, "pong", "1");
  EXPECT_EQ(reply.error, AskError::no_handler);
  EXPECT_FALSE(reply.may_have_run);
  pong->set_request_handler([](const Request& request, Responder responder) {
    if (request.payload == "1") responder.refuse(AskError::denied);
    if (request.payload == "2") throw std::runtime_error("no");
    if (request.payload == "3") {
      EXPECT_EQ(responder.reply("{"), SendVerdict::invalid_json);
    }
  });
  EXPECT_EQ(outcome_of(ping, "pong", "1").error, AskError::denied);
  for (const char* json : {"2", "3", "4"}) {
    reply = outcome_of(ping, "pong", json);
    EXPECT_EQ(reply.error, AskError::failed);
    EXPECT_TRUE(reply.may_have_run);
    EXPECT_EQ(reply.payload, "");
  }
  EXPECT_EQ(pong.stats().handler_exceptions, 1U);
  reply = outcome_of(ping, "nobody", "1");
  EXPECT_EQ(reply.error, AskError::unresolved);
  EXPECT_EQ(reply.stage, AskStage::resolving);
  EXPECT_FALSE(reply.may_have_run);
}

TEST_F(Asking, a_request_that_nobody_answers_ends_at_its_deadline_and_the_late_reply_is_counted) {
  TestNode& ping = add({.alias = "ping"});
  TestNode& pong = add({.alias = "pong"});
  ping.record_messages();
  std::vector<Responder> kept;
  pong->set_request_handler([&](const Request& request, Responder responder) {
    EXPECT_GT(request.remaining(), 0ms);
    EXPECT_LE(request.remaining(), 30ms);
    kept.push_back(std::move(responder));
  });
  const KeptReply reply = outcome_of(ping, "pong", "1", {.deadline = 30ms});
  EXPECT_EQ(reply.error, AskError::deadline);
  EXPECT_EQ(reply.stage, AskStage::sent);
  EXPECT_TRUE(reply.may_have_run);
  EXPECT_GE(reply.took, 30ms);
  ASSERT_EQ(kept.size(), 1U);
  {
    // A handler whose clock is slow sends it all the same.
    RawSocket late = RawSocket::connected_to(ping->port());
    const std::string id = std::to_string(AskId{.slot = 0, .generation = AskId::kFirstGeneration}.number());
    ASSERT_TRUE(late.send(node_frame("stranger", ping->node_id(), "1", R"("re":)" + id)));
    ASSERT_TRUE(cluster_.turn_until([&] { return stats(ping).late == 1; }));
  }
  kept.clear();
  ASSERT_TRUE(cluster_.turn_until([&] { return stats(pong).in_handlers == 0; }));
  EXPECT_EQ(replies.size(), 1U);
  EXPECT_TRUE(ping.messages.empty());
  EXPECT_EQ(outcome_of(ping, "pong", "1", {.deadline = 0ms}).error, AskError::deadline);
  EXPECT_EQ(stats(pong).received, 1U);
}

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

TEST_F(Asking, a_request_that_comes_while_its_handler_is_on_its_way_waits_for_it) {
  TestNode& ping = add({.alias = "ping"});
  TestNode& pong = add({.alias = "pong"});
  // What another thread's on_request() hands to the loop, which has not come to it yet.
  std::function<void()> setting =
      pong->requests().setting([](const Request&, Responder responder) { responder.reply("2"); });
  ASSERT_TRUE(is_under_way(ask(ping, "pong", "1")));
  turn_some(cluster_.reactor());
  EXPECT_TRUE(replies.empty());
  pong->delivery().run_where_handlers_run(std::exchange(setting, nullptr));
  ASSERT_TRUE(cluster_.turn_until([&] { return !replies.empty(); }));
  EXPECT_EQ(replies.front().error, AskError::none) << to_string(replies.front().error);
  std::function<void()> given_up = pong->requests().setting({});
  pong->set_request_handler({});
  given_up = nullptr;
  EXPECT_EQ(outcome_of(ping, "pong", "1").error, AskError::no_handler) << "none is on its way any more";
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
  for (const char* name : {"asked", "other"}) {
    const std::uint16_t dead = RawSocket::listening().port();
    hasty->directory().upsert(
        {.info = {.node_id = name, .alias = name, .host = "127.0.0.1", .port = dead}, .takes_asks = true});
  }
  ASSERT_TRUE(is_under_way(ask(hasty, "asked", "1", {.deadline = 1h})));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(is_under_way(hasty.send("other", "1")));
  ASSERT_TRUE(cluster_.turn_until([&] { return !replies.empty(); }));
  EXPECT_EQ(replies[0].error, AskError::not_sent) << to_string(replies[0].error);
  EXPECT_FALSE(replies[0].may_have_run);
}

TEST_F(Asking, an_alias_is_nobodys_sender) {
  TestNode& ping = add({.alias = "ping"});
  TestNode& pong = add({.alias = "pong"});
  ping.record_messages();
  SendVerdict verdict = SendVerdict::queued;
  pong->set_request_handler([&](const Request&, Responder responder) { verdict = responder.reply("1"); });
  RawSocket stranger = RawSocket::connected_to(pong->port());
  ASSERT_TRUE(stranger.send(node_frame("ping", pong->node_id(), "1", R"("ask":4503599627370497,"ms":5000)")));
  ASSERT_TRUE(cluster_.turn_until([&] { return stats(pong).answered == 1; }));
  EXPECT_EQ(verdict, SendVerdict::unresolved);
  ASSERT_TRUE(is_under_way(pong.send("ping", "2")));
  ASSERT_TRUE(cluster_.turn_until([&] { return !ping.messages.empty(); }));
  EXPECT_EQ(stats(ping).unasked, 0U);
}

TEST_F(Asking, what_waits_for_its_name_is_sent_when_a_node_has_it) {
  TestNode& ping = add({.alias = "ping"});
  TestNode& pong = add({.alias = "pong"});
  answer_with_echo(pong);
  ASSERT_TRUE(is_under_way(ask(ping, "other", "7")));
  ping->directory().upsert(
      {.info = {.node_id = pong->node_id(), .alias = "other", .host = "127.0.0.1", .port = pong->port()},
       .takes_asks = true});
  ASSERT_TRUE(cluster_.turn_until([&] { return !replies.empty(); }));
  EXPECT_EQ(replies.front().payload, "7");
  EXPECT_EQ(replies.front().target, "other");
}

TEST_F(Asking, a_callback_may_ask_again_and_a_nested_request_has_no_more_time_than_the_one_that_it_serves) {
  TestNode& ping = add({.alias = "ping"});
  TestNode& pong = add({.alias = "pong"});
  TestNode& back = add({.alias = "back"});
  std::vector<std::chrono::milliseconds> left;
  pong->set_request_handler([&](const Request& request, Responder responder) {
    auto shared = std::make_shared<Responder>(std::move(responder));
    EXPECT_TRUE(is_under_way(request.ask("back", request.payload, {.deadline = 1h}, [shared](const Reply& reply) {
      EXPECT_EQ(reply.error, AskError::none);
      shared->reply(reply.payload);
    })));
  });
  back->set_request_handler([&](const Request& request, Responder responder) {
    left.push_back(request.remaining());
    responder.reply(request.payload);
  });
  int rounds = 0;
  then = [&](const Reply& reply) {
    EXPECT_EQ(reply.error, AskError::none);
    if (++rounds < 20) {
      EXPECT_TRUE(is_under_way(ask(ping, "pong", "1", {.deadline = 10s})));
    }
  };
  ASSERT_TRUE(is_under_way(ask(ping, "pong", "1", {.deadline = 10s})));
  ASSERT_TRUE(cluster_.turn_until([&] { return rounds == 20; }));
  for (const auto ms : left) EXPECT_LE(ms, 10s);
  then = nullptr;
}

TEST_F(Asking, a_shutdown_ends_each_with_its_word_and_a_responder_that_outlives_the_node_is_harmless) {
  std::vector<Responder> kept;
  TestNode& ping = add({.alias = "ping"});
  TestNode& pong = add({.alias = "pong"});
  pong->set_request_handler([&](const Request&, Responder responder) { kept.push_back(std::move(responder)); });
  ASSERT_TRUE(is_under_way(ask(ping, "pong", "1")));
  ASSERT_TRUE(is_under_way(ask(ping, "never", "1")));
  ASSERT_TRUE(cluster_.turn_until([&] { return kept.size() == 1 && replies.size() == 1; }));
  then = [&](const Reply&) { EXPECT_EQ(ask(ping, "pong", "1"), SendVerdict::shut_down); };
  ASSERT_TRUE(is_under_way(ask(ping, "pong", "2")));
  cluster_.shut_down(ping);
  ASSERT_TRUE(cluster_.turn_until([&] { return replies.size() == 3; }));
  EXPECT_EQ(replies.back().error, AskError::shut_down);
  EXPECT_TRUE(replies.back().may_have_run);
  then = nullptr;
  cluster_.shut_down(pong);
  kept.clear();
  EXPECT_EQ(stats(pong).in_handlers, 0U);
}

// Answers that are given outside of handlers wait for the loop.
TEST_F(Asking, answers_that_were_accepted_before_a_shutdown_leave_first) {
  std::vector<Responder> kept;
  TestNode& ping = add({.alias = "ping"});
  TestNode& pong = add({.alias = "pong"});
  pong->set_request_handler([&](const Request&, Responder responder) { kept.push_back(std::move(responder)); });
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(is_under_way(ask(ping, "pong", "1", {.deadline = 1h})));
  ASSERT_TRUE(cluster_.turn_until([&] { return kept.size() == 4; }));
  EXPECT_EQ(kept[0].reply("2"), SendVerdict::queued);
  kept[1].refuse(AskError::denied);
  { const Responder let_go = std::move(kept[2]); }
  pong->begin_shutdown(1s);
  EXPECT_EQ(kept[3].reply("2"), SendVerdict::shut_down) << "it is not sent any more, and says so";
  ASSERT_TRUE(cluster_.turn_until([&] { return replies.size() == 4; }));
  for (const AskError error : {AskError::none, AskError::denied, AskError::failed, AskError::peer_left}) {
    const auto has_ended_so = [&](const KeptReply& reply) { return reply.error == error; };
    EXPECT_EQ(std::count_if(replies.begin(), replies.end(), has_ended_so), 1) << to_string(error);
  }
  EXPECT_EQ(stats(pong).answers_lost, 0U);
}

TEST_F(Asking, a_request_handler_may_replace_itself_and_shut_its_node_down) {
  TestNode& ping = add({.alias = "ping"});
  TestNode& pong = add({.alias = "pong"});
  auto alive = std::make_shared<int>(1);
  pong->set_request_handler([&, alive](const Request&, Responder responder) {
    pong->set_request_handler({});
    EXPECT_GT(alive.use_count(), 1);  // it is on the call stack
    pong->begin_shutdown(1s);
    responder.reply("1");
  });
  ASSERT_TRUE(is_under_way(ask(ping, "pong", "1")));
  ASSERT_TRUE(cluster_.turn_until([&] { return !replies.empty(); }));
  EXPECT_EQ(replies.front().error, AskError::peer_left) << to_string(replies.front().error);
  ASSERT_TRUE(cluster_.turn_until([&] { return pong.closed.has_value(); }));
}

}  // namespace
}  // namespace distflow::test
