// The links between nodes, for the graph on the page: asked from the nodes that viewers name, while they look.
//
//     viewer ── GET /api/links?id=A&id=B ──▶ MeshLinks ── StatsRelay::ask_inside(), part after part ──▶ A, B
//
// Loop thread only.
//   1. A request begins to read the peers of the nodes that it names, each kReadInterval after its last reading began
//      at the earliest and never while one is under way. It is answered with the links of the last whole reading. All
//      viewers share the readings. A node that nobody has named within kLookTime is forgotten, and asked nothing.
//   2. Links to nodes that somebody has named are kept, kNodeBytesMax of one node; its other links are counted. An
//      answer has the links between the nodes that its request names.
//   3. A request names kNamedMax nodes; kNodesMax are kept, kNodesPerUserMax for one user, kNodesOfUsersMax for
//      all but root. A place is the first user's that names the node; when that has not done so for half of kLookTime,
//      it passes to another user that does, and has a place left. Where all places are taken, a user with fewer than an
//      equal share gets one of a user with more, of the one with most if that has one to give: a node that owes an
//      answer keeps its place, and so does one that the same request names. kAskedMax questions are under way at the
//      same time, kAskedPerUserMax for one user. The other nodes wait, and a node that has reported a part waits behind
//      them. What is left out or has to wait is counted; what is left out is reported.
//   4. A node that does not answer keeps its place for StatsRelay::kTimeout. So nodes that may not answer have
//      kUnprovenMax of these places, kUnprovenPerUserMax for one user: the others are for nodes that answer, whose
//      places are soon free again. A node counts as one that answers from its first answer on. Once it has left a
//      question unanswered it counts as one again behind two readings that it has answered, and twice as many with each
//      further time, kReadingsOwedMax at most. Nodes that have not answered their last question are asked behind all
//      others.
//   5. A viewer is shown the nodes of its own user, root all; others are not there, but links to them are. What a
//      node has reported on itself is forgotten when its name is another user's.
// Use: MeshLinks links(reactor, pmd); ... return links.answer(request.query, owner);
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/string_map.hpp"
#include "base/timer_wheel.hpp"
#include "http/response.hpp"
#include "io/peer_owner.hpp"
#include "io/reactor.hpp"
#include "pmd/server/server.hpp"
#include "pmd/web/peers_reading.hpp"

namespace distflow::pmd {

/// Monotonic.
struct MeshLinkCounters {
  std::uint64_t readings = 0;   ///< of a node, with all of its parts
  std::uint64_t asked = 0;      ///< questions to nodes, one for each part
  std::uint64_t told = 0;       ///< answers with links
  std::uint64_t untold = 0;     ///< readings that ended without an answer that can be read
  std::uint64_t delayed = 0;    ///< questions that had to wait for one of the kAskedMax or kAskedPerUserMax places
  std::uint64_t refused = 0;    ///< questions that StatsRelay had no place or memory for, and that are tried again
  std::uint64_t cut = 0;        ///< readings of a node with more links than are kept, or more peers than are read
  std::uint64_t left_out = 0;   ///< names beyond kNamedMax of a request, and nodes beyond kNodesMax or kNodesPerUserMax
  std::uint64_t not_kept = 0;   ///< answers dropped for lack of memory
  std::uint64_t displaced = 0;  ///< nodes forgotten for another user's, which had fewer than its share
};

class MeshLinks {
 public:
  static constexpr base::Duration kLookTime = base::seconds(5);
  static constexpr base::Duration kReadInterval = base::seconds(1);
  static constexpr base::Duration kPlaceInterval = base::milliseconds(100);  // between two looks for a place
  static constexpr std::size_t kNamedMax = 64;
  static constexpr std::size_t kNodesMax = 256;
  static constexpr std::size_t kNodesPerUserMax = 128;  // of root, kNodesMax
  static constexpr std::size_t kNodesOfUsersMax = 192;  // of all but root together
  static constexpr std::size_t kNodeBytesMax = std::size_t{64} * 1024;
  static constexpr std::uint32_t kAskedMax = 48;
  static constexpr std::uint32_t kAskedPerUserMax = 24;  // of root, kAskedMax
  static constexpr std::uint8_t kReadingsOwedMax = 32;
  static constexpr std::uint32_t kUnprovenMax = 36;
  static constexpr std::uint32_t kUnprovenPerUserMax = 18;  // of root, kUnprovenMax
  static_assert(2 * kNodesPerUserMax >= kNodesMax && 2 * kNodesPerUserMax >= kNodesOfUsersMax,
                "who takes a place keeps to kNodesPerUserMax (PlacesByUser)");

  /// Both must outlive it.
  MeshLinks(io::Reactor& reactor, Server& pmd);
  MeshLinks(const MeshLinks&) = delete;
  MeshLinks& operator=(const MeshLinks&) = delete;

  /// `{"leftOut":0,"nodes":[{"nodeId":...,"atUs":...,"links":[...],"others":0,"isCut":false},...]}`; with `untold` in
  /// place of the rest, why not, and with `isAwaited` where a node has not answered yet. `others` is the number of its
  /// links to nodes that the request does not name, and of those to nodes that were named after the node was read. May
  /// throw std::bad_alloc.
  [[nodiscard]] http::Response answer(std::string_view query, const io::PeerOwner& viewer);
  /// An answer to a question of the PMD's own; it passes over those to others' questions. Does not throw.
  void take(const InsideAnswer& answer);

  [[nodiscard]] const MeshLinkCounters& counters() const { return counters_; }
  [[nodiscard]] std::size_t size() const { return nodes_.size(); }

 private:
  struct Link {
    std::string to;
    std::string text;
  };
  struct Links {
    std::uint64_t at_us = 0;
    std::vector<Link> kept;
    std::size_t bytes = 0;  // of these
    std::uint64_t all = 0;  // that were reported
    bool is_cut = false;
  };
  enum class Manner : std::uint8_t {
    unknown,   // asked nothing yet
    answers,   // and so it is expected to
    silent,    // it has not answered its last question
    on_trial,  // it has, but was silent before: it owes readings
  };
  struct Places {
    std::uint32_t asked = 0;     // questions under way
    std::uint32_t unproven = 0;  // of those, to nodes that may not answer
  };
  struct Node {
    UserId user;               // whose it is
    std::uint32_t viewer = 0;  // the user whose place it has
    std::uint32_t asker = 0;   // the user for whom it is read: one that may see it
    base::Instant until;
    std::uint64_t request = 0;  // that named it last
    base::Instant next_reading;
    PeersReading reading;
    bool is_for_former = false;  // what is asked: the node that had the name before
    std::uint64_t turn = 0;      // of those that want a part, the least is asked first
    bool is_delayed = false;     // this part, and counted
    bool is_refused = false;
    Manner manner = Manner::unknown;
    std::uint8_t readings_owed = 0;  // before it counts as one that answers
    std::uint8_t trial = 1;          // how many it owed when it was silent last, or 1
    Links coming;                    // of the reading that is under way
    Links told;                      // of the last one
    std::string untold;              // in place of that; empty: it has reported them
  };
  using Nodes = base::StringMap<Node>;

  [[nodiscard]] static bool may_see(const Registry::Entry& entry, const io::PeerOwner& viewer);
  /// Null when there is no place.
  Node* look_at(const Registry::Entry& entry, const io::PeerOwner& viewer);
  [[nodiscard]] bool has_place_for(const io::PeerOwner& viewer, const Node* named) const;
  [[nodiscard]] bool take_place_for(const io::PeerOwner& viewer);
  void begin_reading(const Registry::Entry& entry, const io::PeerOwner& viewer, Node& node);
  void want_part(Node& node);
  void ask_waiting();
  [[nodiscard]] bool ask(const std::string& node_id, Node& node);
  static void count_once(bool& is_counted, std::uint64_t& counter);
  void take_part(Node& node, const InsideAnswer& answer);
  [[nodiscard]] bool keep_links(Links& links, std::string_view peers) const;
  void give_up(Node& node, std::string_view why);
  void forget(Node& node, std::string_view why);
  void on_time();

  io::Reactor& reactor_;
  Server& pmd_;
  MeshLinkCounters counters_;
  Nodes nodes_;
  std::uint64_t last_turn_ = 0;
  std::uint64_t last_request_ = 0;
  base::Timer timer_;
};

}  // namespace distflow::pmd
