// The local replica of the registry: who is there, by nodeId and by alias, and the way to each.
//
// The loop's thread changes it; list(), find_info(), alias_of(): any thread.
//   1. A peer is in the replica from its join to its leave; each is reported once. The node itself is in it, too.
//   2. While the PMD is away nobody leaves. After a snapshot of a PMD that was away, a peer that it lacks is a suspect,
//      and leaves when it has not registered again within the grace period.
//   3. An alias leads to the peer that registered it last.
//   4. upsert() and on_snapshot() may throw std::bad_alloc. Each peer has changed then as a whole or not at all, and a
//      later snapshot makes up for the rest. link_of() may throw it, and has changed nothing then. Nothing else needs
//      memory.
//   5. A peer that this node does not send to has no link and no send counters, and takes less than 200 bytes beside
//      its texts. Most nodes of a large registry never talk to each other.
//   6. The time of a join and of a leave does not depend on the number of peers.
// Use: directory.on_snapshot(nodes, Directory::Absence::suspect); Peer* peer = directory.find("pong");
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <distflow/message.hpp>

#include "base/intrusive_list.hpp"
#include "base/name_table.hpp"
#include "base/packed_info.hpp"
#include "base/timer_wheel.hpp"
#include "runtime/peers/link.hpp"

namespace distflow::runtime {

/// A node as the registry reports it.
struct KnownNode {
  PeerInfo info;
  bool shares_connections = false;  ///< is of this node's user, and has the cap
  bool shares_memory = false;       ///< the same for memory
  bool takes_asks = false;          ///< requests and replies
};

/// One node of the registry. Lives until it has left and its link has finished. A registry may have 100,000 of them, so
/// that state which only sending needs belongs to the link.
struct Peer : base::ListNode<Peer> {
  explicit Peer(const PeerInfo& known) : info(known) {}

  base::PackedInfo info;
  Peer* next_by_id = nullptr;
  Peer* next_by_alias = nullptr;
  std::unique_ptr<Link> link;  ///< null until the first send: Directory::link_of() makes it
  bool is_self = false;
  bool is_suspect = false;
  bool shares_connections = false;
  bool shares_memory = false;
  bool takes_asks = false;
  std::shared_ptr<const void> memory_place{};  ///< held by each connection whose memory this peer has offered
};

class DirectoryObserver {
 public:
  virtual void on_peer_join(const PeerInfo& peer) = 0;
  virtual void on_peer_leave(const base::PackedInfo& peer) = 0;
  /// `name` (an alias or a nodeId) means that peer from now on; null: nobody. Also when the peer has moved, for its
  /// link is another one then.
  virtual void on_binding(std::string_view name, Peer* peer) = 0;
  /// The registry has reported the node, this one or another: its groups may be others than before. May throw
  /// std::bad_alloc, and is called again then, after a snapshot.
  virtual void on_groups(const base::PackedInfo& node) { static_cast<void>(node); }
  /// The node is in the directory no more, and in no group.
  virtual void on_gone(const base::PackedInfo& node) { static_cast<void>(node); }

 protected:
  ~DirectoryObserver() = default;
};

struct DirectoryOptions {
  std::string self;  ///< this node's nodeId
  base::Duration rejoin_grace;
};

class Directory final : public NodeNames {
 public:
  enum class Absence { leave, suspect };

  /// All must outlive the directory.
  Directory(LinkParts& parts, TrafficTable& traffic, DirectoryObserver& observer, DirectoryOptions options);
  ~Directory();
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  Peer& upsert(const KnownNode& node);
  void remove(std::string_view node_id);
  /// `absence` decides about peers that are not among `nodes`.
  void on_snapshot(std::span<const KnownNode> nodes, Absence absence);

  /// By alias, else by nodeId. Loop thread only.
  [[nodiscard]] Peer* find(std::string_view name);
  /// By nodeId alone. Loop thread only.
  [[nodiscard]] Peer* find_id(std::string_view node_id);
  /// The link to a peer that is in the replica; the first call makes it, and may throw. Loop thread only.
  [[nodiscard]] Link& link_of(Peer& peer) {
    if (peer.link == nullptr) [[unlikely]]
      make_link(peer);
    return *peer.link;
  }

  /// The link that has offered memory to that node on that connection, and has no answer; also one that has retired.
  /// Null when there is none. Loop thread only.
  [[nodiscard]] Link* offerer(std::string_view node_id, const transport::Connection& connection);

  /// The other nodes, in the order of their joining. Any thread.
  [[nodiscard]] std::vector<PeerInfo> list() const;
  [[nodiscard]] std::optional<PeerInfo> find_info(std::string_view name) const;
  /// Whether a node has that alias or nodeId. Any thread.
  [[nodiscard]] bool knows(std::string_view name) const;
  /// Whether a node has that nodeId. Any thread.
  [[nodiscard]] bool knows_id(std::string_view node_id) const;
  /// Of the node of that nodeId, even if another node has that text as its alias; empty when there is none. Any thread.
  [[nodiscard]] std::string alias_of(std::string_view node_id) const;

  /// Calls `visit(info)` for each node that its nodeId leads to, this one included, in the order of their joining. Any
  /// thread; under the mutex.
  template <class Visit>
  void for_each_node(Visit visit) const {
    const std::scoped_lock lock(mutex_);
    peers_.for_each([&](const Peer& peer) {
      const Peer* const namesake = by_alias_.find(peer.info.node_id());
      if (namesake == nullptr || namesake == &peer) visit(peer.info);
    });
  }

  /// Also of a node that has left and whose link has not finished.
  [[nodiscard]] std::string_view alias_on_loop(std::string_view node_id) const override;
  /// In the order of their joining.
  std::size_t first_names(std::span<std::string_view> names) const override;

  /// Retires every link; what cannot be sent is counted as dropped by the shutdown.
  void begin_shutdown();
  /// Gives up on the links that have not finished.
  void abort();
  [[nodiscard]] bool is_finished() const { return peers_.empty() && departed_.empty() && replaced_.empty(); }
  /// Forgets the departed whose links have finished. Called from on_finished's turn end.
  void reap();

  /// What is wrong with it between two turns; null when nothing is. Where the registry gives an alias to two nodes at
  /// once, it is wrong when one of them leaves. For the simulator and tests.
  [[nodiscard]] const char* broken_invariant() const;

  /// Calls `visit(link)` for each link, of those that have left, too. Loop thread only.
  template <class Visit>
  void for_each_link(Visit visit) const {
    const auto visit_peer = [&visit](const Peer& peer) {
      if (peer.link) visit(*peer.link);
    };
    peers_.for_each(visit_peer);
    departed_.for_each(visit_peer);
    for (const std::unique_ptr<Link>& link : replaced_) visit(*link);
  }

 private:
  struct ById {
    static std::string_view name(const Peer& peer) { return peer.info.node_id(); }
    static Peer*& next(Peer& peer) { return peer.next_by_id; }
  };
  struct ByAlias {
    static std::string_view name(const Peer& peer) { return peer.info.alias(); }
    static Peer*& next(Peer& peer) { return peer.next_by_alias; }
  };
  using Peers = base::IntrusiveList<Peer, Peer>;

  /// Calls `visit(info)` for each of the other nodes, in the order of their joining.
  template <class Visit>
  void for_each_other(Visit visit) const {
    peers_.for_each([&visit](const Peer& peer) {
      if (!peer.is_self) visit(peer.info);
    });
  }
  template <class Names>
  void make_room(Names& names);
  void bind_alias(Peer& peer);
  Peer& add(const KnownNode& node);
  void make_link(Peer& peer);
  void change(Peer& peer, const PeerInfo& info);
  void leave(Peer& peer, Counter SendCounters::*reason);
  [[nodiscard]] bool leads_to(std::string_view alias, const Peer& peer) const;
  void unbind_alias(Peer& peer);
  void on_grace_over();

  LinkParts& parts_;
  TrafficTable& traffic_;
  DirectoryObserver& observer_;
  const DirectoryOptions options_;

  mutable std::mutex mutex_;  // held by the loop's thread to change the three below, by others to read them
  Peers peers_;               // owned, in order of joining
  base::NameTable<Peer, ById> by_id_;
  base::NameTable<Peer, ByAlias> by_alias_;  // of each alias, the peer that registered it last

  Peers departed_;  // owned; those whose links have not finished
  std::vector<std::unique_ptr<Link>> replaced_;
  base::Timer grace_timer_;
};

}  // namespace distflow::runtime
