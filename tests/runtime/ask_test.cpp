// Requests and replies between nodes over one loop: each ends once, by whatever it ends.
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
  const KeptReply none = outcome_of(ping, "pong", "1", {.deadline = 0ms});
  EXPECT_EQ(none.error, AskError::deadline);
  EXPECT_EQ(none.stage, AskStage::resolving) << "in the slot of one that was sent";
  EXPECT_FALSE(none.may_have_run);
  EXPECT_EQ(stats(pong).received, 1U);
}

// One at a time, all in one slot, whose timer may still be armed for the one before.
TEST_F(Asking, each_ends_at_its_own_deadline_whatever_the_one_before_had) {
  TestNode& ping = add({.alias = "ping"});
  TestNode& pong = add({.alias = "pong"});
  std::vector<Responder> kept;
  pong->set_request_handler([&](const Request& request, Responder responder) {
    request.payload == "1" ? void(responder.reply("1")) : kept.push_back(std::move(responder));
  });
  EXPECT_EQ(outcome_of(ping, "pong", "1", {.deadline = 20s}).error, AskError::none);
  KeptReply reply = outcome_of(ping, "pong", "2", {.deadline = 30ms});
  EXPECT_EQ(reply.error, AskError::deadline);
  EXPECT_GE(reply.took, 30ms);
  EXPECT_LT(reply.took, 10s);
  outcome_of(ping, "pong", "1", {.deadline = 50ms});
  reply = outcome_of(ping, "pong", "2", {.deadline = 200ms});
  EXPECT_EQ(reply.error, AskError::deadline);
  EXPECT_GE(reply.took, 200ms);
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
