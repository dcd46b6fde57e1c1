// Requests and replies between nodes over one loop, among peers that are silent, gone, full, too old, or lie.
#include <distflow/ask.hpp>

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "protocol/envelope.hpp"
#include "runtime/ask/ask_id.hpp"
#include "runtime/ask/retry_budget.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/node_frames.hpp"
#include "tests/support/sockets.hpp"

namespace distflow::test {
namespace {

using namespace std::chrono_literals;
using runtime::AskId;
using runtime::AskWay;

class Asking : public ::testing::Test {
 protected:
  ~Asking() override {
    for (TestNode* node : nodes_) check_law(*node);
  }
  TestNode& add(NodeOptions options) {
    TestNode& node = cluster_.add_node(std::move(options));
    nodes_.push_back(&node);
    return node;
  }
  /// As a call of the application on the loop's thread.
  SendVerdict ask(TestNode& node, std::string_view name, std::string_view json, const AskOptions& options = {}) {
    const AskWay::OnLoop on_loop(node->ask_way());
    return node->ask_way().ask(
        name, json, options,
        [this](const Reply& reply) {
          replies.push_back(reply.keep());
          if (then) then(reply);
        },
        AskWay::Callback::of_application);
  }
  /// What a request ends with.
  KeptReply outcome_of(TestNode& node, std::string_view name, std::string_view json, const AskOptions& options = {}) {
    const std::size_t before = replies.size();
    EXPECT_TRUE(is_under_way(ask(node, name, json, options)));
    EXPECT_TRUE(cluster_.turn_until([&] { return replies.size() > before; }));
    return replies.size() > before ? replies.back() : KeptReply{};
  }
  void answer_with_echo(TestNode& node) {
    node->set_request_handler([this](const Request& request, Responder responder) {
      ++handled;
      EXPECT_TRUE(is_under_way(responder.reply(request.payload)));
    });
  }
  static AskStats stats(TestNode& node) { return node.stats().asks; }
  static void check_law(TestNode& node) {
    const AskStats asks = stats(node);
    EXPECT_EQ(asks.asked, asks.replied + asks.failed() + asks.pending);
    EXPECT_EQ(asks.received, asks.answered + asks.said() + asks.waiting + asks.in_handlers);
  }

  SocketCluster cluster_;
  std::vector<TestNode*> nodes_;
  std::vector<KeptReply> replies;
  std::function<void(const Reply&)> then;
  int handled = 0;
};

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

/// A peer that is no node: its frames are written by hand.
class AskedRaw : public Asking {
 protected:
  void meet(bool takes_asks, bool shares_connections = false) {
    ping_->directory().upsert(
        {.info = {.node_id = "raw", .alias = "raw", .host = "127.0.0.1", .port = listener_.port()},
         .shares_connections = shares_connections,
         .takes_asks = takes_asks});
  }
  static std::string large_json() { return '"' + std::string(std::size_t{8} << 20, 'x') + '"'; }
  /// The next request that comes to it; id zero when it is none.
  protocol::AskMembers next_request() {
    std::string body;
    EXPECT_TRUE(cluster_.turn_until([&] {
      if (is_readable(listener_.fd())) peer_.emplace(listener_.accept());
      if (peer_ && is_readable(peer_->fd())) bytes_ += peer_->receive();
      if (bytes_.size() < framing::kHeaderSize) return false;
      const std::size_t size = framing::kHeaderSize + framing::read_header(bytes_.data());
      if (bytes_.size() < size) return false;
      body = bytes_.substr(framing::kHeaderSize, size - framing::kHeaderSize);
      bytes_.erase(0, size);
      return true;
    }));
    protocol::Envelope envelope;
    EXPECT_TRUE(protocol::decode_template(body, envelope)) << body;
    return read_ask_members(envelope.extension, envelope.has_payload());
  }
  [[nodiscard]] std::string reply_frame(std::string_view from, std::uint64_t id) const {
    return node_frame(from, (*ping_node_)->node_id(), R"("forged")", "\"re\":" + std::to_string(id));
  }

  TestNode* ping_node_ = &add({.alias = "ping"});
  TestNode& ping_ = *ping_node_;
  RawSocket listener_ = RawSocket::listening();
  std::optional<RawSocket> peer_;
  std::string bytes_;
};

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

TEST_F(AskedRaw, one_that_cannot_be_connected_to_has_surely_not_run) {
  const std::uint16_t dead = RawSocket::listening().port();
  TestNode& hasty = add({.alias = "hasty", .connect_deadline = 50ms});
  hasty->directory().upsert(
      {.info = {.node_id = "dead", .alias = "dead", .host = "127.0.0.1", .port = dead}, .takes_asks = true});
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
  for (const KeptReply& reply : replies) {
    EXPECT_EQ(reply.error, AskError::connection_lost) << to_string(reply.error);
    EXPECT_FALSE(reply.may_have_run);
  }
  ping_->directory().remove("raw");
  ASSERT_TRUE(cluster_.turn_until([&] { return replies.size() == 4; }));
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

// Whoever connects can say whom a request is from.
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
