// The mesh for the tests of applications: that it is one thread in virtual time, that a seed replays, and what misuse
// says. Its faults: mesh_faults_test.cpp.
#include <distflow/testing.hpp>

#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <distflow/ask.hpp>
#include <distflow/group.hpp>

namespace distflow::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

void echo(NodeRuntime& node) {
  node.on_request([](const Request& request, Responder responder) { responder.reply(request.payload); });
}

/// What a talk of three nodes leaves in the trace.
std::vector<std::string> trace_of(std::uint64_t seed) {
  std::vector<std::string> lines;
  Mesh mesh(seed);
  mesh.on_trace([&](std::string_view line) { lines.emplace_back(line); });
  auto a = mesh.node("a");
  auto b = mesh.node("b");
  auto c = mesh.node("c");
  echo(b);
  c.on_message([&](const Message& message) {
    lines.emplace_back(std::to_string(message.timestamp) + " " + std::string(message.payload));
  });
  EXPECT_TRUE(c.join("workers"));
  mesh.run_for(10ms);
  auto workers = a.group("workers");
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(is_under_way(a.send("c", std::to_string(i))));
    EXPECT_TRUE(is_under_way(workers.send(std::to_string(100 + i))));
    const auto reply = ask_and_wait(a, "b", std::to_string(i));
    EXPECT_TRUE(reply && *reply);
    if (i == 10) mesh.break_connections("a", "c");
  }
  mesh.run_for(2s);
  return lines;
}

TEST(Mesh, messages_requests_and_joins_reach_handlers_on_this_thread) {
  Mesh mesh;
  auto client = mesh.node("client");
  std::vector<std::string> seen;
  const auto here = std::this_thread::get_id();
  client.on_peer_join([&](const PeerInfo& peer) { seen.push_back("join " + peer.alias); });
  auto orders = mesh.node("orders");
  orders.on_message([&](const Message& message) {
    EXPECT_EQ(std::this_thread::get_id(), here);
    seen.push_back(std::string(message.payload));
  });
  echo(orders);
  EXPECT_TRUE(is_under_way(client.send("orders", R"({"id":1})")));
  client.ask("orders", "2", {}, [&](const Reply& reply) { seen.push_back("reply " + std::string(reply.payload)); });
  EXPECT_TRUE(mesh.run_until([&] { return seen.size() == 3; }, 5s));
  EXPECT_THAT(seen, ::testing::UnorderedElementsAre("join orders", R"({"id":1})", "reply 2"));
}

TEST(Mesh, calls_that_wait_turn_the_mesh) {
  Mesh mesh;
  auto client = NodeRuntime::start({.alias = "client"});  // as a service does that knows of no mesh
  ASSERT_TRUE(client);
  auto orders = mesh.node("orders");
  echo(orders);
  EXPECT_TRUE(client->resolve("orders"));
  const auto reply = ask_and_wait(*client, "orders", "1");
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->payload, "1");
  EXPECT_TRUE(is_under_way(client->send_wait("orders", "1", 1s)));
  const auto report = client->shutdown();
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->is_complete);
  EXPECT_FALSE(client->is_running());
  EXPECT_EQ(client->send("orders", "1"), SendVerdict::shut_down);
}

TEST(Mesh, a_request_that_nobody_answers_ends_in_virtual_time) {
  Mesh mesh;
  auto client = mesh.node("client");
  auto orders = mesh.node("orders");
  std::vector<Responder> kept;
  orders.on_request([&](const Request&, Responder responder) { kept.push_back(std::move(responder)); });
  const auto before = mesh.now();
  const auto reply = ask_and_wait(client, "orders", "1", {.deadline = std::chrono::hours(2)});
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->error, AskError::deadline);
  EXPECT_GE(mesh.now() - before, std::chrono::hours(2));
  EXPECT_LT(mesh.now() - before, std::chrono::hours(2) + 1min);
}

TEST(Mesh, send_wait_has_room_when_the_peer_reads_again) {
  Mesh mesh;
  auto client = mesh.node(NodeOptions{.alias = "client", .send_messages_max = 4});
  auto orders = mesh.node("orders");
  int handled = 0;
  orders.on_message([&](const Message&) { ++handled; });
  const std::string large = '"' + std::string(200'000, 'x') + '"';
  ASSERT_TRUE(is_under_way(client.send_wait("orders", large, 1s)));
  mesh.pause("orders");
  int sent = 1;
  while (sent < 1000 && is_under_way(client.send_wait("orders", large, 10ms))) ++sent;
  ASSERT_LT(sent, 1000);
  mesh.after(1s, [&] { mesh.resume("orders"); });
  EXPECT_TRUE(is_under_way(client.send_wait("orders", large, 5s)));
  EXPECT_TRUE(mesh.run_until([&] { return handled == sent + 1; }, 5s));
}

// What waits turns the mesh, which runs what was put off: that used the node after it was gone.
TEST(Mesh, a_node_may_be_killed_and_its_last_handle_dropped_while_a_call_waits_for_it) {
  const std::string large = '"' + std::string(200'000, 'x') + '"';
  using Wait = std::function<void(NodeRuntime & node)>;
  const Wait send_wait = [&](NodeRuntime& node) {
    for (SendVerdict verdict = SendVerdict::queued; is_under_way(verdict);) {
      verdict = node.send_wait("orders", large, 1h);
      EXPECT_TRUE(is_under_way(verdict) || verdict == SendVerdict::shut_down) << to_string(verdict);
      if (verdict == SendVerdict::shut_down) return;  // the node is gone
    }
  };
  const Wait ask = [](NodeRuntime& node) {
    const auto reply = ask_and_wait(node, "orders", "1", {.deadline = 1h});
    EXPECT_TRUE(reply && !*reply);
  };
  const Wait resolve = [](NodeRuntime& node) { EXPECT_FALSE(node.resolve("nobody")); };
  const Wait shut_down = [](NodeRuntime& node) { EXPECT_TRUE(node.shutdown(1h)); };
  for (const Wait& wait : {send_wait, ask, resolve, shut_down}) {
    Mesh mesh;
    auto orders = mesh.node("orders");
    orders.on_request([](const Request&, Responder) {});
    auto client = std::make_unique<NodeRuntime>(mesh.node(NodeOptions{.alias = "client", .send_messages_max = 4}));
    ASSERT_TRUE(is_under_way(client->send_wait("orders", "1", 1s)));
    mesh.run_for(1s);
    mesh.pause("orders");
    mesh.pause(Mesh::kPmd);
    mesh.after(0ms, [&] {
      mesh.kill("client");
      client.reset();
    });
    wait(*client);
    EXPECT_EQ(client, nullptr);
  }
}

TEST(Mesh, a_seed_is_the_same_run_again_and_another_seed_is_another) {
  const auto first = trace_of(7);
  EXPECT_GT(first.size(), 200U);
  EXPECT_EQ(first, trace_of(7));
  EXPECT_NE(first, trace_of(8));
}

TEST(Mesh, time_passes_only_while_it_is_turned_and_an_hour_without_work_is_few_turns) {
  Mesh mesh;
  auto orders = mesh.node("orders");
  const auto before = mesh.now();
  EXPECT_EQ(mesh.now(), before);
  int asked = 0;
  EXPECT_FALSE(mesh.run_until([&] { return ++asked < 0; }, 1h));
  EXPECT_EQ(mesh.now() - before, 1h);
  EXPECT_LT(asked, 10'000);
  EXPECT_TRUE(orders.stats().is_registered);
}

TEST(Mesh, what_is_put_off_is_called_at_its_time_and_may_wait_itself) {
  Mesh mesh;
  auto client = mesh.node("client");
  auto orders = mesh.node("orders");
  echo(orders);
  const auto begun = mesh.now();
  std::chrono::nanoseconds called{};
  bool has_reply = false;
  mesh.after(3s, [&] {
    called = mesh.now() - begun;
    const auto reply = ask_and_wait(client, "orders", "1");
    has_reply = reply && *reply;
  });
  EXPECT_TRUE(mesh.run_until([&] { return has_reply; }, 10s));
  EXPECT_EQ(called, 3s);
}

TEST(Mesh, inside_a_handler_calls_that_wait_say_so_at_once) {
  Mesh mesh;
  auto client = mesh.node("client");
  auto orders = mesh.node("orders");
  bool was_called = false;
  orders.on_message([&](const Message&) {
    for (NodeRuntime* node : {&orders, &client}) {
      const auto reply = ask_and_wait(*node, "client", "1");
      ASSERT_FALSE(reply);
      EXPECT_EQ(reply.error().code, Errc::would_block);
      EXPECT_EQ(node->send_wait("nobody", "1", 1s), SendVerdict::would_block);
      EXPECT_FALSE(node->resolve("nobody"));
    }
    const auto other = NodeRuntime::start({.alias = "other"});
    ASSERT_FALSE(other);
    EXPECT_EQ(other.error().code, Errc::would_block);
    EXPECT_THROW(mesh.run_for(1s), std::logic_error);
    EXPECT_THROW(static_cast<void>(mesh.node("other")), std::logic_error);
    was_called = true;
  });
  client.send("orders", "1");
  EXPECT_TRUE(mesh.run_until([&] { return was_called; }, 5s));
}

TEST(Mesh, a_handler_may_end_its_node_and_let_go_of_it) {
  Mesh mesh;
  auto client = mesh.node("client");
  auto ending = mesh.node("ending");
  auto dropped = std::make_unique<NodeRuntime>(mesh.node("dropped"));
  ending.on_message([&](const Message&) { static_cast<void>(ending.shutdown()); });
  dropped->on_message([&](const Message&) { dropped.reset(); });
  client.send("ending", "1");
  client.send("dropped", "1");
  EXPECT_TRUE(mesh.run_until([&] { return client.discover()->empty(); }, 10s));
  EXPECT_FALSE(ending.is_running());
}

TEST(MeshDeathTest, one_that_is_destroyed_inside_what_it_calls_or_on_another_thread_says_so) {
  constexpr const char* said = "a Mesh was destroyed on another thread than its own, or inside what it calls";
  EXPECT_DEATH(
      {
        auto mesh = std::make_unique<Mesh>();
        auto orders = mesh->node("orders");
        orders.on_message([&](const Message&) { mesh.reset(); });
        orders.send("orders", "1");
        mesh->run_for(1s);
      },
      said);
  EXPECT_DEATH(
      {
        auto mesh = std::make_unique<Mesh>();
        mesh->after(1s, [&] { mesh.reset(); });
        mesh->run_for(2s);
      },
      said);
  EXPECT_DEATH(
      {
        auto mesh = std::make_unique<Mesh>();
        std::thread([&] { mesh.reset(); }).join();
      },
      said);
}

TEST(Mesh, misuse_says_what_was_wrong) {
  Mesh mesh;
  auto orders = mesh.node("orders");
  const auto said = [](auto call) {
    try {
      call();
    } catch (const std::logic_error& error) {
      return std::string(error.what());
    } catch (const std::runtime_error& error) {
      return "at run time: " + std::string(error.what());
    }
    return std::string("nothing");
  };
  EXPECT_THAT(said([&] { mesh.partition("orders", "order"); }), HasSubstr("no node \"order\", but: (pmd), orders"));
  EXPECT_THAT(said([&] { mesh.partition("orders", "orders"); }), HasSubstr("itself"));
  EXPECT_THAT(said([&] { mesh.delay("orders", Mesh::kPmd, -1ns); }), HasSubstr("at least zero"));
  EXPECT_THAT(said([&] { mesh.hold_messages(Mesh::kPmd); }), HasSubstr("no mailbox"));
  EXPECT_THAT(said([&] { static_cast<void>(mesh.random(0)); }), HasSubstr("below zero"));
  EXPECT_THAT(said([&] { const Mesh second; }), HasSubstr("has a Mesh already"));
  EXPECT_THAT(said([&] { static_cast<void>(mesh.node("orders")); }), HasSubstr("at run time"));
  mesh.kill("orders");
  EXPECT_EQ(said([&] { mesh.kill("orders"); }), "nothing");  // it has ended
  std::thread([&] { EXPECT_THAT(said([&] { mesh.run_for(1s); }), HasSubstr("the thread that made it")); }).join();
}

TEST(Mesh, handles_and_handlers_may_outlive_it_and_a_new_one_may_follow) {
  std::vector<NodeRuntime> handles;
  for (int i = 0; i < 3; ++i) {
    Mesh mesh(static_cast<std::uint64_t>(i));
    handles.push_back(mesh.node("orders"));
    handles.back().on_message([held = handles.back()](const Message&) {});
    mesh.run_for(1s);
  }
  for (NodeRuntime& handle : handles) {
    EXPECT_FALSE(handle.is_running());
    EXPECT_EQ(handle.send("orders", "1"), SendVerdict::shut_down);
    EXPECT_TRUE(handle.shutdown());
  }
}

}  // namespace
}  // namespace distflow::testing
