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
//   5. Nodes of the TypeScript original subscribe to nothing, and get none of these messages. Names of topics are apart
//      from aliases, nodeIds and groups. There are no wildcards.
// Use: node.subscribe("prices", [](const Message& message) { ... });   // at each subscriber
//      node.publish("prices", R"({"symbol":"ABC","price":17})");       // at the publisher
#pragma once

#include <distflow/message.hpp>
#include <distflow/node_options.hpp>
#include <distflow/version.hpp>

namespace distflow {

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
