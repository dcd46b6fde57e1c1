// The links between nodes, for the graph on the page: asked from the nodes that a viewer names, while it looks.
//
//     viewer ── GET /api/links?id=A&id=B ──▶ MeshLinks ── StatsRelay::ask_inside(), the first part ──▶ A, B
//
// Loop thread only.
//   1. A request asks the nodes that it names, each kAskInterval after the last question to it at the earliest and
//      never while it owes an answer. It is answered with what they have told before. A node that nobody has named
//      within kLookTime is forgotten, and asked nothing.
//   2. A request names kNamedMax nodes; kNodesMax are kept, kNodesPerUserMax for one user, and of each kNodeBytesMax of
//   the peers in the first part of
//      its answer. What is left out is counted and told.
//   3. A viewer is told of the nodes of its own user, root of all; others are not there. What a node has told of itself
//      is forgotten when its name is another user's.
// Use: MeshLinks links(reactor, pmd); ... return links.answer(request.query, owner);
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/string_map.hpp"
#include "base/timer_wheel.hpp"
#include "http/response.hpp"
#include "io/peer_owner.hpp"
#include "io/reactor.hpp"
#include "pmd/server/server.hpp"

namespace distflow::pmd {

/// Monotonic.
struct MeshLinkCounters {
  std::uint64_t asked = 0;      ///< questions to nodes
  std::uint64_t told = 0;       ///< answers with links
  std::uint64_t untold = 0;     ///< questions without an answer that can be read
  std::uint64_t not_asked = 0;  ///< nodes that a request passed over: no place for a question
  std::uint64_t cut = 0;        ///< answers of nodes with more peers than are kept
  std::uint64_t left_out = 0;   ///< names beyond kNamedMax of a request, and nodes beyond kNodesMax or kNodesPerUserMax
  std::uint64_t not_kept = 0;   ///< answers dropped for want of memory
};

class MeshLinks {
 public:
  static constexpr base::Duration kLookTime = base::seconds(5);
  static constexpr base::Duration kAskInterval = base::seconds(1);
  static constexpr std::size_t kNamedMax = 64;
  static constexpr std::size_t kNodesMax = 256;
  static constexpr std::size_t kNodesPerUserMax = 128;  // of root, kNodesMax
  static constexpr std::size_t kNodeBytesMax = std::size_t{8} * 1024;

  /// Both must outlive it.
  MeshLinks(io::Reactor& reactor, Server& pmd);
  MeshLinks(const MeshLinks&) = delete;
  MeshLinks& operator=(const MeshLinks&) = delete;

  /// `{"leftOut":0,"nodes":[{"nodeId":...,"atUs":...,"links":[...],"isCut":false},...]}`; with `untold` in place of the
  /// rest, why not, and with `isAwaited` where a node has not answered yet. May throw std::bad_alloc.
  [[nodiscard]] http::Response answer(std::string_view query, const io::PeerOwner& viewer);
  /// An answer to a question of its own, or to another that says the same. Does not throw.
  void take(const InsideAnswer& answer);

  [[nodiscard]] const MeshLinkCounters& counters() const { return counters_; }
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }

 private:
  struct Node {
    UserId user;               // whose it is
    std::uint32_t viewer = 0;  // the user that looked at it first
    base::Instant until;
    base::Instant next_question;
    bool owes_answer = false;
    std::string told;  // without the nodeId
  };

  /// Null when there is no place.
  Node* look_at(const Registry::Entry& entry, const io::PeerOwner& viewer);
  [[nodiscard]] bool has_place_for(const io::PeerOwner& viewer) const;
  void ask(const Registry::Entry& entry, Node& node);
  void take_answer(Node& node, const InsideAnswer& answer);
  void on_time();

  io::Reactor& reactor_;
  Server& pmd_;
  MeshLinkCounters counters_;
  base::StringMap<Node> nodes_;
  std::uint64_t requests_ = 0;
  base::Timer timer_;
};

}  // namespace distflow::pmd
