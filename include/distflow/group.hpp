// Groups: a name that many nodes join, and messages to one of them, or to all.
//
// Group: a handle of the node, as a NodeRuntime is; it is moved, not copied. One thread at a time; node.group(name)
// gives another thread one of its own. Pick, GroupChange, SentToAll: values.
//   1. A group exists while it has members. Who sends to it need not be one of them.
//   2. The members are those of this node's copy of the registry. Two nodes may see different ones for a moment, or for
//      as long as they are cut off from each other.
//   3. A message goes to one member, chosen by the call that sends it, or to none: never to two. If that member leaves
//      before the message has left, the message is dropped, and counted as dropped_peer_left. Only a request that is
//      idempotent may go to another member, too.
//   4. Nodes of the TypeScript original join no groups, and get none of these messages.
//   5. Names of groups are apart from aliases and nodeIds.
// Use: node.join("workers");                                            // at each worker
//      auto workers = node.group("workers");                            // at the dispatcher
//      workers.send(R"({"job":17})");
//      workers.send(R"({"cart":3})", Pick::sticky("user-42"));
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <distflow/message.hpp>
#include <distflow/send.hpp>
#include <distflow/version.hpp>

namespace distflow {

class NodeRuntime;
struct AskOptions;
struct Reply;

/// How the member that gets a message is chosen.
class Pick {
 public:
  /// The names of the ways below.
  enum class Way : std::uint8_t { least, round_robin, sticky, local, first };

  /// Of two members at random, the one with fewer requests and messages under way from this node. If both have as many,
  /// either.
  static constexpr Pick least() { return Pick(Way::least); }
  /// One after the other. Each Group has its own turn, and begins anywhere.
  static constexpr Pick round_robin() { return Pick(Way::round_robin); }
  /// The same member for the same key, at every node that sees the same members. A member that leaves moves only its
  /// own keys. Takes a time that grows with the number of members, some nanoseconds each. `key` must live for the call.
  static constexpr Pick sticky(std::string_view key) { return Pick(Way::sticky, key); }
  /// As least(), among the members whose host is this node's, if there are any.
  static constexpr Pick local() { return Pick(Way::local); }
  /// The member with the smallest nodeId. Two nodes may see different ones: it is no lock.
  static constexpr Pick first() { return Pick(Way::first); }

  /// Which of them it is.
  [[nodiscard]] constexpr Way way() const { return way_; }
  /// Of sticky(); else empty.
  [[nodiscard]] constexpr std::string_view key() const { return key_; }

 private:
  constexpr explicit Pick(Way way, std::string_view key = {}) : way_(way), key_(key) {}
  Way way_;
  std::string_view key_;
};

/// A node has joined the group, or is no longer in it.
struct GroupChange {
  PeerInfo node;            ///< as the registry has it; it may be this node
  bool has_joined = false;  ///< false: it has left the group, or the registry
};

/// What became of a message to all members. Both are 0 where the group has none, after shutdown, and where there was no
/// memory to look for them, which NodeStats::calls_out_of_memory counts.
struct SentToAll {
  std::size_t under_way = 0;  ///< members for whom the verdict was written or queued
  std::size_t refused = 0;    ///< members for whom it was another
};

/// The members of one group, to send to. NodeRuntime::group() makes one.
class DISTFLOW_API Group {
 public:
  /// A handle that was moved from may be assigned to and destroyed; nothing else.
  Group(Group&& other) noexcept;
  /// The same.
  Group& operator=(Group&& other) noexcept;
  ~Group();

  /// The name that it was made for.
  [[nodiscard]] const std::string& name() const;

  /// Sends one JSON value to one member. The grammar of `json` is checked. Never blocks. The verdict is unresolved if
  /// the group has no members: nobody is asked, as this node knows all that the registry has. With least, round_robin
  /// and local, a member whose queue is full is passed over for another one, of at most eight.
  SendVerdict send(std::string_view json, Pick pick = Pick::least());
  /// The same with text that the caller vouches for: its grammar is not checked.
  SendVerdict send(RawJson json, Pick pick = Pick::least());

  /// Sends one JSON value as a request to one member; include <distflow/ask.hpp>. As NodeRuntime::ask(). With least,
  /// round_robin and local, a member that has answered `busy` is passed over for 100 ms. An idempotent request may go
  /// to another member (AskOptions::attempts, backup_after), with sticky and first only once the member has left.
  SendVerdict ask(std::string_view json, const AskOptions& options, std::function<void(const Reply&)> callback,
                  Pick pick = Pick::least());

  /// Sends one JSON value to each member, this node too if it is one. It is encoded for each, as frames name their
  /// receiver; what is published to a topic is encoded once (<distflow/topic.hpp>).
  SentToAll send_all(std::string_view json);

  /// The members now, in no order; empty for lack of memory and after shutdown.
  [[nodiscard]] std::vector<PeerInfo> members();

  /// Called for each node that joins or leaves the group after the call. Runs where message handlers run. A group name
  /// has one such handler at a node: a later call replaces it.
  void on_change(std::function<void(const GroupChange&)> handler);

 private:
  friend class NodeRuntime;
  struct Impl;
  explicit Group(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace distflow
