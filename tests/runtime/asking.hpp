// Nodes over one loop that ask each other, and a peer whose frames a test writes by hand.
//
// One thread. What each request ended with is in `replies`.
// Use: class MyTest : public Asking {}; ... ask(ping, "pong", "1"); cluster_.turn_until(...);
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <distflow/ask.hpp>

#include "protocol/envelope.hpp"
#include "runtime/ask/ask_id.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/node_frames.hpp"
#include "tests/support/sockets.hpp"

namespace distflow::test {

using namespace std::chrono_literals;
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
  /// The request in the next frame of `bytes`, which `receive` adds to; id zero when it is none.
  protocol::AskMembers next_request_in(std::string& bytes, const std::function<void()>& receive) {
    std::string body;
    EXPECT_TRUE(cluster_.turn_until([&] {
      receive();
      if (bytes.size() < framing::kHeaderSize) return false;
      const std::size_t size = framing::kHeaderSize + framing::read_header(bytes.data());
      if (bytes.size() < size) return false;
      body = bytes.substr(framing::kHeaderSize, size - framing::kHeaderSize);
      bytes.erase(0, size);
      return true;
    }));
    protocol::Envelope envelope;
    EXPECT_TRUE(protocol::decode_template(body, envelope)) << body;
    return read_ask_members(envelope.extension, envelope.has_payload());
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
    return next_request_in(bytes_, [this] {
      if (is_readable(listener_.fd())) peer_.emplace(listener_.accept());
      if (peer_ && is_readable(peer_->fd())) bytes_ += peer_->receive();
    });
  }
  /// Requests that have ended were lost with their connection before they could run; all `count` end when it leaves.
  void expect_lost_before_they_ran(std::size_t count) {
    for (const KeptReply& reply : replies) {
      EXPECT_EQ(reply.error, AskError::connection_lost) << to_string(reply.error);
      EXPECT_FALSE(reply.may_have_run);
    }
    ping_->directory().remove("raw");
    EXPECT_TRUE(cluster_.turn_until([&] { return replies.size() == count; }));
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

}  // namespace distflow::test
