// What the TypeScript implementation was recorded to say and hear, against what is written and read here.
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "protocol/pmd_reply.hpp"
#include "protocol/pmd_request.hpp"
#include "tests/support/node_json.hpp"

namespace distflow::protocol {
namespace {

/// The messages of a recording that go one way: '>' to the PMD, '<' from it.
std::vector<std::string> recorded(const char* file_name, char way) {
  std::ifstream file(std::string(DISTFLOW_TEST_DATA "/") + file_name);
  std::vector<std::string> messages;
  for (std::string line; std::getline(file, line);) {
    const std::size_t json_at = line.find('{');
    if (json_at != std::string::npos && line.find(way) < json_at) messages.push_back(line.substr(json_at));
  }
  return messages;
}

constexpr const char* kRecordings[] = {"typescript-first-release.log", "typescript-latest.log"};

std::string written_again(const Request& request) {
  const std::string id(request.raw_request_id.substr(1, request.raw_request_id.size() - 2));
  switch (request.type) {
    case RequestType::register_node: return register_request(id, request.registration);
    case RequestType::unregister: return unregister_request(id, request.name);
    case RequestType::resolve: return resolve_request(id, request.name);
    case RequestType::list: return list_request(id);
    case RequestType::heartbeat: return heartbeat_request(id, request.name);
    case RequestType::watch: return watch_request(id);
    case RequestType::shutdown: return shutdown_request(id);
    case RequestType::hello: return hello_request(id, request.hello);
    case RequestType::stats:
    case RequestType::stats_answer:
    case RequestType::regroup:
    case RequestType::web:
    case RequestType::unknown: return "unknown";
  }
  return "unknown";
}

TEST(PmdRecorded, requests_of_typescript_clients_are_understood_and_ours_are_the_same_bytes) {
  for (const char* file : kRecordings) {
    const auto messages = recorded(file, '>');
    ASSERT_GT(messages.size(), 8u);
    for (const std::string& message : messages) {
      const auto request = parse_request(message);
      ASSERT_TRUE(request) << message;
      EXPECT_EQ(request->refusal, "");
      EXPECT_EQ(written_again(*request), message);
    }
  }
}

std::string written_again(const Response& response) {
  const std::string id = '"' + response.request_id + '"';
  if (response.error) return error_response(id, *response.error);
  if (response.node) return node_response(id, node_json(*response.node));
  if (!response.nodes) return success_response(id);
  NodesResponse nodes = NodesResponse::to_list(id);
  for (const NodeInfo& node : *response.nodes) nodes.add(node_json(node));
  return std::move(nodes).finish();
}

/// Our events have one key more.
std::string without_rev(std::string event) {
  const std::size_t rev = event.find(",\"rev\":");
  return event.substr(0, rev) + "}}";
}

TEST(PmdRecorded, answers_and_events_of_the_typescript_pmd_are_understood_and_ours_are_the_same_bytes) {
  for (const char* file : kRecordings) {
    const auto messages = recorded(file, '<');
    ASSERT_GT(messages.size(), 8u);
    for (const std::string& message : messages) {
      const auto reply = parse_reply(message);
      ASSERT_TRUE(reply) << message;
      if (const auto* response = std::get_if<Response>(&*reply)) {
        EXPECT_EQ(written_again(*response), message);
      } else {
        const Event& event = *std::get_if<Event>(&*reply);
        EXPECT_EQ(without_rev(peer_event(event.kind, event.peer, 1)), message);
      }
    }
  }
}

}  // namespace
}  // namespace distflow::protocol
