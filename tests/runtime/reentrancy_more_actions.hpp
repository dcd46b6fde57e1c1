// The public calls of requests, groups and topics, and those that may wait, for the matrix of calls from inside the
// node. The others: reentrancy_actions.hpp.
#pragma once

#include <chrono>
#include <string>

#include "tests/runtime/reentrancy_actions.hpp"

namespace distflow::test {

/// Longer than any test takes: what waits for it would be seen.
inline constexpr std::chrono::milliseconds kForEver = std::chrono::hours(1);

inline void ask(App& app, const std::string& name) {
  app.asked_with(app.node->ask(name, kOtherPayload, {}, app.end_of_ask()));
}

/// For the request in hand, where there is one.
inline void ask_for_request(App& app) {
  if (app.request_in_hand == nullptr) return;
  for (const std::string& name : {app.alias, std::string("peer"), app.unknown_name()}) {
    const SendVerdict verdict = app.request_in_hand->ask(name, kOtherPayload, {}, app.end_of_ask());
    if (is_under_way(app.asked_with(verdict))) ++app.for_requests;
  }
}

/// What waits for room does, but on the loop's thread, which makes it.
inline void send_and_wait(App& app) {
  const auto note = [&app](SendVerdict verdict) {
    app.expect_blocks_on_loop(app.counted(verdict) == SendVerdict::would_block, is_under_way(verdict));
  };
  for (const std::string& name : {app.alias, std::string("peer"), app.unknown_name()}) {
    note(app.node->send_wait(name, kOtherPayload, kForEver));
    note(app.node->send_wait(name, raw_json(kOtherPayload), kForEver));
    Target target = app.node->target(name);
    note(app.node->send_wait(target, kOtherPayload, kForEver));
    note(app.node->send_wait(target, raw_json(kOtherPayload), kForEver));
  }
}

/// To the peer, which answers that nobody answers there.
inline void ask_and_wait(App& app) {
  const Result<KeptReply> reply = distflow::ask_and_wait(*app.node, "peer", kOtherPayload);
  if (reply && reply->error != AskError::not_sent) {
    ++app.asked;
    ++app.asks_ended;
  }
  app.expect_blocks_on_loop(!reply && reply.error() == Errc::would_block,
                            reply && reply->error == AskError::no_handler);
}

inline void send_to_group(App& app) {
  for (const std::string& name : {std::string(kPeersGroup), app.unknown_name()}) {
    Group group = app.node->group(name);
    for (const Pick pick : {Pick::least(), Pick::round_robin(), Pick::sticky("key"), Pick::local(), Pick::first()}) {
      app.counted(group.send(kOtherPayload, pick));
    }
    app.accepted += group.send_all(kOtherPayload).under_way;
    EXPECT_LE(group.members().size(), 1U);
    app.asked_with(group.ask(kOtherPayload, {}, app.end_of_ask()));
    app.asked_with(group.ask(kOtherPayload,
                             {.idempotent = true, .attempts = 2, .backup_after = std::chrono::milliseconds(1)},
                             app.end_of_ask()));
  }
}

inline void watch_group(App& app) {
  app.node->group(kPeersGroup).on_change([self = app.shared_from_this()](const GroupChange&) {});
}

inline void publish(App& app) {
  for (const std::string& topic : {std::string(kPeersTopic), app.alias, app.unknown_name()}) {
    static_cast<void>(app.node->publish(topic, kOtherPayload));
    static_cast<void>(app.node->publish(topic, raw_json(kOtherPayload)));
  }
}

inline void retain_and_publish(App& app) {
  static_cast<void>(app.node->retain(kPeersTopic));
  static_cast<void>(app.node->retain(app.unknown_name(), {.count = 2}));
  publish(app);
  static_cast<void>(app.node->retain(kPeersTopic, {.count = 0}));
  publish(app);
}

/// To topics other than that of the events.
inline void subscribe(App& app) {
  const auto handler = [self = app.shared_from_this()](const Message&) {};
  static_cast<void>(app.node->subscribe(kPeersTopic, handler));
  static_cast<void>(app.node->subscribe(kPeersTopic, handler, {.mailbox = {.max_size = 2}}));
  static_cast<void>(
      app.node->subscribe("newest", handler, {.conflate_by = [](const Message&) { return std::string("key"); }}));
}

inline constexpr Action kMoreActions[] = {
    {"ask a peer", [](App& app) { ask(app, "peer"); }},
    {"ask itself and an unknown name",
     [](App& app) {
       ask(app, app.alias);
       ask(app, app.unknown_name());
     }},
    {"ask targets",
     [](App& app) {
       for (const std::string& name : {app.alias, std::string("peer"), app.unknown_name()}) {
         Target target = app.node->target(name);
         app.asked_with(app.node->ask(target, kOtherPayload, {}, app.end_of_ask()));
         app.asked_with(app.node->ask(target, raw_json(kOtherPayload), {}, app.end_of_ask()));
       }
     }},
    {"ask for a request", ask_for_request},
    {"a writer asks for a request", [](App& app) { write_message(app, [&app] { ask_for_request(app); }); }},
    {"ask for a request, shut down, and ask again",
     [](App& app) {
       ask_for_request(app);
       static_cast<void>(app.node->shutdown());
       ask_for_request(app);
     },
     kMayStop},
    {"ask for a request, drop the last handle, and ask again",
     [](App& app) {
       ask_for_request(app);
       app.node.reset();
       ask_for_request(app);
     },
     kDrops},
#ifdef __cpp_lib_jthread
    {"ask and cancel",
     [](App& app) {
       std::stop_source stop;
       for (const std::string& name : {app.alias, std::string("peer"), app.unknown_name()}) {
         app.asked_with(app.node->ask(name, kOtherPayload, {.stop = stop.get_token()}, app.end_of_ask()));
       }
       static_cast<void>(app.node->wait_for(app.unknown_name(), {.stop = stop.get_token()}, [](const auto&) {}));
       stop.request_stop();
     }},
#endif
    {"ask and wait", ask_and_wait},
    {"send, and wait for room", send_and_wait},
    {"join a group", [](App& app) { static_cast<void>(app.node->join("workers")); }},
    {"join and leave groups",
     [](App& app) {
       static_cast<void>(app.node->join("workers"));
       static_cast<void>(app.node->join(kPeersTopic));
       static_cast<void>(app.node->leave("workers"));
       static_cast<void>(app.node->leave(app.unknown_name()));
     }},
    {"send to a group", send_to_group},
    {"watch a group", watch_group},
    {"watch a group, and no more",
     [](App& app) {
       watch_group(app);
       app.node->group(kPeersGroup).on_change(nullptr);
     }},
    {"publish", publish},
    {"retain and publish", retain_and_publish},
    {"subscribe to other topics", subscribe},
    {"subscribe to other topics, and no more",
     [](App& app) {
       subscribe(app);
       static_cast<void>(app.node->unsubscribe(kPeersTopic));
       static_cast<void>(app.node->unsubscribe("newest"));
       static_cast<void>(app.node->unsubscribe(app.unknown_name()));
     }},
    {"subscribe again", [](App& app) { static_cast<void>(app.node->subscribe(app.alias, app.topic_handler())); },
     kMayMiss},
    {"unsubscribe", [](App& app) { static_cast<void>(app.node->unsubscribe(app.alias)); }, kMayStop},
    {"ask for an alias, and set the level of the log",
     [](App& app) {
       const Result<PeerInfo> peer = app.node->resolve("peer");
       if (peer) {
         EXPECT_EQ(app.node->alias_of(peer->node_id), app.node->is_running() ? "peer" : "");
       }
       EXPECT_EQ(app.node->alias_of("nobody"), "");
       app.node->set_log_level(LogVerbosity::error);
     }},
    {"a writer asks a peer", [](App& app) { write_message(app, [&app] { ask(app, "peer"); }); }},
    {"a writer waits",
     [](App& app) {
       write_message(app, [&app] {
         send_and_wait(app);
         ask_and_wait(app);
       });
     }},
    {"a writer joins, subscribes and watches",
     [](App& app) {
       write_message(app, [&app] {
         static_cast<void>(app.node->join("workers"));
         subscribe(app);
         watch_group(app);
       });
     }},
    {"a writer sends to a group", [](App& app) { write_message(app, [&app] { send_to_group(app); }); }},
    {"a writer publishes", [](App& app) { write_message(app, [&app] { retain_and_publish(app); }); }},
    {"ask, publish, send to a group, and shut down",
     [](App& app) {
       ask(app, "peer");
       ask(app, app.unknown_name());
       publish(app);
       send_to_group(app);
       watch_group(app);
       subscribe(app);
       static_cast<void>(app.node->shutdown());
       EXPECT_EQ(app.node->ask("peer", kOtherPayload, {}, app.end_of_ask()), SendVerdict::shut_down);
       EXPECT_EQ(app.node->publish(kPeersTopic, kOtherPayload), SendVerdict::shut_down);
       EXPECT_EQ(app.node->group(kPeersGroup).send(kOtherPayload), SendVerdict::shut_down);
       EXPECT_EQ(app.node->join("workers").error(), Errc::shut_down);
       EXPECT_EQ(app.node->subscribe(kPeersTopic, app.topic_handler()).error(), Errc::shut_down);
       EXPECT_EQ(app.node->unsubscribe(kPeersTopic).error(), Errc::shut_down);
     },
     kMayStop},
    {"ask, publish, send to a group, and drop the last handle",
     [](App& app) {
       ask(app, "peer");
       publish(app);
       send_to_group(app);
       watch_group(app);
       subscribe(app);
       app.node.reset();
     },
     kDrops},
};

}  // namespace distflow::test
