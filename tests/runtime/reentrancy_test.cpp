// The matrix of calls from inside a node: every public call, from each handler and from what handlers hold, in every
// threading mode, over TCP and shared memory, with one and with several events at once. Whatever the combination, the
// node goes on or ends, counts what it accepted and received, lets go of all it had, and another one may start.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <iterator>

#include "tests/runtime/reentrancy_actions.hpp"
#include "tests/runtime/reentrancy_more_actions.hpp"
#include "tests/runtime/topics.hpp"
#include "tests/support/cluster_thread.hpp"
#include "tests/support/node_frames.hpp"
#include "tests/support/pmd_requests.hpp"
#include "tests/support/pmd_test_client.hpp"
#include "tests/support/process_resources.hpp"

namespace distflow::test {
namespace {

constexpr int kSeveral = 3;
constexpr int kHandlerKinds = 8;
constexpr int kEnoughForMemory = 100;  // messages

struct Setting {
  const char* name;
  Threading threading;
  bool is_in_memory;
};
void PrintTo(const Setting& setting, std::ostream* out) { *out << setting.name; }

/// When what a handler holds is destroyed.
enum class Release { replaced, in_shutdown, after_shutdown, with_last_handle };
constexpr const char* kReleaseNames[] = {"replaced", "in shutdown()", "after shutdown()", "with the last handle"};

class Reentrancy : public ::testing::TestWithParam<Setting> {
 protected:
  Reentrancy() {
    guests_ = PmdTestClient(others_.pmd_port());
    EXPECT_TRUE(guests_.is_connected());
    others_.at_peer([](TestNode& peer) {
      EXPECT_EQ(peer->own_groups().join(kPeersGroup), runtime::OwnGroups::Outcome::done);
      subscribe(peer, kPeersTopic, [](const Message&) {});
    });
    EXPECT_TRUE(is_so_at_peer([](TestNode& peer) { return has_member(peer, kPeersGroup); }));
    add_guests(1);  // an answer means that the PMD has the connection
    remove_guests(1);
    resources_ = ProcessResources::now();
  }
  ~Reentrancy() override {
    std::printf("%d combinations\n", combinations_);
    RecordProperty("combinations", combinations_);
  }

  NodeOptions options() {
    NodeOptions options;
    options.alias = "self" + std::to_string(++combinations_);
    options.pmd_port = others_.pmd_port();
    options.start_pmd = false;
    options.threading = GetParam().threading;
    options.memory_connections_max = GetParam().is_in_memory ? 16 : 0;
    options.backend = std::string(chosen_socket_backend().name);
    return options;
  }

  static bool has_member(TestNode& peer, const std::string& name) {
    bool has_any = false;
    peer->groups().look_at_members(*peer->group(name), [&](const auto& members) { has_any = !members.empty(); });
    return has_any;
  }
  /// Waits until the peer finds it so, on its thread.
  bool is_so_at_peer(bool (*is_so)(TestNode& peer)) {
    enum class Answer { open, no, yes };
    std::atomic<Answer> answer = Answer::no;
    const auto look = [&] {
      if (answer == Answer::no) {
        answer = Answer::open;
        others_.at_peer([&](TestNode& peer) { answer = is_so(peer) ? Answer::yes : Answer::no; });
      }
      std::this_thread::yield();
    };
    return turn_until(look, [&] { return answer == Answer::yes; });
  }
  void publish_at_peer(const std::string& topic, const std::string& json, int count) {
    others_.at_peer([=](TestNode& peer) {
      for (int i = 0; i < count; ++i) EXPECT_EQ(publish(peer, topic, json), SendVerdict::queued);
    });
  }
  void ask_at_peer(const std::string& name, const std::string& json, int count) {
    others_.at_peer([=](TestNode& peer) {
      const runtime::AskWay::OnLoop on_loop(peer->ask_way());
      for (int i = 0; i < count; ++i) {
        EXPECT_EQ(peer->ask_way().ask(
                      name, json, {}, [](const Reply&) {}, runtime::AskWay::Callback::of_application),
                  SendVerdict::queued);
      }
    });
  }

  /// A started node that has handlers, and exchanges messages with the peer.
  std::shared_ptr<App> connected_app(const Action& action, Event event, int count) {
    auto app = std::make_shared<App>(action, event, count);
    if (!app->start(options())) return nullptr;
    app->set_handlers();
    const int enough = GetParam().is_in_memory ? kEnoughForMemory : 1;
    for (int i = 0; i < enough; ++i)
      EXPECT_EQ(app->counted(app->node->send("peer", kOtherPayload)), SendVerdict::queued);
    others_.send(app->alias, kOtherPayload, enough);
    EXPECT_TRUE(app->wait_for([&] { return app->others >= enough; }));
    if (GetParam().is_in_memory) {
      // Nothing tells of it: another message each time, until they come through memory.
      for (int more = enough; app->node->stats().connections_in_memory == 0;) {
        others_.send(app->alias, kOtherPayload, 1);
        ++more;
        if (!app->wait_for([&] { return app->others >= more; })) break;
      }
    }
    if (event == Event::published) {
      EXPECT_TRUE(app->node->subscribe(app->alias, app->topic_handler()));
      // Nothing tells of it either: another message each time, until the peer knows that this node subscribes.
      for (const int before = app->others; app->others == before;) {
        std::atomic<bool> has_published = false;
        others_.at_peer([&](TestNode& peer) {
          EXPECT_EQ(publish(peer, app->alias, kOtherPayload), SendVerdict::queued);
          has_published = true;
        });
        if (!app->wait_for([&] { return has_published.load(); })) break;
      }
    }
    return app;
  }

  /// Nodes of the registry, all with one request after the other in one write.
  void ask_for_guests(std::string (*request)(const std::string& number), int count) {
    std::string frames;
    for (int i = 0; i < count; ++i) frames += frame_of(request(std::to_string(i)));
    guests_.send_bytes(frames);
    for (std::string answer; count > 0; std::this_thread::yield()) {
      while (guests_.receive(answer)) {
        EXPECT_EQ(answer.find("error"), std::string::npos) << answer;
        --count;
      }
    }
  }
  void add_guests(int count) {
    ask_for_guests(
        [](const std::string& number) { return register_text("00000000000000a" + number, "guest" + number); }, count);
  }
  void remove_guests(int count) {
    ask_for_guests([](const std::string& number) { return unregister_text("00000000000000a" + number); }, count);
  }

  void bring_about(Event event, App& app, int count) {
    if (event == Event::message) others_.send(app.alias, kEventPayload, count);
    if (event == Event::request) ask_at_peer(app.alias, kEventPayload, count);
    if (event == Event::published) publish_at_peer(app.alias, kEventPayload, count);
    if (event == Event::join) add_guests(count);
    if (event == Event::leave) remove_guests(count);
  }

  /// Until one has failed.
  template <class Run>
  static void for_each_action(Run&& run) {
    for (const Action& action : kActions) {
      if (!HasFailure()) run(action);
    }
    for (const Action& action : kMoreActions) {
      if (!HasFailure()) run(action);
    }
  }

  void run(const Action& action, Event event, int count) {
    SCOPED_TRACE(std::string(action.name) + ", from the handler of " + to_string(event) +
                 ", events: " + std::to_string(count));
    std::weak_ptr<App> trace;
    if (std::shared_ptr<App> app = connected_app(action, event, count)) {
      trace = app;
      if (event == Event::leave) {
        add_guests(count);
        EXPECT_TRUE(
            app->wait_for([&] { return app->node->discover()->size() == 1U + static_cast<std::size_t>(count); }));
      }
      bring_about(event, *app, count);
      ASSERT_TRUE(app->wait_for([&] { return app->has_acted(); }));
      blocked_ += app->blocked;
      went_on_ += app->went_on;
      for_requests_ += app->for_requests;
      if (event == Event::join) remove_guests(count);
      if (action.outcome != Action::Outcome::drops) end(*app);
    }
    expect_nothing_left(trace);
  }

  /// Objects that handlers of `kinds` kinds have captured act as they are destroyed.
  void run_release(const Action& action, Release release, int kinds) {
    SCOPED_TRACE(std::string(action.name) + ", from what a handler holds, " + kReleaseNames[static_cast<int>(release)] +
                 ", handlers: " + std::to_string(kinds));
    std::weak_ptr<App> trace;
    if (std::shared_ptr<App> app = connected_app(action, Event::message, kinds)) {
      trace = app;
      std::optional<NodeRuntime> kept = release == Release::in_shutdown ? app->node : std::nullopt;
      if (release == Release::after_shutdown) {
        static_cast<void>(app->node->shutdown());
        app->is_released = true;
      }
      set_guards(app, kinds, release != Release::with_last_handle);
      if (release == Release::replaced) {
        for (int kind = 0; kind < kinds && app->node; ++kind) clear_handler(*app, kind);
        app->is_released = true;
        ASSERT_TRUE(app->wait_for([&] { return app->acted == kinds; }));
      } else if (release == Release::in_shutdown) {
        app->is_released = true;
        EXPECT_TRUE(kept->shutdown()->is_complete);
      } else if (release == Release::with_last_handle) {
        app->is_released = true;
        app->node.reset();
      }
      if (app->node) end(*app);
    }
    expect_nothing_left(trace);
  }
  void set_guards(const std::shared_ptr<App>& app, int kinds, bool hold_node) {
    const auto guard = [&] { return std::make_shared<Guard>(app, hold_node); };
    // What has been shut down lets go of a handler inside the call that sets it, which may drop the last handle.
    if (kinds > 0)
      app->node->on_message([guard = guard(), rest = app->message_handler()](const Message& m) { rest(m); });
    if (kinds == 1) return;
    if (app->node) app->node->on_peer_join([guard = guard()](const PeerInfo&) {});
    if (app->node) app->node->on_peer_leave([guard = guard()](const PeerInfo&) {});
    if (app->node) app->node->on_registration([guard = guard()](const RegistrationChange&) {});
    if (app->node) app->node->on_writable([guard = guard()](const Writable&) {});
    if (app->node) app->node->on_request([guard = guard()](const Request&, Responder) {});
    if (app->node) static_cast<void>(app->node->subscribe(app->alias, [guard = guard()](const Message&) {}));
    if (app->node) app->node->group(app->alias).on_change([guard = guard()](const GroupChange&) {});
  }
  static void clear_handler(App& app, int kind) {
    constexpr std::array<void (*)(NodeRuntime&, const App&), kHandlerKinds> clear{
        [](NodeRuntime& node, const App&) { node.on_message(nullptr); },
        [](NodeRuntime& node, const App&) { node.on_peer_join(nullptr); },
        [](NodeRuntime& node, const App&) { node.on_peer_leave(nullptr); },
        [](NodeRuntime& node, const App&) { node.on_registration(nullptr); },
        [](NodeRuntime& node, const App&) { node.on_writable(nullptr); },
        [](NodeRuntime& node, const App&) { node.on_request(nullptr); },
        [](NodeRuntime& node, const App& of) { static_cast<void>(node.unsubscribe(of.alias)); },
        [](NodeRuntime& node, const App& of) { node.group(of.alias).on_change(nullptr); }};
    clear.at(static_cast<std::size_t>(kind))(*app.node, app);
  }

  void end(App& app) {
    const Result<ShutdownReport> report = app.node->shutdown();
    ASSERT_TRUE(report);
    EXPECT_TRUE(report->is_complete);
    EXPECT_FALSE(app.node->is_running());
    EXPECT_EQ(app.node->send("peer", kOtherPayload), SendVerdict::shut_down);
    const NodeStats stats = app.node->stats();
    // Copies of what is published, requests and replies are messages, too; requests may be cancelled, with a message.
    const std::uint64_t least = app.accepted + stats.published_copies;
    EXPECT_GE(stats.sent.accepted, least);
    EXPECT_LE(stats.sent.accepted, least + 2 * app.asked + stats.asks.received);
    EXPECT_EQ(stats.asks.asked, app.asked);
    EXPECT_EQ(app.asks_ended, app.asked);
    EXPECT_EQ(stats.asks.pending + stats.asks.waiting + stats.asks.in_handlers, 0U);
    EXPECT_EQ(stats.asks.received, stats.asks.answered + stats.asks.said());
    EXPECT_EQ(stats.sent.accepted, stats.sent.written + stats.sent.dropped());
    EXPECT_EQ(stats.received.received, stats.received.handled + stats.received.dropped());
    EXPECT_EQ(stats.tasks_lost, 0U);
    EXPECT_EQ(stats.malformed + stats.misrouted, 0U);
  }

  /// The node may end on a thread of its own, and the peer and the PMD have to hear of it.
  void expect_nothing_left(const std::weak_ptr<App>& trace) {
    const auto is_all_gone = [&] { return trace.expired() && ProcessResources::now() == resources_; };
    EXPECT_TRUE(turn_until([] { std::this_thread::yield(); }, is_all_gone))
        << "left: " << ProcessResources::now() << "; before: " << resources_;
    EXPECT_TRUE(trace.expired()) << "the node has let go of its handlers";
  }

  ClusterThread others_{{.alias = "peer", .memory_connections_max = GetParam().is_in_memory ? 16U : 0U}};
  PmdTestClient guests_;
  ProcessResources resources_;
  int combinations_ = 0;
  // Of calls that wait where they may: on the loop's thread they are refused.
  int blocked_ = 0;
  int went_on_ = 0;
  int for_requests_ = 0;
};

TEST_P(Reentrancy, every_call_from_every_handler) {
  for_each_action([this](const Action& action) {
    for (const Event event : kEvents) {
      for (const int count : {1, kSeveral}) {
        run(action, event, count);
        if (HasFailure()) return;
      }
    }
  });
  const bool has_thread = GetParam().threading == Threading::dispatcher;
  EXPECT_GT(has_thread ? went_on_ : blocked_, 0);
  EXPECT_EQ(has_thread ? blocked_ : went_on_, 0);
  EXPECT_GT(for_requests_, 0);
}

TEST_P(Reentrancy, every_call_from_what_handlers_hold) {
  for_each_action([this](const Action& action) {
    if (action.outcome == Action::Outcome::throws_too) return;
    for (const Release release : {Release::replaced, Release::in_shutdown, Release::after_shutdown}) {
      for (const int kinds : {1, kHandlerKinds}) {
        run_release(action, release, kinds);
        if (HasFailure()) return;
      }
    }
  });
  run_release(kActions[0], Release::with_last_handle, kHandlerKinds);
}

constexpr Setting kSettings[] = {
    {"inlined_over_tcp", Threading::inlined, false},       {"inlined_in_memory", Threading::inlined, true},
    {"dispatcher_over_tcp", Threading::dispatcher, false}, {"dispatcher_in_memory", Threading::dispatcher, true},
    {"caller_over_tcp", Threading::caller, false},         {"caller_in_memory", Threading::caller, true},
};
INSTANTIATE_TEST_SUITE_P(settings, Reentrancy, ::testing::ValuesIn(kSettings),
                         [](const auto& setting) { return std::string(setting.param.name); });

}  // namespace
}  // namespace distflow::test
