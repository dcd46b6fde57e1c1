// The public calls of NodeRuntime for the matrix of calls from inside the node: messages, handlers, lives. Those of
// requests, groups and topics: reentrancy_more_actions.hpp.
#pragma once

#include <string>

#include "tests/runtime/reentrancy_app.hpp"

namespace distflow::test {

/// Calls `write` while a message to the peer is written.
template <class Write>
void write_message(App& app, Write write) {
  app.counted(app.node->send_with("peer", [&](PayloadWriter& out) {
    out.append("[1");
    write();
    out.append("]");
  }));
}

inline bool is_inert_with_requests_groups_and_topics(NodeRuntime& node) {
  constexpr SendVerdict forked = SendVerdict::forked;
  Target target = node.target("peer");
  bool is_inert = node.send_wait("peer", "1", std::chrono::hours(1)) == forked &&
                  node.send_wait(target, "1", std::chrono::hours(1)) == forked &&
                  node.ask("peer", "1", {}, [](const Reply&) {}) == forked &&
                  node.ask(target, "1", {}, [](const Reply&) {}) == forked && node.publish("news", "1") == forked &&
                  node.retain("news").error() == Errc::forked && node.join("group").error() == Errc::forked &&
                  node.leave("group").error() == Errc::forked && node.unsubscribe("news").error() == Errc::forked &&
                  node.subscribe("news", [](const Message&) {}).error() == Errc::forked &&
                  node.alias_of(node.node_id()).empty();
  Group group = node.group(kPeersGroup);
  is_inert = is_inert && group.send("1") == forked && group.send_all("1").under_way == 0 && group.members().empty() &&
             group.ask("1", {}, [](const Reply&) {}) == forked;
  group.on_change([](const GroupChange&) {});
  node.on_request([](const Request&, Responder) {});
  node.on_registration([](const RegistrationChange&) {});
  node.on_writable([](const Writable&) {});
  node.set_log_level(LogVerbosity::error);
  return is_inert;
}

/// In a child all that is left of the node is to say so. The child ends here.
inline void fork_and_call(App& app) {
  const pid_t child = ::fork();
  if (child == 0) {
    NodeRuntime& node = *app.node;
    Target target = node.target("peer");
    bool is_inert = node.send("peer", "1") == SendVerdict::forked && node.send(target, "1") == SendVerdict::forked &&
                    node.send_with("peer", [](PayloadWriter&) {}) == SendVerdict::forked && !node.is_running() &&
                    node.discover().error() == Errc::forked && node.resolve("peer").error() == Errc::forked &&
                    node.wait_for("peer", {}, nullptr).error() == Errc::forked &&
                    node.next_turn(nullptr).error() == Errc::forked &&
                    node.next_message(nullptr).error() == Errc::forked && node.shutdown().error() == Errc::forked &&
                    node.poll({}).error() == Errc::forked && node.stats().sent.accepted == 0 && node.fd() == -1;
    is_inert = is_inert && is_inert_with_requests_groups_and_topics(node);
    node.on_message([](const Message&) {});
    node.on_peer_join([](const PeerInfo&) {});
    is_inert = is_inert && !node.node_id().empty() && NodeRuntime::start().error() == Errc::forked;
    app.node.reset();
    ::_exit(is_inert ? 0 : 1);
  }
  int status = -1;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  EXPECT_EQ(status, 0) << "in the child the handle is inert";
}

/// Gives the running node, or says why there is none.
inline void start_another(App&) {
  NodeOptions options;
  options.start_pmd = false;
  options.pmd_port = 1;  // nobody's: where nothing is in its way it fails all the same, and soon
  options.start_deadline = std::chrono::milliseconds(1);
  static_cast<void>(NodeRuntime::start(options));
}

inline constexpr Action::Outcome kMayStop = Action::Outcome::may_stop;
inline constexpr Action::Outcome kMayMiss = Action::Outcome::may_miss;
inline constexpr Action::Outcome kDrops = Action::Outcome::drops;

inline constexpr Action kActions[] = {
    {"send to itself", [](App& app) { app.counted(app.node->send(app.alias, kOtherPayload)); }},
    {"send to a peer", [](App& app) { app.counted(app.node->send("peer", kOtherPayload)); }},
    {"send to an unknown name", [](App& app) { app.counted(app.node->send(app.unknown_name(), kOtherPayload)); }},
    {"send to targets",
     [](App& app) {
       for (const std::string& name : {app.alias, std::string("peer"), app.unknown_name()}) {
         Target target = app.node->target(name);
         app.counted(app.node->send(target, kOtherPayload));
         app.counted(app.node->send(target, raw_json(kOtherPayload)));
         app.counted(app.node->send_with(target, [](PayloadWriter& out) { out.append(kOtherPayload); }));
       }
     }},
    {"wait for a node, a turn and a message",
     [](App& app) {
       for (const std::string& name : {app.alias, app.unknown_name()}) {
         static_cast<void>(app.node->wait_for(name, {}, [](const Result<PeerInfo>&) {}));
       }
       static_cast<void>(app.node->next_turn([](const Result<void>&) {}));
       static_cast<void>(app.node->next_message([](const Result<Message>&) {}));
     }},
    {"send what is written in place",
     [](App& app) {
       for (const std::string& name : {app.alias, std::string("peer"), app.unknown_name()}) {
         app.counted(app.node->send_with(name, [](PayloadWriter& out) { out.append(kOtherPayload); }));
       }
     }},
    {"send many",
     [](App& app) {
       for (int i = 0; i < 200; ++i) app.counted(app.node->send(i % 2 == 0 ? "peer" : app.alias, kOtherPayload));
     }},
    {"a writer sends to each",
     [](App& app) {
       write_message(app, [&app] {
         for (const std::string& name : {app.alias, std::string("peer"), app.unknown_name()}) {
           app.counted(app.node->send(name, kOtherPayload));
         }
       });
     }},
    {"a writer's writer sends to an unknown name",
     [](App& app) {
       write_message(app, [&app] {
         write_message(app, [&app] { app.counted(app.node->send(app.unknown_name(), kOtherPayload)); });
       });
     }},
    {"a writer resolves",
     [](App& app) {
       write_message(app, [&app] {
         static_cast<void>(app.node->resolve("peer"));
         static_cast<void>(app.node->resolve(app.unknown_name()));
       });
     }},
    {"a writer asks",
     [](App& app) {
       write_message(app, [&app] {
         static_cast<void>(app.node->discover());
         static_cast<void>(app.node->stats());
       });
     }},
    {"a writer polls", [](App& app) { write_message(app, [&app] { EXPECT_FALSE(app.node->poll({})); }); }},
    {"a writer sets handlers", [](App& app) { write_message(app, [&app] { app.set_handlers(); }); }},
    {"a writer throws",
     [](App& app) {
       bool has_thrown = false;
       try {
         write_message(app, [] { throw std::runtime_error("on purpose"); });
       } catch (const std::runtime_error&) {
         has_thrown = true;
       }
       EXPECT_EQ(has_thrown, app.node->is_running());
     }},
    {"a writer starts", [](App& app) { write_message(app, [&app] { start_another(app); }); }},
    {"a writer forks", [](App& app) { write_message(app, [&app] { fork_and_call(app); }); }},
    {"a writer shuts down", [](App& app) { write_message(app, [&app] { static_cast<void>(app.node->shutdown()); }); },
     kMayStop},
    {"a writer drops the last handle", [](App& app) { write_message(app, [&app] { app.node.reset(); }); }, kDrops},
    {"shut down", [](App& app) { static_cast<void>(app.node->shutdown()); }, kMayStop},
    {"shut down at once", [](App& app) { static_cast<void>(app.node->shutdown(std::chrono::seconds(0))); }, kMayStop},
    {"send and shut down twice",
     [](App& app) {
       app.counted(app.node->send("peer", kOtherPayload));
       app.counted(app.node->send(app.unknown_name(), kOtherPayload));
       static_cast<void>(app.node->shutdown());
       EXPECT_EQ(app.node->send("peer", kOtherPayload), SendVerdict::shut_down);
       static_cast<void>(app.node->shutdown());
     },
     kMayStop},
    {"shut down and start",
     [](App& app) {
       static_cast<void>(app.node->shutdown());
       start_another(app);
     },
     kMayStop},
    {"drop the last handle", [](App& app) { app.node.reset(); }, kDrops},
    {"shut down and drop the last handle",
     [](App& app) {
       static_cast<void>(app.node->shutdown());
       app.node.reset();
     },
     kDrops},
    {"drop the last handle and start",
     [](App& app) {
       app.node.reset();
       start_another(app);
     },
     kDrops},
    {"set the message handler", [](App& app) { app.node->on_message(app.message_handler()); }},
    {"set the join handler", [](App& app) { app.node->on_peer_join(app.peer_handler(Event::join)); }},
    {"set the leave handler", [](App& app) { app.node->on_peer_leave(app.peer_handler(Event::leave)); }},
    {"set the request handler", [](App& app) { app.node->on_request(app.request_handler()); }},
    {"set the handlers of registration and room",
     [](App& app) {
       app.node->on_registration([self = app.shared_from_this()](const RegistrationChange&) {});
       app.node->on_writable([self = app.shared_from_this()](const Writable&) {});
     }},
    {"clear the handlers of registration and room",
     [](App& app) {
       app.node->on_registration([self = app.shared_from_this()](const RegistrationChange&) {});
       app.node->on_writable([self = app.shared_from_this()](const Writable&) {});
       app.node->on_registration(nullptr);
       app.node->on_writable(nullptr);
     }},
    {"clear the request handler", [](App& app) { app.node->on_request(nullptr); }, kMayStop},
    {"clear the message handler", [](App& app) { app.node->on_message(nullptr); }, kMayStop},
    {"clear the join handler", [](App& app) { app.node->on_peer_join(nullptr); }, kMayStop},
    {"clear the leave handler", [](App& app) { app.node->on_peer_leave(nullptr); }, kMayStop},
    {"clear and set all handlers",
     [](App& app) {
       app.node->on_message(nullptr);
       app.node->on_request(nullptr);
       app.node->on_peer_join(nullptr);
       app.node->on_peer_leave(nullptr);
       app.set_handlers();
     },
     kMayMiss},
    {"resolve a peer",
     [](App& app) { EXPECT_EQ(static_cast<bool>(app.node->resolve("peer")), app.node->is_running()); }},
    {"resolve an unknown name", [](App& app) { EXPECT_FALSE(app.node->resolve(app.unknown_name())); }},
    {"discover", [](App& app) { EXPECT_EQ(static_cast<bool>(app.node->discover()), app.node->is_running()); }},
    {"ask for figures and names",
     [](App& app) {
       static_cast<void>(app.node->stats());
       EXPECT_EQ(app.node->alias(), app.alias);
       EXPECT_FALSE(app.node->node_id().empty());
       EXPECT_NE(app.node->port(), 0);
       static_cast<void>(app.node->is_running());
       static_cast<void>(app.node->fd());
       static_cast<void>(app.node->poll_within());
     }},
    {"poll", [](App& app) { EXPECT_FALSE(app.node->poll({})); }},
    {"start", [](App& app) { start_another(app); }},
    {"fork", [](App& app) { fork_and_call(app); }},
    {"throw", [](App&) { throw std::runtime_error("on purpose"); }, Action::Outcome::throws_too},
    {"throw what is no exception", [](App&) { throw 1; }, Action::Outcome::throws_too},
};

}  // namespace distflow::test
