// Requests to peers that are no nodes: silent, too old, gone, busy, or lying.
#include <map>
#include <optional>
#include <thread>

#include "runtime/ask/retry_budget.hpp"
#include "tests/runtime/asking.hpp"

namespace distflow::test {
namespace {

using runtime::AskId;

TEST_F(AskedRaw, one_that_takes_no_requests_is_sent_none_and_no_reply_either) {
  meet(false);
  const KeptReply reply = outcome_of(ping_, "raw", "1");
  EXPECT_EQ(reply.error, AskError::unsupported);
  EXPECT_FALSE(reply.may_have_run);
  // Who asks in its name has the answers go nowhere.
  ping_->set_request_handler([](const Request&, Responder responder) {
    EXPECT_EQ(responder.reply("1"), SendVerdict::unresolved);
    EXPECT_FALSE(responder.is_open());
  });
  RawSocket liar = RawSocket::connected_to(ping_->port());
  ASSERT_TRUE(liar.send(node_frame("raw", ping_->node_id(), "1", R"("ask":4503599627370497,"ms":5000)")));
  ASSERT_TRUE(cluster_.turn_until([&] { return stats(ping_).received == 1 && stats(ping_).in_handlers == 0; }));
  ASSERT_TRUE(is_under_way(ping_.send("raw", "2")));
  EXPECT_EQ(next_request().kind, protocol::AskMembers::Kind::none);  // the message is all that comes
  EXPECT_EQ(stats(ping_).answers_lost, 1U);
}

TEST_F(AskedRaw, the_reply_of_one_that_has_left_a_moment_ago_still_counts) {
  meet(true);
  ASSERT_TRUE(is_under_way(ask(ping_, "raw", "1")));
  const protocol::AskMembers request = next_request();
  ping_->directory().remove("raw");
  turn_some(cluster_.reactor(), 3);
  EXPECT_TRUE(replies.empty());
  ASSERT_TRUE(RawSocket::connected_to(ping_->port()).send(reply_frame("raw", request.id)));
  ASSERT_TRUE(cluster_.turn_until([&] { return !replies.empty(); }));
  EXPECT_EQ(replies.front().error, AskError::none) << to_string(replies.front().error);
}

TEST_F(AskedRaw, one_that_has_left_and_does_not_reply_is_told_of_long_before_the_deadline) {
  meet(true);
  ASSERT_TRUE(is_under_way(ask(ping_, "raw", "1", {.deadline = 1h})));
  ASSERT_TRUE(is_under_way(ask(ping_, "raw", "2", {.deadline = 1h})));
  next_request();
  ping_->directory().remove("raw");
  ASSERT_TRUE(cluster_.turn_until([&] { return replies.size() == 2; }));
  for (const KeptReply& reply : replies) {
    EXPECT_EQ(reply.error, AskError::peer_left) << to_string(reply.error);
    EXPECT_TRUE(reply.may_have_run);
  }
}

TEST_F(AskedRaw, one_that_leaves_before_the_request_has_left_has_surely_not_run_it) {
  meet(true);
  ASSERT_TRUE(is_under_way(ask(ping_, "raw", "1", {.deadline = 1h})));  // the connection to it is not open yet
  ping_->directory().remove("raw");
  ASSERT_TRUE(cluster_.turn_until([&] { return !replies.empty(); }));
  EXPECT_EQ(replies.front().error, AskError::peer_left) << to_string(replies.front().error);
  EXPECT_FALSE(replies.front().may_have_run);
}

TEST_F(AskedRaw, a_reply_is_believed_only_of_the_node_that_was_asked_and_with_the_id_that_it_was_given) {
  ping_.record_messages();
  meet(true);
  ASSERT_TRUE(is_under_way(ask(ping_, "raw", "1")));
  const protocol::AskMembers request = next_request();
  ASSERT_EQ(request.kind, protocol::AskMembers::Kind::request);
  EXPECT_GE(request.id, 1'000'000'000'000'000U);
  EXPECT_LE(request.ms, 5000);
  RawSocket liar = RawSocket::connected_to(ping_->port());
  AskId id = AskId::of(request.id);
  std::size_t lies = 0;
  const auto tell = [&](std::string_view from, std::uint64_t number) {
    ASSERT_TRUE(liar.send(reply_frame(from, number)));
    ++lies;
  };
  tell("liar", request.id);
  tell("raw", AskId{.slot = id.slot, .generation = id.generation + 1}.number());
  tell("raw", AskId{.slot = id.slot, .generation = id.generation - 1}.number());
  tell("raw", AskId{.slot = id.slot + 1, .generation = id.generation}.number());
  tell("raw", AskId{.slot = AskId::kSlotsMax - 1, .generation = id.generation}.number());
  tell("raw", 1);
  ASSERT_TRUE(cluster_.turn_until([&] { return stats(ping_).late + stats(ping_).unasked == lies; }));
  EXPECT_TRUE(replies.empty());
  EXPECT_EQ(stats(ping_).pending, 1U);
  // A connection of its own to here is nobody else's: neither system nor registry has anyone speak for it.
  RawSocket honest = RawSocket::connected_to(ping_->port());
  ASSERT_TRUE(honest.send(reply_frame("raw", request.id) + reply_frame("raw", request.id)));
  ASSERT_TRUE(cluster_.turn_until([&] { return stats(ping_).late + stats(ping_).unasked == lies + 1; }));
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies.front().payload, R"("forged")");
  EXPECT_TRUE(ping_.messages.empty());
}

TEST_F(AskedRaw, one_that_is_not_known_yet_has_its_handlers_answer_when_it_is) {
  ping_->set_request_handler([&](const Request&, Responder responder) {
    EXPECT_EQ(responder.reply("1"), SendVerdict::queued);
    meet(true);
  });
  RawSocket early = RawSocket::connected_to(ping_->port());
  ASSERT_TRUE(early.send(node_frame("raw", ping_->node_id(), "1", R"("ask":4503599627370497,"ms":5000)")));
  const protocol::AskMembers reply{.kind = protocol::AskMembers::Kind::reply, .id = 4503599627370497};
  EXPECT_EQ(next_request(), reply);
}

TEST_F(AskedRaw, who_is_asked_in_its_name_has_a_quarter_of_its_queue_left_for_others) {
  TestNode& few = add({.alias = "few", .send_messages_max = 64});
  const SilentPort dead;  // what is sent there waits
  few->directory().upsert(
      {.info = {.node_id = "victim", .alias = "victim", .host = "127.0.0.1", .port = dead.port()}, .takes_asks = true});
  std::size_t refused = 0;
  few->set_request_handler([&](const Request&, Responder responder) {
    if (!is_under_way(responder.reply("1"))) ++refused;
  });
  RawSocket liar = RawSocket::connected_to(few->port());
  constexpr std::size_t lies = 200;
  std::string frames;
  for (std::size_t i = 0; i < lies; ++i) {
    frames += node_frame("victim", few->node_id(), "1", R"("ask":4503599627370497,"ms":5000)");
  }
  ASSERT_TRUE(liar.send(frames));
  ASSERT_TRUE(cluster_.turn_until([&] { return stats(few).received == lies && stats(few).waiting == 0; }));
  EXPECT_GT(refused, 100U);
  EXPECT_GT(stats(few).said(), 0U) << "errors find more room than answers";
  for (int i = 0; i < 12; ++i) EXPECT_EQ(few.send("victim", "2"), SendVerdict::queued);
}

TEST_F(AskedRaw, a_busy_one_is_asked_again_with_the_same_id_where_the_asker_allows_it) {
  meet(true);
  RawSocket honest = RawSocket::connected_to(ping_->port());
  const auto say_busy = [&](std::uint64_t id) {
    ASSERT_TRUE(
        honest.send(frame_of(R"({"from":"raw","to":")" + ping_->node_id() + R"(","timestamp":1795375753755,"re":)" +
                             std::to_string(id) + R"(,"error":"busy"})")));
  };
  ASSERT_TRUE(is_under_way(ask(ping_, "raw", "1", {.deadline = 1h, .idempotent = true, .attempts = 3})));
  const protocol::AskMembers first = next_request();
  say_busy(first.id);
  const protocol::AskMembers second = next_request();
  EXPECT_EQ(second.kind, protocol::AskMembers::Kind::request);
  EXPECT_EQ(second.id, first.id);
  EXPECT_LT(second.ms, first.ms);
  EXPECT_EQ(stats(ping_).pending, 1U);
  ASSERT_TRUE(honest.send(reply_frame("raw", first.id)));
  ASSERT_TRUE(cluster_.turn_until([&] { return !replies.empty(); }));
  EXPECT_EQ(replies.front().error, AskError::none);
  EXPECT_EQ(stats(ping_).retried, 1U);

  ASSERT_TRUE(is_under_way(ask(ping_, "raw", "1", {.deadline = 1h, .idempotent = true, .attempts = 2})));
  for (int i = 0; i < 2; ++i) say_busy(next_request().id);
  ASSERT_TRUE(cluster_.turn_until([&] { return replies.size() == 2; }));
  EXPECT_EQ(replies[1].error, AskError::busy) << "after its last attempt";
  EXPECT_FALSE(replies[1].may_have_run);
  ASSERT_TRUE(is_under_way(ask(ping_, "raw", "1", {.deadline = 1h, .attempts = 2})));
  say_busy(next_request().id);
  ASSERT_TRUE(cluster_.turn_until([&] { return replies.size() == 3; }));
  EXPECT_EQ(replies[2].error, AskError::busy) << "it was not said to be idempotent";
  EXPECT_EQ(stats(ping_).retried, 2U);
}

TEST_F(AskedRaw, one_that_was_busy_cannot_answer_for_another_that_is_asked_instead) {
  const auto lead_to = [&](const std::string& node_id) {
    ping_->directory().upsert(
        {.info = {.node_id = node_id, .alias = "svc", .host = "127.0.0.1", .port = listener_.port()},
         .takes_asks = true});
  };
  lead_to("before");
  ASSERT_TRUE(is_under_way(ask(ping_, "svc", "1", {.deadline = 1h, .idempotent = true, .attempts = 2})));
  const protocol::AskMembers first = next_request();
  RawSocket before = RawSocket::connected_to(ping_->port());
  ASSERT_TRUE(
      before.send(frame_of(R"({"from":"before","to":")" + ping_->node_id() + R"(","timestamp":1795375753755,"re":)" +
                           std::to_string(first.id) + R"(,"error":"busy"})")));
  ASSERT_TRUE(cluster_.turn_until([&] { return stats(ping_).retried == 1; }));
  ping_->directory().remove("before");
  lead_to("after");
  peer_.reset();
  bytes_.clear();
  const protocol::AskMembers second = next_request();
  EXPECT_NE(second.id, first.id);
  ASSERT_TRUE(before.send(reply_frame("after", first.id)));
  ASSERT_TRUE(cluster_.turn_until([&] { return stats(ping_).late + stats(ping_).unasked == 1; }));
  EXPECT_TRUE(replies.empty());
  ASSERT_TRUE(before.send(reply_frame("after", second.id)));
  ASSERT_TRUE(cluster_.turn_until([&] { return !replies.empty(); }));
  EXPECT_EQ(replies.front().error, AskError::none);
}

TEST_F(AskedRaw, one_that_finds_no_room_when_it_is_to_be_sent_again_was_sent_before) {
  TestNode& few = add({.alias = "few", .asks_per_peer_max = 1});
  few->directory().upsert(
      {.info = {.node_id = "raw", .alias = "raw", .host = "127.0.0.1", .port = listener_.port()}, .takes_asks = true});
  ASSERT_TRUE(is_under_way(ask(few, "raw", "1", {.deadline = 1h, .idempotent = true, .attempts = 2})));
  const std::string id = std::to_string(next_request().id);
  RawSocket honest = RawSocket::connected_to(few->port());
  const std::string to_few = R"({"from":"raw","to":")" + few->node_id() + R"(","timestamp":1795375753755,)";
  ASSERT_TRUE(honest.send(frame_of(to_few + R"("re":)" + id + R"(,"error":"busy"})")));
  ASSERT_TRUE(cluster_.turn_until([&] { return stats(few).retried == 1; }));
  ASSERT_TRUE(is_under_way(ask(few, "raw", "2", {.deadline = 1h})));
  ASSERT_TRUE(cluster_.turn_until([&] { return !replies.empty(); }));
  EXPECT_EQ(replies.front().error, AskError::not_sent) << to_string(replies.front().error);
  EXPECT_EQ(replies.front().stage, AskStage::sent);
  few->directory().remove("raw");
  ASSERT_TRUE(cluster_.turn_until([&] { return replies.size() == 2; }));
}

#ifdef __cpp_lib_jthread
TEST_F(AskedRaw, who_has_the_name_of_one_that_was_asked_is_not_told_that_the_request_is_cancelled) {
  const auto lead_to = [&](const std::string& node_id) {
    ping_->directory().upsert(
        {.info = {.node_id = node_id, .alias = "svc", .host = "127.0.0.1", .port = listener_.port()},
         .takes_asks = true});
  };
  std::stop_source stop;
  lead_to("before");
  ASSERT_TRUE(is_under_way(ask(ping_, "svc", "1", {.deadline = 1h, .stop = stop.get_token()})));
  next_request();
  ping_->directory().remove("before");
  peer_.reset();
  lead_to("after");
  stop.request_stop();
  ASSERT_TRUE(cluster_.turn_until([&] { return !replies.empty(); }));
  EXPECT_EQ(replies.front().error, AskError::cancelled) << to_string(replies.front().error);
  ASSERT_TRUE(is_under_way(ask(ping_, "svc", "2", {.deadline = 1h})));
  EXPECT_EQ(next_request().kind, protocol::AskMembers::Kind::request);
  ping_->directory().remove("after");
  ASSERT_TRUE(cluster_.turn_until([&] { return replies.size() == 2; }));
}
#endif

TEST_F(AskedRaw, at_the_nodes_end_what_rests_between_two_attempts_ends) {
  meet(true);
  TestNode& brief = add({.alias = "brief"});
  brief->directory().upsert(
      {.info = {.node_id = "raw", .alias = "raw", .host = "127.0.0.1", .port = listener_.port()}, .takes_asks = true});
  RawSocket honest = RawSocket::connected_to(brief->port());
  ASSERT_TRUE(is_under_way(ask(brief, "raw", "1", {.deadline = 1h, .idempotent = true, .attempts = 100})));
  while (stats(brief).retried < 3) {
    const std::uint64_t before = stats(brief).retried;
    ASSERT_TRUE(
        honest.send(frame_of(R"({"from":"raw","to":")" + brief->node_id() + R"(","timestamp":1795375753755,"re":)" +
                             std::to_string(next_request().id) + R"(,"error":"busy"})")));
    ASSERT_TRUE(cluster_.turn_until([&] { return stats(brief).retried > before; }));
  }
  cluster_.shut_down(brief);
  ASSERT_EQ(replies.size(), 1U);
  EXPECT_EQ(replies.front().error, AskError::shut_down);
  EXPECT_FALSE(replies.front().may_have_run);
}

TEST_F(AskedRaw, one_that_is_not_known_before_the_shutdown_has_its_answer_counted_as_lost) {
  ping_->set_request_handler(
      [](const Request&, Responder responder) { EXPECT_EQ(responder.reply("1"), SendVerdict::queued); });
  RawSocket early = RawSocket::connected_to(ping_->port());
  ASSERT_TRUE(early.send(node_frame("raw", ping_->node_id(), "1", R"("ask":4503599627370497,"ms":5000)")));
  ASSERT_TRUE(cluster_.turn_until([&] { return ping_.stats().parked_messages == 1; }));
  EXPECT_EQ(stats(ping_).answered, 1U);
  EXPECT_EQ(stats(ping_).answers_lost, 0U);
  cluster_.shut_down(ping_);
  EXPECT_EQ(stats(ping_).answers_lost, 1U);
  EXPECT_EQ(ping_.stats().sent.dropped_shutdown, 1U);
}

TEST(RetryBudget, lets_a_tenth_of_the_requests_of_ten_seconds_be_sent_again_and_a_few_more) {
  using runtime::RetryBudget;
  RetryBudget budget;
  base::Instant now{};
  const auto admitted = [&](int asked) {
    for (int i = 0; i < asked; ++i) budget.note_asked(now);
    int count = 0;
    while (budget.admit(now)) ++count;
    return count;
  };
  EXPECT_EQ(admitted(0), 10);
  EXPECT_EQ(admitted(9), 0);
  EXPECT_EQ(admitted(1), 1);
  EXPECT_EQ(admitted(1000), 100);
  now += RetryBudget::kWindow - 1ms;
  EXPECT_EQ(admitted(0), 0);
  now += 1ms;
  EXPECT_EQ(admitted(100), 20);
}

TEST_F(AskedRaw, at_their_bound_requests_to_one_node_are_refused_at_once_and_others_go_on) {
  TestNode& few = add({.alias = "few", .asks_max = 5, .asks_per_peer_max = 3});
  TestNode& pong = add({.alias = "pong"});
  answer_with_echo(pong);
  few->directory().upsert(
      {.info = {.node_id = "raw", .alias = "raw", .host = "127.0.0.1", .port = listener_.port()}, .takes_asks = true});
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(is_under_way(ask(few, "raw", "1")));
  EXPECT_EQ(ask(few, "raw", "1"), SendVerdict::queue_full);
  EXPECT_EQ(outcome_of(few, "pong", "1").error, AskError::none);
  ASSERT_TRUE(is_under_way(ask(few, "pong", "1")));
  ASSERT_TRUE(is_under_way(ask(few, "pong", "1")));
  EXPECT_EQ(ask(few, "pong", "1"), SendVerdict::queue_full);  // in all
  ASSERT_TRUE(cluster_.turn_until([&] { return replies.size() == 3; }));
  EXPECT_EQ(stats(few).asked, 6U);
  EXPECT_EQ(ask(few, "pong", std::string((16U << 20U) + 1, '1')), SendVerdict::too_large);
  EXPECT_EQ(ask(few, "", "1"), SendVerdict::invalid_target);
  few->directory().remove("raw");
  ASSERT_TRUE(cluster_.turn_until([&] { return replies.size() == 6; }));
  for (std::size_t i = 3; i < 6; ++i) EXPECT_EQ(replies[i].error, AskError::peer_left);
}

TEST_F(AskedRaw, one_that_cannot_be_connected_to_has_surely_not_run) {
  const SilentPort dead;
  TestNode& hasty = add({.alias = "hasty", .connect_deadline = 50ms});
  hasty->directory().upsert(
      {.info = {.node_id = "dead", .alias = "dead", .host = "127.0.0.1", .port = dead.port()}, .takes_asks = true});
  const KeptReply reply = outcome_of(hasty, "dead", "1");
  EXPECT_EQ(reply.error, AskError::not_sent) << to_string(reply.error);
  EXPECT_EQ(reply.stage, AskStage::sent);
  EXPECT_FALSE(reply.may_have_run);
}

TEST_F(AskedRaw, one_whose_own_connection_breaks_has_surely_not_run_what_was_not_handed_over) {
  meet(true, true);
  RawSocket own = RawSocket::connected_to(ping_->port());
  ASSERT_TRUE(
      own.send(frame_of(R"({"from":"raw","to":")" + ping_->node_id() + R"(","timestamp":1,"connection":"both"})")));
  ASSERT_TRUE(cluster_.turn_until([&] { return is_readable(own.fd()); }));
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(is_under_way(ask(ping_, "raw", large_json(), {.deadline = 1h})));
  ASSERT_TRUE(cluster_.turn_until([&] { return ping_.stats().connections_shared == 1; }));
  own.close();
  ASSERT_TRUE(cluster_.turn_until([&] { return !replies.empty(); }));
  expect_lost_before_they_ran(4);
}

// The node comes back under its nodeId while the link before still drains.
TEST_F(AskedRaw, what_the_link_of_a_peer_that_left_drops_ends_no_request_of_the_one_after_it) {
  meet(true);
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(is_under_way(ping_.send("raw", large_json())));
  ASSERT_TRUE(cluster_.turn_until([&] { return is_readable(listener_.fd()); }));
  RawSocket before = listener_.accept();
  ASSERT_TRUE(cluster_.turn_until([&] { return is_readable(before.fd()); }));
  ping_->directory().remove("raw");
  ASSERT_EQ(ping_.stats().sent.dropped(), 0U);
  meet(true);
  ASSERT_TRUE(is_under_way(ask(ping_, "raw", "1", {.deadline = 1h})));
  const protocol::AskMembers request = next_request();
  before.close();
  ASSERT_TRUE(cluster_.turn_until([&] { return ping_.stats().sent.dropped() > 0; }));
  turn_some(cluster_.reactor(), 3);
  EXPECT_TRUE(replies.empty()) << "it is with the peer: " << to_string(replies.front().error);
  RawSocket honest = RawSocket::connected_to(ping_->port());
  ASSERT_TRUE(honest.send(reply_frame("raw", request.id)));
  ASSERT_TRUE(cluster_.turn_until([&] { return !replies.empty(); }));
  EXPECT_EQ(replies.front().error, AskError::none);
}

#ifdef __cpp_lib_jthread
TEST_F(AskedRaw, cancelled_on_request_of_another_thread_ends_once_and_the_peer_is_told) {
  meet(true);
  std::stop_source stop;
  ASSERT_TRUE(is_under_way(ask(ping_, "raw", "1", {.stop = stop.get_token()})));
  const protocol::AskMembers request = next_request();
  std::thread([&] { stop.request_stop(); }).join();
  ASSERT_TRUE(cluster_.turn_until([&] { return !replies.empty(); }));
  EXPECT_EQ(replies.front().error, AskError::cancelled);
  EXPECT_TRUE(replies.front().may_have_run);
  const protocol::AskMembers cancel{.kind = protocol::AskMembers::Kind::cancel, .id = request.id};
  EXPECT_EQ(next_request(), cancel);
  // Before the question, it ends it at once, and is not sent.
  EXPECT_EQ(outcome_of(ping_, "nobody yet", "1", {.stop = stop.get_token()}).may_have_run, false);
  RawSocket peer = RawSocket::connected_to(ping_->port());
  ASSERT_TRUE(peer.send(frame_of(R"({"from":"raw","to":")" + ping_->node_id() +
                                 R"(","timestamp":1795375753755,"ask":4503599627370497,"ms":0})")));
  ASSERT_TRUE(cluster_.turn_until([&] { return stats(ping_).cancels == 1; }));
}
#endif

TEST_F(AskedRaw, one_that_was_asked_cannot_tell_with_what_id_others_will_be) {
  meet(true);
  RawSocket honest = RawSocket::connected_to(ping_->port());
  std::map<std::uint32_t, std::uint64_t> generations;  // the last of each slot
  std::size_t used_again = 0;
  std::size_t successors = 0;
  for (std::size_t i = 1; i <= 130; ++i) {
    ASSERT_TRUE(is_under_way(ask(ping_, "raw", "1")));
    const protocol::AskMembers request = next_request();
    const AskId id = AskId::of(request.id);
    if (const auto before = generations.find(id.slot); before != generations.end()) {
      ++used_again;
      if (id.generation - before->second < 1000) ++successors;
    }
    generations[id.slot] = id.generation;
    ASSERT_TRUE(honest.send(reply_frame("raw", request.id)));
    ASSERT_TRUE(cluster_.turn_until([&] { return replies.size() == i; }));
  }
  EXPECT_GT(used_again, 50U);
  EXPECT_LE(successors, 1U) << "of random ones, one in four million is";
}

/// Off the loop's thread an answer waits in the inbox, and its verdict is final.
// Whoever connects can say whom a request is from.

}  // namespace
}  // namespace distflow::test
