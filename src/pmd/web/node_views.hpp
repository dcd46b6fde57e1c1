// One node with its peers, for the page: asked from the node while somebody looks at it.
//
//     viewer ── GET /api/node?id=NODEID ──▶ NodeViews ── StatsRelay::ask_inside(), part after part ──▶ node
//
// Loop thread only.
//   1. A request begins to ask the node anew, unless a reading is under way or has begun within kReadInterval, and is
//      answered with what the last whole reading has reported. A node whose place nobody has kept for kLookTime is
//      forgotten, when it owes no answer.
//   2. kViewsMax nodes are looked at at the same time, kViewsPerUserMax by one user. A place is the first user's that
//      looks at the node; when that has not done so for half of kLookTime, it passes to another user that does, and has
//      a place left. Where all places are taken, a user with fewer than an equal share gets one of a user with more:
//      that of a node that owes no answer, if there is one, and of the user with most. Of a node, kBytesMax of peers
//      are kept, from as many parts as a PeersReading has; the others are left out.
//   3. kAskedMax questions are under way at the same time, with those of nodes that have lost their place. The others
//      wait, and a node that has reported a part waits behind them.
//   4. A viewer is shown the nodes of its own user, root all. What a node has reported on itself is forgotten when its
//      name is another user's.
// Use: NodeViews views(reactor, pmd); ... return views.answer(request.query, owner);
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
#include "pmd/web/peers_reading.hpp"
#include "pmd/web/questions_under_way.hpp"

namespace distflow::pmd {

/// Monotonic.
struct NodeViewCounters {
  std::uint64_t readings = 0;   ///< of a node, with all of its parts
  std::uint64_t untold = 0;     ///< readings that ended without an answer that can be read
  std::uint64_t cut = 0;        ///< readings of a node with more peers than are kept
  std::uint64_t refused = 0;    ///< requests beyond kViewsMax nodes or kViewsPerUserMax
  std::uint64_t delayed = 0;    ///< questions that had to wait for one of the kAskedMax places
  std::uint64_t displaced = 0;  ///< nodes forgotten for another user's, which had fewer than its share
};

class NodeViews {
 public:
  static constexpr base::Duration kLookTime = base::seconds(3);
  static constexpr base::Duration kReadInterval = base::milliseconds(900);  // less than pages that ask each second need
  static constexpr std::size_t kViewsMax = 8;
  static constexpr std::size_t kViewsPerUserMax = 4;  // of root, kViewsMax
  static constexpr std::size_t kAskedMax = 2 * kViewsMax;
  static constexpr std::size_t kBytesMax = std::size_t{512} * 1024;
  static_assert(2 * kViewsPerUserMax >= kViewsMax, "who takes a place keeps to kViewsPerUserMax (PlacesByUser)");

  /// Both must outlive it.
  NodeViews(io::Reactor& reactor, Server& pmd);
  NodeViews(const NodeViews&) = delete;
  NodeViews& operator=(const NodeViews&) = delete;

  /// `{"nodeId":...,"atUs":7,"latency":{...},"sent":{...},"received":{...},"peers":[...],"isCut":false}`; with `untold`
  /// in place of the rest, why not, and with `isAwaited` before the first answer. `atUs` is the node's clock; rates are
  /// differences by it. Each has the law of its counters: how many messages are missing in it. 404 when there is no
  /// such node or it is not the viewer's to see, 503 at kViewsMax or kViewsPerUserMax. May throw std::bad_alloc.
  [[nodiscard]] http::Response answer(std::string_view query, const io::PeerOwner& viewer);
  /// An answer to a question of the PMD's own; it passes over those to others' questions. Does not throw.
  void take(const InsideAnswer& answer);

  [[nodiscard]] const NodeViewCounters& counters() const { return counters_; }
  [[nodiscard]] std::size_t size() const { return views_.size(); }

 private:
  struct View {
    UserId user;               // whose node it is
    std::uint32_t viewer = 0;  // the user whose place it has
    base::Instant until = {};
    base::Instant next_reading = {};
    PeersReading reading = {};
    std::uint64_t turn = 0;    // of those that want a part, the least is asked first
    std::string peers = {};    // of this reading
    std::string latency = {};  // the same
    std::string told =
        R"("isAwaited":true,"untold":"It has not told them yet")";  // of the last one, without the nodeId
  };

  void keep_place(View& view, const io::PeerOwner& viewer) const;
  [[nodiscard]] bool has_place_for(const io::PeerOwner& viewer, const View* looked_at) const;
  [[nodiscard]] bool take_place_for(const io::PeerOwner& viewer);
  void want_part(View& view);
  void ask_waiting();
  void ask(const std::string& node_id, View& view);
  void take_part(View& view, const InsideAnswer& answer);
  void give_up(View& view, std::string_view why);
  void on_time();

  io::Reactor& reactor_;
  Server& pmd_;
  NodeViewCounters counters_;
  base::StringMap<View> views_;
  QuestionsUnderWay<kAskedMax> under_way_;
  std::uint64_t last_turn_ = 0;
  base::Timer timer_;
};

}  // namespace distflow::pmd
