// The faults of the mesh for the tests of applications: each does what it says, and ends.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <distflow/ask.hpp>
#include <distflow/testing.hpp>

namespace distflow::testing {
namespace {

using namespace std::chrono_literals;

/// A client, and a service that answers and counts.
struct MeshFaults : public ::testing::Test {
  MeshFaults() { serve(orders); }

  void serve(NodeRuntime& node, int payload_max = 1000) {
    node.on_message([this, payload_max](const Message& message) {
      if (std::stoi(std::string(message.payload)) <= payload_max) handled.push_back(std::string(message.payload));
    });
    node.on_request([](const Request& request, Responder responder) { responder.reply(request.payload); });
  }
  AskError ask(std::chrono::milliseconds deadline = 1s) {
    const auto reply = ask_and_wait(client, "orders", "1", {.deadline = deadline});
    return reply ? reply->error : AskError::not_sent;
  }

  std::vector<std::string> handled;
  Mesh mesh;
  NodeRuntime client = mesh.node("client");
  NodeRuntime orders = mesh.node("orders");
};

TEST_F(MeshFaults, nothing_passes_a_partition_and_what_was_under_way_comes_after_it) {
  ASSERT_EQ(ask(), AskError::none);
  mesh.partition("client", "orders");
  EXPECT_EQ(ask(), AskError::deadline);
  client.send("orders", "7");
  mesh.run_for(1s);
  EXPECT_TRUE(handled.empty());
  mesh.heal();
  EXPECT_TRUE(mesh.run_until([&] { return handled.size() == 1; }, 5s));
  EXPECT_EQ(ask(), AskError::none);
}

TEST_F(MeshFaults, who_is_isolated_reaches_nobody_and_a_node_that_starts_later_neither) {
  mesh.isolate("orders");
  EXPECT_NE(ask(), AskError::none);
  auto late = mesh.node("late");
  const auto reply = ask_and_wait(late, "orders", "1", {.deadline = 1s});
  EXPECT_FALSE(reply && *reply);
  mesh.heal();
  EXPECT_TRUE(mesh.run_until([&] { return ask() == AskError::none; }, 30s));
}

TEST_F(MeshFaults, a_delay_is_added_each_way) {
  ASSERT_EQ(ask(), AskError::none);
  mesh.delay("client", "orders", 100ms);
  auto before = mesh.now();
  EXPECT_EQ(ask(), AskError::none);
  EXPECT_GE(mesh.now() - before, 200ms);
  mesh.heal();
  before = mesh.now();
  EXPECT_EQ(ask(), AskError::none);
  EXPECT_LT(mesh.now() - before, 100ms);
}

TEST_F(MeshFaults, a_killed_node_is_gone_at_once_and_another_may_have_its_name) {
  mesh.kill("orders");
  EXPECT_FALSE(orders.is_running());
  EXPECT_TRUE(mesh.run_until([&] { return client.discover()->empty(); }, 1s));
  client.send("orders", "5");  // waits for the name
  orders = mesh.node("orders");
  serve(orders);
  mesh.run_for(1s);
  EXPECT_EQ(ask(), AskError::none);
}

TEST_F(MeshFaults, a_killed_node_calls_no_handler_any_more) {
  for (int i = 0; i < 20; ++i) client.send("orders", std::to_string(i));
  ASSERT_TRUE(mesh.run_until([&] { return !handled.empty(); }, 5s));
  mesh.kill("orders");
  const auto count = handled.size();
  mesh.run_for(5s);
  EXPECT_EQ(handled.size(), count);
}

TEST_F(MeshFaults, of_a_machine_that_is_gone_others_hear_when_its_time_is_over) {
  mesh.vanish("orders");
  mesh.run_for(10s);
  EXPECT_EQ(client.discover()->size(), 1U);
  EXPECT_TRUE(mesh.run_until([&] { return client.discover()->empty(); }, 2min));
}

TEST_F(MeshFaults, a_handler_may_have_its_own_node_killed) {
  orders.on_message([&](const Message& message) {
    handled.emplace_back(message.payload);
    mesh.kill("orders");
  });
  client.send("orders", "1");
  EXPECT_TRUE(mesh.run_until([&] { return client.discover()->empty(); }, 5s));
  EXPECT_EQ(handled.size(), 1U);
}

TEST_F(MeshFaults, a_paused_node_does_nothing_until_it_is_resumed) {
  ASSERT_EQ(ask(), AskError::none);
  mesh.pause("orders");
  EXPECT_EQ(ask(), AskError::deadline);
  client.send("orders", "7");
  mesh.run_for(1s);
  EXPECT_TRUE(handled.empty());
  mesh.resume("orders");
  EXPECT_TRUE(mesh.run_until([&] { return handled.size() == 1; }, 5s));
}

TEST_F(MeshFaults, what_was_under_way_is_lost_with_broken_connections_which_are_opened_again) {
  ASSERT_EQ(ask(), AskError::none);
  std::vector<AskError> ends;
  client.ask("orders", "1", {.deadline = 1s}, [&](const Reply& reply) { ends.push_back(reply.error); });
  mesh.run_for(1us);
  mesh.break_connections("client", "orders");
  EXPECT_TRUE(mesh.run_until([&] { return ends.size() == 1; }, 5s));
  EXPECT_EQ(ends.front(), AskError::deadline);  // it was handed over, and may have run
  EXPECT_TRUE(mesh.run_until([&] { return ask() == AskError::none; }, 5s));
}

TEST_F(MeshFaults, a_mailbox_that_is_held_fills_and_its_policy_decides) {
  auto slow = mesh.node(NodeOptions{.alias = "slow", .mailbox = {.max_size = 3, .overflow = Overflow::drop_oldest}});
  serve(slow);
  mesh.hold_messages("slow");
  for (int i = 0; i < 10; ++i) client.send("slow", std::to_string(i));
  mesh.run_for(1s);
  EXPECT_TRUE(handled.empty());
  mesh.release_messages("slow");
  EXPECT_TRUE(mesh.run_until([&] { return handled.size() == 3; }, 1s));
  EXPECT_EQ(handled, (std::vector<std::string>{"7", "8", "9"}));
  client.send("slow", "10");
  EXPECT_TRUE(mesh.run_until([&] { return handled.size() == 4; }, 1s));
}

TEST_F(MeshFaults, a_handler_that_is_set_while_messages_are_held_gets_them_when_they_are_released) {
  mesh.hold_messages("orders");
  client.send("orders", "1");
  mesh.run_for(1s);
  std::vector<std::string> seen;
  orders.on_message([&](const Message& message) { seen.emplace_back(message.payload); });
  mesh.run_for(1s);
  EXPECT_TRUE(seen.empty());
  mesh.release_messages("orders");
  EXPECT_TRUE(mesh.run_until([&] { return seen.size() == 1; }, 1s));
  EXPECT_TRUE(handled.empty());
}

TEST_F(MeshFaults, nodes_work_on_without_a_pmd_and_register_with_the_next_one) {
  ASSERT_EQ(ask(), AskError::none);
  std::vector<bool> told;
  client.on_registration([&](const RegistrationChange& change) { told.push_back(change.is_registered); });
  mesh.run_for(1ms);
  mesh.kill(Mesh::kPmd);
  EXPECT_TRUE(mesh.run_until([&] { return told.size() == 1; }, 5s));
  EXPECT_EQ(ask(), AskError::none);
  mesh.start_pmd();
  mesh.start_pmd();  // there is one
  EXPECT_TRUE(mesh.run_until([&] { return told.size() == 2; }, 30s));
  EXPECT_EQ(told, (std::vector<bool>{false, true}));
  EXPECT_EQ(ask(), AskError::none);
}

}  // namespace
}  // namespace distflow::testing
