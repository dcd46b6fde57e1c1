#include "protocol/node_text.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "tests/support/node_json.hpp"

namespace distflow::protocol {
namespace {

NodeInfo node() {
  return {.node_id = "id", .alias = "pong", .host = "127.0.0.1", .port = 45401, .last_heartbeat_ms = 1'795'374'131'949};
}

TEST(NodeText, it_is_the_json_of_the_node_however_large) {
  NodeInfo grown = node();
  NodeText text;
  for (int size = 0; size < 300; ++size) {
    grown.meta = {{"key", std::string(static_cast<std::size_t>(size), 'x')}};
    text.write(grown);
    EXPECT_EQ(text.json(), node_json(grown));
  }
  text.write(node());
  EXPECT_EQ(text.json(), node_json(node()));
}

TEST(NodeText, moved_it_leaves_no_text_behind) {
  for (const Meta& meta : {Meta{}, Meta{{"key", std::string(256, 'x')}}}) {
    NodeInfo moving = node();
    moving.meta = meta;
    NodeText text;
    text.write(moving);
    NodeText moved = std::move(text);
    EXPECT_EQ(moved.json(), node_json(moving));
    EXPECT_EQ(text.json(), "");  // NOLINT(bugprone-use-after-move)
  }
}

TEST(NodeText, a_heartbeat_is_written_in_place_if_it_has_as_many_digits) {
  for (const Meta& meta : {Meta{}, Meta{{"key", std::string(256, 'x')}}}) {
    NodeInfo beating = node();
    beating.meta = meta;
    NodeText text;
    text.write(beating);
    const char* const place = text.json().data();
    beating.last_heartbeat_ms += 5;
    EXPECT_TRUE(text.write_heartbeat(beating.last_heartbeat_ms));
    EXPECT_EQ(text.json(), node_json(beating));
    EXPECT_EQ(text.json().data(), place);
    EXPECT_FALSE(text.write_heartbeat(9));
    EXPECT_FALSE(text.write_heartbeat(-1'795'374'131'949));
    EXPECT_EQ(text.json(), node_json(beating));
  }
}

TEST(NodeText, what_stands_before_the_heartbeat_names_the_node) {
  NodeText text;
  text.write(node());
  EXPECT_EQ(text.before_heartbeat(),
            R"({"nodeId":"id","alias":"pong","host":"127.0.0.1","port":45401,"lastHeartbeat":)");
}

}  // namespace
}  // namespace distflow::protocol
