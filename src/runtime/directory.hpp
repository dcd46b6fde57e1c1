// The local replica of the registry: who is there, by nodeId and by alias, and the way to each.
//
// The loop's thread changes it; list(), find_info(), alias_of(): any thread.
//   1. A peer is in the replica from its join to its leave, each told once; the node itself is in it, and never told.
//   2. While the PMD is away nobody leaves. After a snapshot of a PMD that was away, a peer that it lacks is a suspect,
//      and leaves when it has not registered again within the grace period.
//   3. An alias leads to the peer that registered it last.
//   4. upsert() and on_snapshot() may throw std::bad_alloc. Each peer has changed then as a whole or not at all, and a
//      later snapshot makes up for the rest. Nothing else needs memory.
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

#include "base/string_map.hpp"
#include "base/timer_wheel.hpp"
#include "runtime/link.hpp"

namespace distflow::runtime {

/// A node as the registry tells of it.
struct KnownNode {
  PeerInfo info;
  bool shares_connections = false;
  bool shares_memory = false;  ///< and is of this machine
};

/// One node of the registry. Lives until it has left and its link has finished.
struct Peer {
  PeerInfo info;
  std::string prefix;  ///< of every envelope to it
  Traffic* traffic = nullptr;
  std::unique_ptr<Link> link;
  bool is_self = false;
  bool is_suspect = false;
  bool shares_connections = false;
  bool shares_memory = false;
  std::shared_ptr<const void> memory_place{};  ///< held by each connection whose memory this peer has offered
};

class DirectoryObserver {
 public:
  virtual void on_peer_join(const Peer& peer) = 0;
  virtual void on_peer_leave(const Peer& peer) = 0;
  /// The peer is known under `name` (its alias or nodeId) from now on; null: nobody is.
  virtual void on_binding(std::string_view name, Peer* peer) = 0;

 protected:
  ~DirectoryObserver() = default;
};

struct DirectoryOptions {
  std::string self;  ///< this node's nodeId
  base::Duration rejoin_grace;
};

class Directory {
 private:
  using PeerPtr = std::unique_ptr<Peer>;

 public:
  enum class Absence { leave, suspect };

  /// All must outlive the directory.
  Directory(LinkParts& parts, TrafficTable& traffic, DirectoryObserver& observer, DirectoryOptions options);
  ~Directory();
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;

  Peer& upsert(const KnownNode& node);
  void remove(std::string_view node_id);
  /// `absence` says what becomes of peers that are not among `nodes`.
  void on_snapshot(std::span<const KnownNode> nodes, Absence absence);

  /// By alias, else by nodeId. Loop thread only.
  [[nodiscard]] Peer* find(std::string_view name);
  /// By nodeId alone. Loop thread only.
  [[nodiscard]] Peer* find_id(std::string_view node_id);

  /// The other nodes, in the order of their joining. Any thread.
  [[nodiscard]] std::vector<PeerInfo> list() const;
  [[nodiscard]] std::optional<PeerInfo> find_info(std::string_view name) const;
  /// Of the node of that nodeId, whoever has it for an alias; empty when there is none. Any thread.
  [[nodiscard]] std::string alias_of(std::string_view node_id) const;

  /// Calls `visit(info)` for each of the other nodes, in the order of their joining. Loop thread only.
  template <class Visit>
  void for_each_other(Visit visit) const {
    for (const PeerPtr& peer : peers_) {
      if (!peer->is_self) visit(peer->info);
    }
  }
  /// Also of a node that has left and whose link has not finished; empty when there is none. Loop thread only.
  [[nodiscard]] std::string_view alias_on_loop(std::string_view node_id) const;

  /// Retires every link; what cannot be sent is counted as dropped by the shutdown.
  void begin_shutdown();
  /// Gives up on the links that have not finished.
  void abort();
  [[nodiscard]] bool is_finished() const { return peers_.empty() && departed_.empty() && replaced_.empty(); }
  /// Forgets the departed whose links have finished. Called from on_finished's turn end.
  void reap();

 private:
  using Names = base::StringMap<Peer*>;
  Names::node_type prepare(Names& names, const std::string& name, Peer& peer);
  static void bind(Names& names, Names::node_type&& prepared);
  Peer& add(const KnownNode& node);
  void change(Peer& peer, const PeerInfo& info);
  void leave(Peer& peer, Counter SendCounters::*reason);
  [[nodiscard]] bool leads_to(std::string_view alias, const Peer& peer) const;
  void unbind_alias(const Peer& peer);
  void on_grace_over();

  LinkParts& parts_;
  TrafficTable& traffic_;
  DirectoryObserver& observer_;
  const DirectoryOptions options_;

  mutable std::mutex mutex_;    // held by the loop's thread to change the three below, by others to read them
  std::vector<PeerPtr> peers_;  // in order of joining
  Names by_id_;
  Names by_alias_;

  std::vector<PeerPtr> departed_;
  std::vector<std::unique_ptr<Link>> replaced_;
  base::Timer grace_timer_;
};

}  // namespace distflow::runtime
