#include "protocol/pmd_request.hpp"

#include <gtest/gtest.h>

#include <string>

#include "protocol/json_grammar.hpp"

namespace distflow::protocol {
namespace {

Request parsed(const std::string& frame) {
  auto request = parse_request(frame);
  EXPECT_TRUE(request) << frame;
  return request ? std::move(*request) : Request{};
}

std::string registering(const std::string& payload) { return R"({"type":"register","payload":)" + payload + "}"; }

/// "" when the registration is accepted.
std::string refusal_of(const std::string& payload) { return parsed(registering(payload)).refusal; }

Registration full_registration() {
  return {.node = {.node_id = "a75556136956cff0",
                   .alias = "pi\"ng",
                   .host = "127.0.0.1",
                   .port = 40557,
                   .caps = Caps{"control", "b\\"},
                   .meta = {{"version", "1"}, {"k\n", ""}}},
          .ttl_ms = 60'000};
}

TEST(PmdRequest, each_type_is_told_and_any_other_is_unknown) {
  const std::pair<const char*, RequestType> kTypes[] = {
      {R"("register")", RequestType::register_node},
      {R"("unregister")", RequestType::unregister},
      {R"("resolve")", RequestType::resolve},
      {R"("list")", RequestType::list},
      {R"("heartbeat")", RequestType::heartbeat},
      {R"("watch")", RequestType::watch},
      {R"("shutdown")", RequestType::shutdown},
      {R"("hello")", RequestType::hello},
      {R"("stats")", RequestType::stats},
      {R"("stats:answer")", RequestType::stats_answer},
      {R"("regroup")", RequestType::regroup},
      {R"("web")", RequestType::web},
      {R"("\u006cist")", RequestType::list},
      {R"("LIST")", RequestType::unknown},
      {R"("")", RequestType::unknown},
      {"7", RequestType::unknown},
      {"null", RequestType::unknown},
      {R"(["list"])", RequestType::unknown},
  };
  for (const auto& [json, type] : kTypes) {
    EXPECT_EQ(parsed(std::string(R"({"type":)") + json + R"(,"payload":{}})").type, type) << json;
  }
  EXPECT_EQ(parsed("{}").type, RequestType::unknown);
}

TEST(PmdRequest, a_port_for_the_page_is_one_that_can_be_listened_at_or_none) {
  EXPECT_EQ(parsed(web_request("r", 4370)).type, RequestType::web);
  EXPECT_EQ(parsed(web_request("r", 4370)).web_port, 4370);
  EXPECT_EQ(parsed(web_request("r", 65535)).web_port, 65535);
  for (const char* port : {"0", "-1", "65536", "4370.5", "1e3", R"("4370")", "null", "99999999999999999999"}) {
    EXPECT_EQ(parsed(std::string(R"({"type":"web","payload":{"port":)") + port + "}}").web_port, 0) << port;
  }
  for (const char* payload : {"{}", "[]", "4370", R"({"port":1,"port":2})"})
    EXPECT_EQ(parsed(std::string(R"({"type":"web","payload":)") + payload + "}").web_port, 0) << payload;
}

TEST(PmdRequest, the_request_id_is_kept_as_it_came) {
  for (const char* id : {R"("req_1")", "7", "null", "1e400", R"({"a": [1, 2]})", R"("\u0041\ud800")", R"("")"}) {
    const std::string frame = std::string(R"({"requestId": )") + id + R"( ,"type":"list"})";
    EXPECT_EQ(parsed(frame).raw_request_id, id);
  }
  EXPECT_EQ(parsed(R"({"type":"list","payload":{}})").raw_request_id, "");
}

TEST(PmdRequest, what_is_no_json_object_is_malformed) {
  for (const char* frame : {"", "null", "1", "[]", "{", R"({"type":"list")", R"({"type":list})", R"({"type":"list",})",
                            R"({"type":"list"}{})", R"({"type":"list","requestId":tru})", "GET / HTTP/1.1\r\n",
                            "{\"type\":\"list\"}\xFF", R"({"type":"list","type":"shutdown"})",
                            R"({"type":"list","payload":{},"payload":{}})", R"({"requestId":1,"requestId":2})"}) {
    const auto request = parse_request(frame);
    ASSERT_FALSE(request) << frame;
    EXPECT_EQ(request.error(), Errc::malformed);
  }
  EXPECT_FALSE(parse_request(std::string_view("{}\0", 3)));
}

TEST(PmdRequest, nesting_and_numbers_beyond_reason_do_no_harm) {
  EXPECT_FALSE(parse_request(std::string(60'000, '[')));
  EXPECT_FALSE(parse_request(R"({"type":"list","payload":)" + std::string(60'000, '[') + "}"));
  EXPECT_EQ(refusal_of(R"({"nodeId":"a","host":"h","port":1e-2147483648})"),
            "Invalid registration: port is not an integer from 1 to 65535");
  EXPECT_EQ(refusal_of(R"({"nodeId":"a","host":"h","port":1,"x":0.)" + std::string(400, '0') + "1e-2147483639}"), "");
  EXPECT_EQ(refusal_of(R"({"nodeId":"a","host":"h","port":1,"ttl":)" + std::string(60'000, '9') + "}"),
            "Invalid registration: ttl is not a positive integer");
}

TEST(PmdRequest, a_registration_is_read_in_full) {
  const Registration registration = full_registration();
  const Request request = parsed(register_request("r", registration));
  EXPECT_EQ(request.type, RequestType::register_node);
  EXPECT_EQ(request.refusal, "");
  EXPECT_EQ(request.registration, registration);
  EXPECT_TRUE(request.registration.node.has_cap("control"));
  EXPECT_FALSE(request.registration.node.has_cap("other"));
}

TEST(PmdRequest, the_groups_of_a_registration_are_read_each_once) {
  Registration registration = full_registration();
  registration.node.groups = {"workers", "topic:pri\"ces"};
  EXPECT_EQ(parsed(register_request("r", registration)).registration, registration);
  const std::string twice = R"({"nodeId":"a","host":"h","port":1,"groups":["x","y","x"]})";
  EXPECT_EQ(parsed(registering(twice)).registration.node.groups, (Groups{"x", "y"}));
}

TEST(PmdRequest, a_change_of_groups_is_read_as_it_was_written) {
  const GroupChange change{.join = {"workers", "w\n"}, .leave = {"topic:prices"}};
  const Request request = parsed(regroup_request("r", "n1", change));
  EXPECT_EQ(request.name, "n1");
  EXPECT_EQ(request.groups, change);
  EXPECT_EQ(request.refusal, "");
  EXPECT_TRUE(parsed(R"({"type":"regroup","payload":{"nodeId":"n1"}})").groups.empty());
  EXPECT_EQ(parsed(R"({"type":"regroup","payload":{"nodeId":"n1","join":[7]}})").refusal,
            "Invalid groups: join is not an array of at most 64 strings of 1 to 256 bytes");
  EXPECT_EQ(parsed(R"({"type":"regroup","payload":["n1"]})").name, "");
}

TEST(PmdRequest, a_registration_of_a_typescript_node_has_no_caps) {
  const Request request = parsed(registering(R"({"nodeId":"a","alias":"b","host":"localhost","port":1})"));
  EXPECT_EQ(request.refusal, "");
  EXPECT_FALSE(request.registration.node.caps);
  EXPECT_FALSE(request.registration.node.has_cap("control"));
  EXPECT_FALSE(request.registration.ttl_ms);
}

TEST(PmdRequest, a_registration_names_no_user_whatever_it_says) {
  for (const char* uid : {"0", "1000", "\"root\"", "null", R"(0,"uid":1)"}) {
    const Request request =
        parsed(registering(R"({"nodeId":"a","host":"h","port":1,"caps":[],"uid":)" + std::string(uid) + "}"));
    EXPECT_EQ(request.refusal, "") << uid;
    EXPECT_FALSE(request.registration.node.uid) << uid;
  }
  Registration own = full_registration();
  own.node.uid = 1000;
  EXPECT_EQ(register_request("r", own).find("uid"), std::string::npos);
}

TEST(PmdRequest, an_empty_or_null_alias_means_none) {
  for (const char* alias : {R"("")", "null"}) {
    const Request request =
        parsed(registering(std::string(R"({"nodeId":"a","host":"h","port":1,"alias":)") + alias + "}"));
    EXPECT_EQ(request.refusal, "") << alias;
    EXPECT_FALSE(request.registration.node.alias);
  }
}

TEST(PmdRequest, point_14_a_registration_without_usable_node_id_host_or_port_is_refused_with_what_is_wrong) {
  const std::string node_id = "Invalid registration: nodeId is not a string of 1 to 256 bytes";
  const std::string host = "Invalid registration: host is not a string of 1 to 255 bytes";
  const std::string port = "Invalid registration: port is not an integer from 1 to 65535";
  const std::string alias = "Invalid registration: alias is not a string of 1 to 256 bytes";
  EXPECT_EQ(refusal_of("{}"), node_id);
  EXPECT_EQ(refusal_of(R"({"nodeId":"","host":"h","port":1})"), node_id);
  EXPECT_EQ(refusal_of(R"({"nodeId":7,"host":"h","port":1})"), node_id);
  EXPECT_EQ(refusal_of(R"({"nodeId":")" + std::string(257, 'n') + R"(","host":"h","port":1})"), node_id);
  EXPECT_EQ(refusal_of(R"({"nodeId":"\ud800","host":"h","port":1})"), node_id);
  EXPECT_EQ(refusal_of(R"({"nodeId":"a","port":1})"), host);
  EXPECT_EQ(refusal_of(R"({"nodeId":"a","host":"","port":1})"), host);
  EXPECT_EQ(refusal_of(R"({"nodeId":"a","host":null,"port":1})"), host);
  EXPECT_EQ(refusal_of(R"({"nodeId":"a","host":")" + std::string(256, 'h') + R"(","port":1})"), host);
  EXPECT_EQ(refusal_of(R"({"nodeId":"a","host":"h","port":1,"alias":7})"), alias);
  EXPECT_EQ(refusal_of(R"({"nodeId":"a","host":"h","port":1,"alias":")" + std::string(257, 'a') + R"("})"), alias);
  for (const char* bad : {"0", "65536", "-1", "1.5", "1e3", R"("80")", "null", "99999999999999999999"}) {
    EXPECT_EQ(refusal_of(std::string(R"({"nodeId":"a","host":"h","port":)") + bad + "}"), port) << bad;
  }
  EXPECT_EQ(refusal_of(R"({"nodeId":"a","host":"h"})"), port);
  EXPECT_EQ(refusal_of(R"({"nodeId":"a","host":"h","port":65535})"), "");
  EXPECT_EQ(
      refusal_of(R"({"nodeId":")" + std::string(256, 'n') + R"(","host":")" + std::string(255, 'h') + R"(","port":1})"),
      "");
}

TEST(PmdRequest, a_registration_whose_payload_is_no_object_is_refused) {
  const std::string what = "Invalid registration: payload is not an object, or has a key twice";
  EXPECT_EQ(refusal_of("[]"), what);
  EXPECT_EQ(refusal_of("null"), what);
  EXPECT_EQ(refusal_of(R"({"nodeId":"a","nodeId":"b","host":"h","port":1})"), what);
  EXPECT_EQ(parsed(R"({"type":"register"})").refusal, what);
}

TEST(PmdRequest, ttl_caps_and_meta_are_bounded) {
  const auto with = [](const std::string& extra) { return R"({"nodeId":"a","host":"h","port":1,)" + extra + "}"; };
  const auto repeated = [](const std::string& text, int count) {
    std::string all;
    for (int i = 0; i < count; ++i) all += (i == 0 ? "" : ",") + text;
    return all;
  };
  const std::string ttl = "Invalid registration: ttl is not a positive integer";
  const std::string caps = "Invalid registration: caps is not an array of at most 32 strings of at most 64 bytes";
  const std::string meta = "Invalid registration: meta is not an object of at most 32 strings of at most 256 bytes";
  for (const char* bad : {"0", "-1", "1.5", R"("1")", "null"})
    EXPECT_EQ(refusal_of(with("\"ttl\":" + std::string(bad))), ttl);
  EXPECT_EQ(refusal_of(with("\"ttl\":1")), "");
  for (const char* bad : {"{}", "null", "[1]", R"("a")", R"([["a"]])"}) {
    EXPECT_EQ(refusal_of(with("\"caps\":" + std::string(bad))), caps) << bad;
  }
  EXPECT_EQ(refusal_of(with("\"caps\":[]")), "");
  EXPECT_EQ(refusal_of(with("\"caps\":[" + repeated("\"c\"", 32) + "]")), "");
  EXPECT_EQ(refusal_of(with("\"caps\":[" + repeated("\"c\"", 33) + "]")), caps);
  EXPECT_EQ(refusal_of(with("\"caps\":[\"" + std::string(65, 'c') + "\"]")), caps);
  for (const char* bad : {"[]", "null", R"({"a":1})", R"({"a":{}})"}) {
    EXPECT_EQ(refusal_of(with("\"meta\":" + std::string(bad))), meta) << bad;
  }
  EXPECT_EQ(refusal_of(with("\"meta\":{" + repeated(R"("k":"v")", 32) + "}")), "");
  EXPECT_EQ(refusal_of(with("\"meta\":{" + repeated(R"("k":"v")", 33) + "}")), meta);
  EXPECT_EQ(refusal_of(with(R"("meta":{"k":")" + std::string(257, 'v') + R"("})")), meta);
  EXPECT_EQ(refusal_of(with("\"meta\":{\"" + std::string(257, 'k') + R"(":""})")), meta);
}

TEST(PmdRequest, names_that_no_node_could_have_are_empty) {
  for (const char* payload : {"{}", "null", "[]", R"({"nodeId":7,"alias":7})", R"({"nodeId":"","alias":""})",
                              R"({"nodeId":"a","nodeId":"b","alias":"a","alias":"b"})"}) {
    for (const char* type : {"unregister", "heartbeat", "resolve"}) {
      EXPECT_EQ(parsed(std::string(R"({"type":")") + type + R"(","payload":)" + payload + "}").name, "");
    }
  }
  EXPECT_EQ(parsed(R"({"type":"resolve","payload":{"alias":"b","nodeId":"x"}})").name, "b");
  EXPECT_EQ(parsed(R"({"type":"heartbeat","payload":{"alias":"b","nodeId":"x"}})").name, "x");
}

TEST(PmdRequest, hello_tells_version_and_caps) {
  const std::string frame = hello_request("req_1", {.version = 1, .caps = {"control"}});
  EXPECT_EQ(frame, R"({"type":"hello","payload":{"version":1,"caps":["control"]},"requestId":"req_1"})");
  const Request request = parsed(frame);
  EXPECT_EQ(request.hello, (Hello{.version = 1, .caps = {"control"}}));
  EXPECT_EQ(parsed(R"({"type":"hello"})").hello, Hello{});
}

TEST(PmdRequest, stats_names_a_node_and_the_part_that_is_wanted) {
  EXPECT_EQ(stats_request("req_1", "pong", 0), R"({"type":"stats","payload":{"node":"pong"},"requestId":"req_1"})");
  const Request request = parsed(stats_request("req_1", "po\"ng", 57));
  EXPECT_EQ(request.name, "po\"ng");
  EXPECT_EQ(request.part.after, 57u);
  for (const char* after : {"-1", "1.5", "null", R"("7")", "1e400"}) {
    EXPECT_EQ(parsed(std::string(R"({"type":"stats","payload":{"node":"a","after":)") + after + "}}").part.after, 0u);
  }
}

TEST(PmdRequest, stats_says_what_is_wanted_unless_it_is_the_counters) {
  EXPECT_EQ(stats_request("r", "a", 7, StatsKind::dead_letters),
            R"({"type":"stats","payload":{"node":"a","after":7,"what":"dead-letters"},"requestId":"r"})");
  for (const StatsKind kind : {StatsKind::counters, StatsKind::dead_letters, StatsKind::redrive, StatsKind::unknown})
    EXPECT_EQ(parsed(stats_request("r", "a", 0, kind)).part.what, kind);
  for (const char* what : {R"("later")", "7", "null", R"("")"}) {
    const std::string odd = std::string(R"({"type":"stats","payload":{"node":"a","what":)") + what + "}}";
    EXPECT_EQ(parsed(odd).part.what, StatsKind::unknown) << odd;
  }
}

TEST(PmdRequest, an_answer_to_stats_has_its_object_as_it_came) {
  EXPECT_EQ(stats_answer(7, R"({"a": [1]})"), R"({"type":"stats:answer","payload":{"id":7,"stats":{"a": [1]}}})");
  const std::string frame = stats_answer(7, R"({"a": [1]})");
  EXPECT_EQ(parsed(frame).part.id, 7u);
  EXPECT_EQ(parsed(frame).raw_stats, R"({"a": [1]})");
  EXPECT_EQ(stats_answer(7, ""), R"({"type":"stats:answer","payload":{"id":7}})");
  for (const char* payload : {"7", "{}", R"({"id":-7,"stats":[]})", R"({"id":"7","stats":null})"}) {
    const std::string odd = std::string(R"({"type":"stats:answer","payload":)") + payload + "}";
    EXPECT_EQ(parsed(odd).part.id, 0u) << odd;
    EXPECT_EQ(parsed(odd).raw_stats, "") << odd;
  }
}

TEST(PmdRequest, what_a_client_writes_is_json_whatever_the_text) {
  const std::string odd = "\"\\\n\x01\xC3\xA9'";
  for (const std::string& frame : {resolve_request(odd, odd), heartbeat_request(odd, odd), unregister_request(odd, odd),
                                   register_request(odd, full_registration()), hello_request(odd, {.caps = {odd}})}) {
    EXPECT_TRUE(is_json(frame)) << frame;
  }
  EXPECT_EQ(parsed(resolve_request("r", odd)).name, odd);
}

}  // namespace
}  // namespace distflow::protocol
