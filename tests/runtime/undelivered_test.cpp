// What a node tells of the messages that it could not deliver, and what having it send them again does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/runtime/stats_asker.hpp"
#include "tests/support/fake_registry.hpp"
#include "tests/support/sockets.hpp"

namespace distflow::test {
namespace {

using protocol::StatsKind;

/// Nodes, and a client that asks of them.
class Undelivered : public ::testing::Test {
 protected:
  std::string ask_text(std::string_view name, StatsKind what, std::uint64_t after = 0) {
    StatsAsker asker(cluster_);
    const Result<pmd::ToldStats> told = asker.ask(name, after, what);
    EXPECT_TRUE(told && told->refusal.empty());
    return told ? told->json : "";
  }
  rapidjson::Document ask(std::string_view name, StatsKind what, std::uint64_t after = 0) {
    return parsed(ask_text(name, what, after));
  }
  /// Sends to a name until the PMD has said that nobody has it.
  void send_in_vain(TestNode& node, std::string_view name, std::string_view text) {
    const std::uint64_t before = node.stats().sent.dropped_unresolved;
    EXPECT_EQ(node.send(name, text), SendVerdict::queued);
    ASSERT_TRUE(cluster_.turn_until([&] { return node.stats().sent.dropped_unresolved == before + 1; }));
  }
  /// Sends to a peer that cannot be connected to, and leaves.
  static void drop_at_link(TestNode& node, const std::string& node_id, const std::string& alias,
                           std::string_view name) {
    const SilentPort silent;
    node->directory().upsert(
        {.info = {.node_id = node_id, .alias = alias, .host = "127.0.0.1", .port = silent.port()}});
    EXPECT_EQ(node.send(name, "1"), SendVerdict::queued);
    node->directory().remove(node_id);
    EXPECT_EQ(node.stats().sent.dropped_peer_left, 1u);
  }
  std::string first_letter_to(std::string_view name) {
    return ask(name, StatsKind::dead_letters)["dead_letters"][0]["to"].GetString();
  }
  /// A node with that alias, which all others know.
  TestNode& add_successor(const std::string& alias) {
    TestNode& node = cluster_.add_node({.alias = alias});
    node.record_messages();
    turn_some(cluster_.reactor(), 20);
    return node;
  }
  std::pair<int, int> redriven_and_kept(std::string_view name) {
    const rapidjson::Document told = ask(name, StatsKind::redrive);
    return {told["redriven"].GetInt(), told["kept"].GetInt()};
  }
  static void expect_law(const SendStats& sent, std::uint64_t queued = 0) {
    EXPECT_EQ(sent.accepted, sent.written + queued + sent.dropped());
  }

  Cluster cluster_{{}, &make_backend, base::LogLevel::debug};
};

TEST_F(Undelivered, a_message_to_a_name_that_nobody_has_is_told_with_its_text_and_the_reason) {
  TestNode& ping = cluster_.add_node({.alias = "ping"});
  send_in_vain(ping, "later", R"({"a":"b"})");
  const rapidjson::Document told = ask("ping", StatsKind::dead_letters);
  ASSERT_EQ(told["dead_letters"].Size(), 1u);
  const auto& letter = told["dead_letters"][0];
  EXPECT_STREQ(letter["to"].GetString(), "later");
  EXPECT_STREQ(letter["node_id"].GetString(), "");
  EXPECT_STREQ(letter["reason"].GetString(), "unresolved");
  EXPECT_STREQ(letter["text"].GetString(), R"({"a":"b"})");
  EXPECT_EQ(letter["size"].GetUint64(), 9u);
  EXPECT_GE(letter["at"].GetUint64(), letter["sent_at"].GetUint64());
  EXPECT_FALSE(told.HasMember("next"));
}

TEST_F(Undelivered, sent_again_it_comes_once_and_the_law_of_the_counters_holds) {
  TestNode& ping = cluster_.add_node({.alias = "ping"});
  send_in_vain(ping, "later", "1");
  TestNode& later = cluster_.add_node({.alias = "later"});
  later.record_messages();
  ASSERT_TRUE(cluster_.turn_until([&] { return ping->directory().find("later") != nullptr; }));
  const rapidjson::Document redriven = ask("ping", StatsKind::redrive);
  EXPECT_EQ(redriven["redriven"].GetUint64(), 1u);
  EXPECT_EQ(redriven["kept"].GetUint64(), 0u);
  ASSERT_TRUE(cluster_.turn_until([&] { return later.messages.size() == 1; }));
  EXPECT_EQ(ask("ping", StatsKind::redrive)["redriven"].GetUint64(), 0u);
  EXPECT_EQ(ask("ping", StatsKind::dead_letters)["dead_letters"].Size(), 0u);
  const NodeStats stats = ping.stats();
  EXPECT_EQ(stats.sent.accepted, 2u);
  EXPECT_EQ(stats.dead_letters_redriven, 1u);
  expect_law(stats.sent);
  ASSERT_EQ(later.messages.size(), 1u);
}

TEST_F(Undelivered, a_letter_whose_name_is_still_unknown_is_kept_as_it_was_and_counted_and_logged_no_second_time) {
  TestNode& ping = cluster_.add_node({.alias = "ping"});
  send_in_vain(ping, "nobody", "1");
  const std::string before = ask_text("ping", StatsKind::dead_letters);
  const std::size_t lines = cluster_.count_lines("nobody");
  // At once, and when the node does not know any more that nobody has the name.
  for (const base::Instant when : {base::Instant::min(), ping.target("nobody")->unknown_until}) {
    ASSERT_TRUE(cluster_.turn_until([&] { return cluster_.reactor().now() >= when; }));
    const rapidjson::Document told = ask("ping", StatsKind::redrive);
    EXPECT_EQ(told["redriven"].GetUint64(), 0u);
    EXPECT_EQ(told["kept"].GetUint64(), 1u);
  }
  turn_some(cluster_.reactor(), 20);
  EXPECT_EQ(ask_text("ping", StatsKind::dead_letters), before);
  const NodeStats stats = ping.stats();
  EXPECT_EQ(stats.dead_letters_redriven, 0u);
  EXPECT_EQ(stats.sent.accepted, 1u);
  EXPECT_EQ(stats.sent.dropped_unresolved, 1u);
  EXPECT_EQ(stats.parked_messages, 0u);
  EXPECT_EQ(cluster_.count_lines("nobody"), lines) << cluster_.log_text();
}

TEST_F(Undelivered, sent_again_it_has_the_time_when_it_was_sent_first_however_often_it_is_dropped) {
  TestNode& ping = cluster_.add_node({.alias = "ping", .connect_deadline = std::chrono::milliseconds(1)});
  send_in_vain(ping, "later", "1");
  const std::int64_t sent_at = ask("ping", StatsKind::dead_letters)["dead_letters"][0]["sent_at"].GetInt64();
  ASSERT_TRUE(cluster_.turn_until([&] { return cluster_.reactor().wall_ms() > sent_at; }));
  const SilentPort silent;
  ping->directory().upsert({.info = {.node_id = "deaf", .alias = "later", .host = "127.0.0.1", .port = silent.port()}});
  EXPECT_EQ(ask("ping", StatsKind::redrive)["redriven"].GetUint64(), 1u);
  ASSERT_TRUE(cluster_.turn_until([&] { return ping.stats().sent.dropped_unreachable == 1; }));
  ping->directory().remove("deaf");
  const rapidjson::Document told = ask("ping", StatsKind::dead_letters);
  EXPECT_EQ(told["dead_letters"][0]["number"].GetUint64(), 2u);
  EXPECT_EQ(told["dead_letters"][0]["sent_at"].GetInt64(), sent_at);
  TestNode& later = cluster_.add_node({.alias = "later"});
  later.record_messages();
  ASSERT_TRUE(cluster_.turn_until([&] { return ping->directory().find("later") != nullptr; }));
  EXPECT_EQ(ask("ping", StatsKind::redrive)["redriven"].GetUint64(), 1u);
  ASSERT_TRUE(cluster_.turn_until([&] { return later.messages.size() == 1; }));
  EXPECT_EQ(later.messages[0].timestamp, sent_at);
}

TEST_F(Undelivered, a_peer_that_leaves_or_cannot_be_reached_is_named_by_its_alias) {
  TestNode& ping = cluster_.add_node({.alias = "ping", .connect_deadline = std::chrono::milliseconds(1)});
  const SilentPort silent;
  const auto meet = [&](const std::string& alias) {
    ping->directory().upsert(
        {.info = {.node_id = "id-of-" + alias, .alias = alias, .host = "127.0.0.1", .port = silent.port()}});
  };
  meet("gone");
  EXPECT_EQ(ping.send("gone", "1"), SendVerdict::queued);
  ping->directory().remove("id-of-gone");
  meet("deaf");
  EXPECT_EQ(ping.send("deaf", "2"), SendVerdict::queued);
  ASSERT_TRUE(cluster_.turn_until([&] { return ping.stats().sent.dropped_unreachable == 1; }));
  const rapidjson::Document told = ask("ping", StatsKind::dead_letters);
  ASSERT_EQ(told["dead_letters"].Size(), 2u);
  EXPECT_STREQ(told["dead_letters"][0]["to"].GetString(), "gone");
  EXPECT_STREQ(told["dead_letters"][0]["node_id"].GetString(), "id-of-gone");
  EXPECT_STREQ(told["dead_letters"][0]["reason"].GetString(), "peer_left");
  EXPECT_STREQ(told["dead_letters"][1]["to"].GetString(), "deaf");
  EXPECT_STREQ(told["dead_letters"][1]["reason"].GetString(), "unreachable");
}

TEST_F(Undelivered, sent_to_an_alias_it_is_for_whoever_has_that_later) {
  TestNode& ping = cluster_.add_node({.alias = "ping"});
  drop_at_link(ping, "id-1", "w", "w");
  EXPECT_EQ(first_letter_to("ping"), "w");
  TestNode& successor = add_successor("w");
  EXPECT_EQ(redriven_and_kept("ping"), std::pair(1, 0));
  ASSERT_TRUE(cluster_.turn_until([&] { return successor.messages.size() == 1; }));
}

TEST_F(Undelivered, sent_to_a_nodeId_it_is_for_that_process_and_not_for_whoever_has_its_alias_later) {
  TestNode& ping = cluster_.add_node({.alias = "ping"});
  drop_at_link(ping, "id-1", "w", "id-1");
  EXPECT_EQ(first_letter_to("ping"), "id-1");
  TestNode& successor = add_successor("w");
  EXPECT_EQ(redriven_and_kept("ping"), std::pair(0, 1));
  turn_some(cluster_.reactor(), 20);
  EXPECT_TRUE(successor.messages.empty());
  const SilentPort silent;
  ping->directory().upsert({.info = {.node_id = "id-1", .alias = "", .host = "127.0.0.1", .port = silent.port()}});
  EXPECT_EQ(redriven_and_kept("ping"), std::pair(1, 0)) << "the process is there again";
}

TEST_F(Undelivered, where_a_peer_was_sent_to_by_its_alias_and_by_its_nodeId_it_is_for_that_process) {
  TestNode& ping = cluster_.add_node({.alias = "ping"});
  const SilentPort silent;
  ping->directory().upsert({.info = {.node_id = "id-1", .alias = "w", .host = "127.0.0.1", .port = silent.port()}});
  EXPECT_EQ(ping.send("w", "1"), SendVerdict::queued);
  EXPECT_EQ(ping.send("id-1", "2"), SendVerdict::queued);
  ping->directory().remove("id-1");
  add_successor("w");
  EXPECT_EQ(redriven_and_kept("ping"), std::pair(0, 2));
}

TEST_F(Undelivered, what_is_published_and_answered_to_a_peer_leaves_what_was_sent_to_its_alias_to_that) {
  TestNode& ping = cluster_.add_node({.alias = "ping"});
  const SilentPort silent;
  ping->directory().upsert(
      {.info = {.node_id = "id-1", .alias = "w", .host = "127.0.0.1", .port = silent.port(), .groups = {"topic:t"}}});
  EXPECT_EQ(ping->publish(*ping->topic("t"), runtime::OutgoingMessage("0")), SendVerdict::queued);
  const auto answer = protocol::AskText::reply(17);
  EXPECT_EQ(ping->router().send_reply(ping.target("id-1"), runtime::OutgoingMessage("0").with(answer.extension())),
            SendVerdict::queued);
  const auto question = protocol::AskText::request(17, 1000);
  EXPECT_EQ(ping->router().send_beside(ping.target("id-1"), runtime::OutgoingMessage("0").with(question.extension())),
            SendVerdict::queued);
  EXPECT_EQ(ping.send("w", "1"), SendVerdict::queued);
  ping->directory().remove("id-1");
  EXPECT_EQ(ping.stats().sent.dropped_peer_left, 4u);
  EXPECT_EQ(ping.stats().dead_letters, 1u);
  EXPECT_EQ(first_letter_to("ping"), "w");
}

TEST_F(Undelivered, sent_to_the_nodeId_of_a_peer_that_was_published_to_before_it_is_for_that_process) {
  TestNode& ping = cluster_.add_node({.alias = "ping"});
  const SilentPort silent;
  for (const bool is_of_other_thread : {false, true}) {
    const std::string id = is_of_other_thread ? "id-2" : "id-1";
    ping->directory().upsert(
        {.info = {.node_id = id, .alias = "w", .host = "127.0.0.1", .port = silent.port(), .groups = {"topic:t"}}});
    EXPECT_EQ(ping->publish(*ping->topic("t"), runtime::OutgoingMessage("0")), SendVerdict::queued);
    EXPECT_TRUE(ping.target(id)->prefix.empty()) << "another thread could not have it marked";
    runtime::ParkedMessage parked;
    parked.payload = "1";
    EXPECT_EQ(is_of_other_thread ? ping.send_parked(id, std::move(parked)) : ping.send(id, "1"), SendVerdict::queued);
    EXPECT_FALSE(ping.target(id)->prefix.empty());
    ping->directory().remove(id);
    EXPECT_EQ(first_letter_to("ping"), "id-1");
    EXPECT_EQ(ping.stats().dead_letters, is_of_other_thread ? 2u : 1u);
  }
  const rapidjson::Document told = ask("ping", StatsKind::dead_letters);
  EXPECT_STREQ(told["dead_letters"][1]["to"].GetString(), "id-2");
}

TEST_F(Undelivered, where_a_peer_has_another_alias_by_now_it_is_for_that_process) {
  TestNode& ping = cluster_.add_node({.alias = "ping"});
  const SilentPort silent;
  PeerInfo peer{.node_id = "id-1", .alias = "old", .host = "127.0.0.1", .port = silent.port()};
  ping->directory().upsert({.info = peer});
  EXPECT_EQ(ping.send("old", "1"), SendVerdict::queued);
  peer.alias = "new";
  ping->directory().upsert({.info = peer});
  ping->directory().remove("id-1");
  EXPECT_EQ(first_letter_to("ping"), "id-1");
}

TEST_F(Undelivered, sent_to_a_nodeId_it_is_not_for_a_node_that_has_that_for_its_alias) {
  TestNode& ping = cluster_.add_node({.alias = "ping"});
  drop_at_link(ping, "id-1", "", "id-1");
  send_in_vain(ping, "0123456789abcdef", "2");  // a process that has left before
  const TestNode* const impostors[] = {&add_successor("id-1"), &add_successor("0123456789abcdef")};
  EXPECT_EQ(redriven_and_kept("ping"), std::pair(0, 2));
  turn_some(cluster_.reactor(), 20);
  for (const TestNode* const impostor : impostors) EXPECT_TRUE(impostor->messages.empty());
}

TEST_F(Undelivered, what_does_not_fit_into_a_part_is_in_the_next_ones_each_once) {
  TestNode& ping = cluster_.add_node({.alias = "ping"});
  const std::string long_text = '"' + std::string(5000, 'x') + '"';
  for (int i = 0; i < 40; ++i) EXPECT_EQ(ping.send("nobody", long_text), SendVerdict::queued);
  ASSERT_TRUE(cluster_.turn_until([&] { return ping.stats().sent.dropped_unresolved == 40; }));
  std::vector<std::uint64_t> numbers;
  std::uint64_t after = 0;
  int parts = 0;
  do {
    const rapidjson::Document part = ask("ping", StatsKind::dead_letters, after);
    for (const auto& letter : part["dead_letters"].GetArray()) {
      numbers.push_back(letter["number"].GetUint64());
      EXPECT_EQ(letter["size"].GetUint64(), 5002u);
      EXPECT_EQ(letter["text"].GetStringLength(), 1024u);
    }
    after = part.HasMember("next") ? part["next"].GetUint64() : 0;
    ASSERT_LT(++parts, 20);
  } while (after > 0);
  EXPECT_GT(parts, 1);
  ASSERT_EQ(numbers.size(), 40u);
  for (std::uint64_t i = 0; i < 40; ++i) EXPECT_EQ(numbers[i], i + 1);
}

TEST_F(Undelivered, of_many_that_wait_for_one_name_the_newest_are_kept_and_all_others_counted) {
  TestNode& ping = cluster_.add_node({.alias = "ping", .dead_letters_max = 3});
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ping.send("nobody", std::to_string(i)), SendVerdict::queued);
  ASSERT_TRUE(cluster_.turn_until([&] { return ping.stats().sent.dropped_unresolved == 10; }));
  const rapidjson::Document told = ask("ping", StatsKind::dead_letters);
  ASSERT_EQ(told["dead_letters"].Size(), 3u);
  EXPECT_STREQ(told["dead_letters"][0]["text"].GetString(), "7");
  EXPECT_EQ(ping.stats().dead_letters_displaced, 7u);
}

TEST_F(Undelivered, of_many_that_wait_those_that_are_larger_than_all_the_room_displace_none) {
  TestNode& ping = cluster_.add_node({.alias = "ping", .dead_letters_max = 1, .dead_letter_bytes_max = 100});
  EXPECT_EQ(ping.send("nobody", "1"), SendVerdict::queued);
  EXPECT_EQ(ping.send("nobody", '"' + std::string(200, 'x') + '"'), SendVerdict::queued);
  ASSERT_TRUE(cluster_.turn_until([&] { return ping.stats().sent.dropped_unresolved == 2; }));
  EXPECT_EQ(ping.stats().dead_letters, 1u);
  EXPECT_EQ(ping.stats().dead_letters_displaced, 0u);
  EXPECT_EQ(ping.stats().dead_letters_not_kept, 1u);
}

TEST_F(Undelivered, a_message_of_another_thread_that_comes_too_late_for_its_name_is_kept) {
  TestNode& ping = cluster_.add_node({.alias = "ping"});
  send_in_vain(ping, "nobody", "1");
  runtime::ParkedMessage late;
  late.payload = "2";
  EXPECT_EQ(ping.send_parked("nobody", std::move(late)), SendVerdict::queued);
  ASSERT_TRUE(cluster_.turn_until([&] { return ping.stats().sent.dropped_unresolved == 2; }));
  EXPECT_EQ(ping.stats().dead_letters, 2u);
}

TEST_F(Undelivered, a_node_without_introspection_keeps_none) {
  TestNode& ping = cluster_.add_node({.alias = "ping", .introspection = false});
  send_in_vain(ping, "nobody", "1");
  EXPECT_EQ(ping.stats().dead_letters, 0u);
}

/// A node whose registry asks it, and runs as the user that a test says.
class AskedByRegistry : public Undelivered {
 protected:
  AskedByRegistry() {
    cluster_.stop_pmd();
    NodeOptions options;
    options.alias = "ping";
    node_ = &cluster_.add_node_of(options, registry_.make_client());
    EXPECT_TRUE(cluster_.turn_until([this] { return node_->started.has_value(); }));
  }
  void TearDown() override { cluster_.shut_down(*node_); }  // the registry is gone before the cluster

  std::string told(StatsKind what) {
    const std::size_t before = registry_.stats_told.size();
    registry_.ask({.node_id = (*node_)->node_id(), .id = 1, .after = 0, .size_max = 32768, .what = what});
    EXPECT_TRUE(cluster_.turn_until([&] { return registry_.stats_told.size() > before; }));
    return registry_.stats_told.back();
  }

  FakeRegistry registry_{cluster_.reactor()};
  TestNode* node_ = nullptr;
};

TEST_F(AskedByRegistry, an_answer_that_cannot_be_queued_does_not_count_as_told) {
  told(StatsKind::counters);
  EXPECT_EQ(node_->stats().stats_told, 1u);
  registry_.has_room_for_answers = false;
  registry_.ask({.node_id = (*node_)->node_id(), .id = 2, .after = 0, .size_max = 32768});
  EXPECT_TRUE(cluster_.turn_until([this] { return node_->stats().stats_refused == 1; }));
  EXPECT_EQ(node_->stats().stats_told, 1u);
}

TEST_F(AskedByRegistry, messages_are_not_told_nor_sent_again_for_a_registry_of_another_user_and_counters_are) {
  const io::PeerOwner own = cluster_.reactor().backend().own_user();
  const io::PeerOwner another = io::PeerOwner::user(own.is_known() ? own.uid() + 4711 : 4711);
  send_in_vain(*node_, "nobody", "\"secret\"");
  std::uint64_t refused = 0;
  for (const io::PeerOwner& owner : {another, io::PeerOwner::unknown(io::OwnerStatus::not_found), io::PeerOwner()}) {
    registry_.owner = owner;
    for (const StatsKind what : {StatsKind::dead_letters, StatsKind::redrive}) {
      const std::string text = told(what);
      EXPECT_THAT(text, ::testing::Not(::testing::HasSubstr("secret")));
      EXPECT_TRUE(parsed(text).HasMember("refused")) << text;
      EXPECT_EQ(node_->stats().stats_refused, ++refused);
    }
    EXPECT_TRUE(parsed(told(StatsKind::counters)).HasMember("node"));
  }
  EXPECT_EQ(node_->stats().dead_letters, 1u);
  EXPECT_EQ(node_->stats().dead_letters_redriven, 0u);
}

TEST_F(AskedByRegistry, a_kind_that_the_node_does_not_know_is_refused_with_the_reason_and_counted) {
  EXPECT_STREQ(parsed(told(StatsKind::unknown))["refused"].GetString(), "it knows no stats of that kind");
  EXPECT_EQ(node_->stats().stats_refused, 1u);
}

TEST_F(AskedByRegistry, messages_are_told_to_a_registry_of_the_nodes_own_user_or_of_root) {
  const io::PeerOwner own = cluster_.reactor().backend().own_user();
  send_in_vain(*node_, "nobody", "\"secret\"");
  for (const io::PeerOwner& owner : {own, io::PeerOwner::user(0)}) {
    if (!owner.is_known()) continue;  // this system has no users of connections
    registry_.owner = owner;
    EXPECT_EQ(parsed(told(StatsKind::dead_letters))["dead_letters"].Size(), 1u);
    EXPECT_TRUE(parsed(told(StatsKind::redrive)).HasMember("redriven"));
  }
}

TEST(BrokenConnection, messages_that_a_broken_connection_had_are_kept_and_those_that_left_are_not) {
  SocketCluster cluster;
  TestNode& node = cluster.add_node({.alias = "ping",
                                     .frame_size_max = 1 << 20,
                                     .send_bytes_max = 4 << 20,
                                     .dead_letters_max = 1000,
                                     .dead_letter_bytes_max = std::size_t{8} << 20});
  RawSocket deaf = RawSocket::listening();
  node->directory().upsert({.info = {.node_id = "deaf", .alias = "d", .host = "127.0.0.1", .port = deaf.port()}});
  const std::string text = '"' + std::string(256 * 1024, 'x') + '"';
  for (SendVerdict verdict = SendVerdict::queued; verdict == SendVerdict::queued;) {
    verdict = node.send("deaf", text);
    turn_some(cluster.reactor(), 1);
  }
  deaf = RawSocket::listening();  // the one before closes, with the connection in its backlog
  ASSERT_TRUE(cluster.turn_until([&] { return node.stats().sent.dropped_connection_lost > 0; }));
  ASSERT_TRUE(cluster.turn_until([&] { return node->directory().find("deaf") != nullptr; }));
  const NodeStats stats = node.stats();
  EXPECT_EQ(stats.dead_letters, stats.sent.dropped());
}

}  // namespace
}  // namespace distflow::test
