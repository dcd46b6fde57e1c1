#include "protocol/pmd_reply.hpp"

#include <gtest/gtest.h>

#include <string>

#include "protocol/json_grammar.hpp"
#include "tests/support/node_json.hpp"

namespace distflow::protocol {
namespace {

NodeInfo pong() {
  return {.node_id = "775bfab11e654f63",
          .alias = "pong",
          .host = "localhost",
          .port = 45401,
          .last_heartbeat_ms = 1795374131949};
}

NodeInfo rich() {
  return {.node_id = "n",
          .host = "::1",
          .port = 65535,
          .last_heartbeat_ms = 1,
          .caps = Caps{"control"},
          .meta = {{"a", "\"1\""}, {"", ""}}};
}

Response response_of(const std::string& frame) {
  auto reply = parse_reply(frame);
  EXPECT_TRUE(reply) << frame;
  auto* response = reply ? std::get_if<Response>(&*reply) : nullptr;
  EXPECT_NE(response, nullptr) << frame;
  return response ? std::move(*response) : Response{};
}

Event event_of(const std::string& frame) {
  auto reply = parse_reply(frame);
  EXPECT_TRUE(reply) << frame;
  auto* event = reply ? std::get_if<Event>(&*reply) : nullptr;
  EXPECT_NE(event, nullptr) << frame;
  return event ? std::move(*event) : Event{};
}

TEST(PmdReply, the_texts_that_typescript_clients_compare_are_byte_exact) {
  EXPECT_EQ(error_response(R"("req_1")", kNodeNotFound),
            R"({"type":"response","requestId":"req_1","payload":{"error":"Node not found"}})");
  EXPECT_EQ(error_response("", kUnknownMessageType),
            R"({"type":"response","payload":{"error":"Unknown message type"}})");
  EXPECT_EQ(error_response("7", alias_in_use("x")),
            R"({"type":"response","requestId":7,"payload":{"error":"Alias 'x' already in use"}})");
}

TEST(PmdReply, the_refusal_of_an_alias_names_its_holder_in_a_key_of_ours) {
  const std::string frame = name_in_use_response(R"("r")", alias_in_use("pong"), pong());
  EXPECT_EQ(frame, R"({"type":"response","requestId":"r","payload":{"error":"Alias 'pong' already in use","holder":)"
                   R"({"nodeId":"775bfab11e654f63","alias":"pong","host":"localhost","port":45401,)"
                   R"("lastHeartbeat":1795374131949}}})");
  EXPECT_EQ(response_of(frame).error, "Alias 'pong' already in use");
}

TEST(PmdReply, a_request_without_id_is_answered_without_one) {
  EXPECT_EQ(success_response(""), R"({"type":"response","payload":{"success":true}})");
}

TEST(PmdReply, a_node_is_written_with_our_keys_behind_those_of_typescript) {
  EXPECT_EQ(node_response(R"("r")", node_json(pong())),
            R"({"type":"response","requestId":"r","payload":{"node":{"nodeId":"775bfab11e654f63","alias":"pong",)"
            R"("host":"localhost","port":45401,"lastHeartbeat":1795374131949}}})");
  EXPECT_EQ(node_response("", node_json(rich())),
            R"({"type":"response","payload":{"node":{"nodeId":"n","host":"::1","port":65535,"lastHeartbeat":1,)"
            R"("caps":["control"],"meta":{"a":"\"1\"","":""}}}})");
  EXPECT_EQ(response_of(node_response("", node_json(rich()))).node, rich());
}

TEST(PmdReply, the_user_of_a_node_is_written_last_and_read_again) {
  NodeInfo node = pong();
  for (const std::uint32_t uid : {0U, 1001U, UINT32_MAX - 1}) {
    node.uid = uid;
    const std::string json = node_json(node);
    EXPECT_TRUE(json.ends_with(",\"uid\":" + std::to_string(uid) + "}")) << json;
    EXPECT_EQ(read_node(json), node);
  }
}

TEST(PmdReply, what_can_be_no_user_is_none) {
  for (const char* uid : {"-1", "4294967295", "4294967296", "1.0", "\"0\"", "null", "true", "[0]", "1e1"}) {
    const auto node = read_node(R"({"nodeId":"a","host":"h","port":1,"uid":)" + std::string(uid) + "}");
    ASSERT_TRUE(node) << uid;
    EXPECT_FALSE(node->uid) << uid;
  }
}

TEST(PmdReply, a_list_holds_the_nodes_in_order) {
  NodesResponse none = NodesResponse::to_list(R"("r")");
  EXPECT_EQ(std::move(none).finish(), R"({"type":"response","requestId":"r","payload":{"nodes":[]}})");

  NodesResponse two = NodesResponse::to_list(R"("r")");
  two.add(node_json(pong()));
  two.add(node_json(rich()));
  const Response response = response_of(std::move(two).finish());
  EXPECT_EQ(response.request_id, "r");
  EXPECT_EQ(response.nodes, (std::vector<NodeInfo>{pong(), rich()}));
  EXPECT_FALSE(response.rev);
}

TEST(PmdReply, point_5_the_answer_to_watch_is_success_with_revision_and_nodes) {
  NodesResponse watch = NodesResponse::to_watch(R"("r")", 41);
  watch.add(node_json(pong()));
  const std::string frame = std::move(watch).finish();
  EXPECT_EQ(frame.find(R"({"type":"response","requestId":"r","payload":{"success":true,"rev":41,"nodes":[{)"), 0u);
  const Response response = response_of(frame);
  EXPECT_TRUE(response.success);
  EXPECT_EQ(response.rev, 41u);
  EXPECT_EQ(response.nodes, std::vector<NodeInfo>{pong()});
}

TEST(PmdReply, the_answer_of_a_typescript_pmd_to_watch_is_success_alone) {
  const Response response = response_of(R"({"type":"response","requestId":"req_2","payload":{"success":true}})");
  EXPECT_TRUE(response.success);
  EXPECT_FALSE(response.rev);
  EXPECT_FALSE(response.nodes);
  EXPECT_FALSE(response.error);
}

TEST(PmdReply, events_carry_the_peer_and_the_revision) {
  const std::string join = peer_event(EventKind::join, pong(), 42);
  EXPECT_EQ(join,
            R"({"type":"event","payload":{"event":"peer:join","peer":{"nodeId":"775bfab11e654f63","alias":"pong",)"
            R"("host":"localhost","port":45401,"lastHeartbeat":1795374131949},"rev":42}})");
  EXPECT_EQ(event_of(join).kind, EventKind::join);
  EXPECT_EQ(event_of(join).peer, pong());
  EXPECT_EQ(event_of(join).rev, 42u);
  EXPECT_EQ(event_of(peer_event(EventKind::leave, rich(), 1)).kind, EventKind::leave);
  EXPECT_EQ(event_of(peer_event(EventKind::update, rich(), 1)).kind, EventKind::update);
}

TEST(PmdReply, the_groups_of_a_node_stand_between_its_caps_and_its_meta) {
  NodeInfo node{.node_id = "a", .host = "h", .port = 1, .caps = Caps{"c"}, .groups = {"x", "y"}, .meta = {{"k", "v"}}};
  std::string json;
  append_node(json, node);
  EXPECT_EQ(json,
            R"({"nodeId":"a","host":"h","port":1,"lastHeartbeat":0,"caps":["c"],"groups":["x","y"],"meta":{"k":"v"}})");
  EXPECT_EQ(read_node(json), node);
  // A client takes what it can use.
  EXPECT_EQ(read_node(R"({"nodeId":"a","host":"h","port":1,"groups":"x"})")->groups, Groups{});
  EXPECT_EQ(read_node(R"({"nodeId":"a","host":"h","port":1,"groups":["x",""]})")->groups, Groups{});
}

TEST(PmdReply, the_notice_of_a_shutdown_has_no_peer) {
  EXPECT_EQ(pmd_shutdown_event(), R"({"type":"event","payload":{"event":"pmd:shutdown"}})");
  EXPECT_EQ(event_of(pmd_shutdown_event()).kind, EventKind::pmd_shutdown);
}

TEST(PmdReply, events_that_are_not_understood_are_unknown) {
  for (const char* payload : {R"({"event":"peer:moved","peer":{"nodeId":"a","host":"h","port":1}})", "{}",
                              R"({"event":7})", R"({"event":"peer:join"})", R"({"event":"peer:join","peer":{}})",
                              R"({"event":"peer:leave","peer":{"nodeId":"a","host":"h","port":0}})"}) {
    EXPECT_EQ(event_of(std::string(R"({"type":"event","payload":)") + payload + "}").kind, EventKind::unknown)
        << payload;
  }
}

TEST(PmdReply, a_question_of_each_kind_is_read_as_it_was_written_and_one_of_a_later_kind_as_unknown) {
  for (const StatsKind kind : {StatsKind::counters, StatsKind::dead_letters, StatsKind::redrive, StatsKind::unknown}) {
    const StatsPart part{.node_id = "id", .id = 7, .after = 9, .size_max = 100, .what = kind};
    EXPECT_EQ(event_of(stats_ask_event(part)).part, part);
  }
}

TEST(PmdReply, a_question_for_stats_says_whose_and_which_part) {
  const StatsPart part{.node_id = "a\"b", .id = 7, .after = 57, .size_max = 32768};
  const std::string frame = stats_ask_event(part);
  EXPECT_EQ(frame, R"({"type":"event","payload":{"event":"stats:ask","nodeId":"a\"b","id":7,"after":57,"max":32768}})");
  EXPECT_EQ(event_of(frame).kind, EventKind::stats_ask);
  EXPECT_EQ(event_of(frame).part, part);
  EXPECT_EQ(event_of(R"({"type":"event","payload":{"event":"stats:ask","id":-1,"max":"x"}})").part, StatsPart{});
}

TEST(PmdReply, stats_come_with_their_node_and_as_the_node_has_told_them) {
  const std::string frame = stats_response(R"("s")", R"({"nodeId":"a","host":"h","port":1})", R"({"at": 1})");
  EXPECT_EQ(
      frame,
      R"({"type":"response","requestId":"s","payload":{"node":{"nodeId":"a","host":"h","port":1},"stats":{"at": 1}}})");
  EXPECT_EQ(response_of(frame).stats, R"({"at": 1})");
  EXPECT_EQ(response_of(frame).node->node_id, "a");
  EXPECT_FALSE(response_of(R"({"type":"response","payload":{"stats":[1]}})").stats);
}

TEST(PmdReply, hello_tells_the_release_where_there_is_one) {
  const Hello hello = {.version = 1, .caps = {}, .pid = 7, .start_time_ms = 1, .release = "0.1.0"};
  EXPECT_EQ(response_of(hello_response(R"("h")", hello)).hello, hello);
}

TEST(PmdReply, hello_tells_version_caps_process_and_start) {
  const Hello hello = {.version = 1, .caps = {"a"}, .pid = 77, .start_time_ms = 1795374131949};
  const std::string frame = hello_response(R"("h")", hello);
  EXPECT_EQ(
      frame,
      R"({"type":"response","requestId":"h","payload":{"version":1,"caps":["a"],"pid":77,"startTime":1795374131949}})");
  EXPECT_EQ(response_of(frame).hello, hello);
  EXPECT_FALSE(response_of(error_response("", kUnknownMessageType)).hello);
}

TEST(PmdReply, a_client_is_tolerant_of_what_it_does_not_know) {
  const Response response = response_of(
      R"({"v":2,"payload":{"node":{"x":[1],"port":1,"host":"h","nodeId":"a","alias":null,"caps":7,"meta":[]},"y":{}},)"
      R"("requestId":7,"type":"response"})");
  EXPECT_EQ(response.request_id, "");
  EXPECT_EQ(response.node, (NodeInfo{.node_id = "a", .host = "h", .port = 1}));
}

TEST(PmdReply, an_unusable_node_in_a_list_does_not_hide_the_others) {
  const Response response = response_of(
      R"({"type":"response","payload":{"nodes":[{"nodeId":"a","host":"h","port":1},{},7,{"nodeId":"b","host":"h","port":-1},)"
      R"({"nodeId":"c","host":"h","port":2}]}})");
  ASSERT_EQ(response.nodes->size(), 2u);
  EXPECT_EQ(response.nodes->back().node_id, "c");
}

TEST(PmdReply, what_is_no_message_of_a_pmd_is_malformed) {
  for (const char* frame : {"", "{}", "null", "[]", R"({"type":"response"})", R"({"type":"event","payload":7})",
                            R"({"type":"x","payload":{}})", R"({"type":"response","payload":[]})",
                            R"({"type":"response","payload":{"success":true,"success":false}})",
                            R"({"type":"response","payload":{}} x)", R"({"type":"response","payload":{tru}})"}) {
    const auto reply = parse_reply(frame);
    ASSERT_FALSE(reply) << frame;
    EXPECT_EQ(reply.error(), Errc::malformed);
  }
}

TEST(PmdReply, what_the_pmd_writes_is_json_whatever_the_alias) {
  EXPECT_TRUE(is_json(error_response("null", alias_in_use("\"\\\n\x1F\xE2\x98\x83"))));
}

}  // namespace
}  // namespace distflow::protocol
