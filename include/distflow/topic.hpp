// Topics: a name that many nodes subscribe to, and messages to all of them, each encoded once.
//
// Values; any thread.
//   1. A topic exists while it has subscribers. Who publishes need not be one of them.
//   2. The subscribers are those of the publisher's copy of the registry, when the message is handed out. At most once:
//      a message reaches each of them once, or not at all, and is counted then.
//   3. Each subscriber has its own queue at the publisher, and its own bound. One that is slow loses messages of its
//      own, counted as dropped_queue_full under its peer; the others do not notice.
//   4. The messages of one thread to one topic come in the order of their calls. There is no order between messages of
//      topics and others.
//   5. Who subscribes later gets what the publisher retains (NodeRuntime::retain()), and nothing else of before.
//   6. Nodes of the TypeScript original subscribe to nothing, and get none of these messages. Names of topics are apart
//      from aliases, nodeIds and groups. There are no wildcards.
// Use: node.subscribe("prices", [](const Message& message) { ... });   // at each subscriber
//      node.publish("prices", R"({"symbol":"ABC","price":17})");       // at the publisher
#pragma once

#include <cstddef>

#include <distflow/message.hpp>
#include <distflow/node_options.hpp>
#include <distflow/version.hpp>

namespace distflow {

/// What a publisher keeps of a topic for nodes that subscribe later.
struct RetainOptions {
  /// The last messages, at most 1,000; 0: none, and those that are kept are let go of with the next message or
  /// subscriber.
  std::size_t count = 1;
  /// Bytes of these, with 110 or so for each besides its JSON. The oldest make room. A message that is larger is not
  /// kept, and none is then: NodeStats::not_retained.
  std::size_t bytes_max = std::size_t{1} << 20;
};

/// How the messages of a topic wait for their handler at a subscriber.
struct SubscribeOptions {
  /// Bounds of what waits, for this topic alone. With Overflow::block the oldest are dropped: messages to all must not
  /// hold up those to this node alone.
  MailboxLimits mailbox{};
  /// Of the messages that wait keep only the newest of each key, as NodeOptions::conflate_by does; what is replaced is
  /// counted as conflated. Messages wait while the handler runs: with Threading::dispatcher all of them, otherwise
  /// those that come in one turn of the I/O thread.
  ConflateBy conflate_by{};
};

}  // namespace distflow
