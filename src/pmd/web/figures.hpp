// The figures of the nodes for the page: asked from the nodes while somebody looks, and not else.
//
//     viewer ── GET /api/figures ──▶ Figures ── StatsRelay::ask_inside() ──▶ node
//
// Loop thread only.
//   1. A question for figures counts as a look for kLookTime. While nobody looks no node is asked, no timer runs,
//      and nothing is kept.
//   2. A viewer is shown the nodes of its own user, root all nodes. Nodes that no viewer may see are not asked. What is
//      kept of a node is forgotten when it has left, even if another node has its nodeId then; what it still answers
//      says nothing of that one.
//   3. A round begins kRoundInterval after the one before at the earliest. It asks each node that has a place once,
//      except those that still owe an answer, and kAskedPerTurnMax nodes in one turn.
//   4. The rounds do not wait for nodes that do not answer. A node that did not answer within kSlowAfter is passed over
//      by the rounds for a while (answering_manner.hpp), also if it has registered anew since. Such nodes are asked one
//      after another, kSlowPerTurnMax in one turn, with kSlowMax questions under way, half of those that one connection
//      may have. A round has kNewMax questions under way to nodes that have never answered, and passes over the others
//      of these: their turn comes in a later one.
//   5. kNodesMax nodes have places. A round looks at kLookedAtMax nodes in the order of registration; the next one goes
//      on there, or begins anew when the last node is gone. A node keeps its place for as long as it is there and seen.
//      Where there are more nodes than places, the users whose nodes they are have equal shares (equal_share.hpp): a
//      user with fewer gets the places that users with more were given last.
//   6. kBytesMax are kept. Where there is no more room, the users have equal shares of that, too: the answer of a user
//      with more is dropped, or what was kept of a node of such a user for the answer of one with less.
//   7. Figures that have not changed are not sent again: a viewer says up to which number it has got them. It is told
//      which nodes have had figures since then and have none now. Where not all of these are kept (gone_figures.hpp),
//      it begins anew, with all figures.
//   8. What is new comes in parts, in the order of the nodes' places. So each reading has an end, at whatever pace the
//      viewer reads, and whatever changes, comes and goes meanwhile: that is for its next reading, and only that one
//      may have to begin anew.
// Use: Figures figures(reactor, pmd); ... return figures.answer(request.query, owner);
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/string_map.hpp"
#include "base/timer_wheel.hpp"
#include "http/response.hpp"
#include "io/peer_owner.hpp"
#include "io/reactor.hpp"
#include "pmd/server/server.hpp"
#include "pmd/web/answering_manner.hpp"
#include "pmd/web/figures_text.hpp"
#include "pmd/web/gone_figures.hpp"
#include "pmd/web/questions_under_way.hpp"

namespace distflow::pmd {

/// Monotonic.
struct FiguresCounters {
  std::uint64_t asked = 0;            ///< questions to nodes
  std::uint64_t told = 0;             ///< answers with figures
  std::uint64_t untold = 0;           ///< questions without an answer that can be read
  std::uint64_t not_asked = 0;        ///< nodes that a round passed over: no place or memory for a question
  std::uint64_t left_out = 0;         ///< nodes without a place, and all that were not looked at, once a round
  std::uint64_t displaced = 0;        ///< nodes whose place went to a user with fewer than its share
  std::uint64_t not_kept = 0;         ///< answers dropped at kBytesMax, at once or later, or for lack of memory
  std::uint64_t gone_not_kept = 0;    ///< nodes that have lost their figures, dropped likewise: viewers begin anew
  std::uint64_t viewers_refused = 0;  ///< requests of users beyond kViewersMax
};

class Figures {
 public:
  static constexpr base::Duration kLookTime = base::seconds(3);
  static constexpr base::Duration kRoundInterval = base::seconds(1);
  static constexpr base::Duration kTurnInterval = base::milliseconds(100);  ///< between the turns of a round
  static constexpr std::size_t kAskedPerTurnMax = 128;
  static constexpr base::Duration kSlowAfter = base::milliseconds(500);
  static constexpr std::size_t kSlowPerTurnMax = 32;
  static constexpr std::size_t kSlowMax = StatsRelay::kInsideRoundMax / 2;
  static constexpr std::size_t kNewMax = kAskedPerTurnMax;
  static_assert(kSlowMax + kNewMax < StatsRelay::kInsideRoundMax, "the others are for nodes that answer");
  static constexpr std::size_t kNodesMax = 4096;
  static constexpr std::size_t kLookedAtMax = 16'384;
  static constexpr std::size_t kViewersMax = 16;  ///< users that look at the same time
  static constexpr std::size_t kBytesMax = std::size_t{16} * 1024 * 1024;
  static constexpr std::size_t kPartSizeMax = std::size_t{256} * 1024;  ///< of an answer, and one node

  /// Both must outlive it.
  Figures(io::Reactor& reactor, Server& pmd);
  Figures(const Figures&) = delete;
  Figures& operator=(const Figures&) = delete;

  /// `{"next":"7","isWhole":true,"isAnew":false,"leftOut":0,"gone":["id1"],"nodes":[...]}`: what has changed since the
  /// answer whose `next` is `since` of `query` (figures_place.hpp); all without one. `isWhole` is false where a part
  /// ends at kPartSizeMax. Nodes in `gone` have lost their figures; they may have new ones in `nodes`. With `isAnew`
  /// all figures of before are void: those that are still so come in this part and the next ones. 400 for a query that
  /// cannot be read, 503 at kViewersMax. May throw std::bad_alloc.
  [[nodiscard]] http::Response answer(std::string_view query, const io::PeerOwner& viewer);

  /// An answer to a question of the PMD's own; it passes over those to others' questions. Does not throw.
  void take(const InsideAnswer& answer);

  [[nodiscard]] const FiguresCounters& counters() const { return counters_; }
  /// Nodes that have a place.
  [[nodiscard]] std::size_t kept_count() const { return nodes_.size(); }

 private:
  struct Node;
  /// One that takes the place of another in the registry has its number, and another owner.
  struct Registration {
    std::uint64_t number = 0;
    OwnerId owner = 0;
    bool operator==(const Registration&) const = default;
  };
  using BytesOfUsers = std::map<UserId, std::size_t>;
  using Sizes = std::multimap<std::pair<UserId, std::size_t>, Node*>;
  struct Node {
    [[nodiscard]] std::size_t size() const { return text.size() + before.latency.size(); }

    std::string_view node_id;  // its key
    std::uint64_t place = 0;   // places_ are in order of these; from the same numbers as changes
    UserId user;
    Registration registration;
    std::uint64_t round = 0;   // that asked it last
    base::Instant asked_at{};  // then
    AnsweringManner manner;
    bool is_over = false;        // loses its place with the next round
    std::uint64_t question = 0;  // that it owes the answer to; 0: none
    std::uint64_t number = 0;    // of its last change; 0: nothing of it is kept
    Sizes::iterator in_sizes;    // where something is
    std::string text;            // what is sent
    FiguresBefore before;
  };
  using Nodes = base::StringMap<Node>;
  struct Viewer {
    std::uint32_t user;
    base::Instant until;
  };
  /// What a look at the registry has found, of the nodes that are seen.
  struct Looked {
    std::vector<const Registry::Entry*> without_place;
    std::size_t all = 0;  // those that were not looked at, too
  };
  struct Share {
    std::size_t held = 0;
    std::size_t wanted = 0;  // that, and the nodes without a place
  };
  using Shares = std::map<UserId, Share>;

  bool note_viewer(std::uint32_t user);
  [[nodiscard]] bool is_seen(const UserId& user) const;
  void on_time();
  void take_registration(Node& node, const Registry::Entry& entry);
  void take_answer(Node& node, const InsideAnswer& answer);
  void keep(Node& node, std::string text, std::string latency);
  [[nodiscard]] bool make_room(const UserId& user, std::size_t size);
  void forget(Node& node);
  void note_gone(const Node& node);
  void begin_round();
  [[nodiscard]] Looked look();
  void share_out(const Looked& looked);
  void displace(std::size_t count, std::size_t share, Shares& users);
  static Registration registration_of(const Registry::Entry& entry) {
    return {.number = entry.number, .owner = entry.owner};
  }
  void give_place(const Registry::Entry& entry);
  void drop_over();
  void ask_some();
  std::size_t ask_slow();
  void ask_in_round(Node& node, const Registry::Entry& entry);
  void ask(Node& node, const Registry::Entry& entry);
  void forget_all();

  io::Reactor& reactor_;
  Server& pmd_;
  FiguresCounters counters_;
  std::vector<Viewer> viewers_;
  Nodes nodes_;
  Sizes sizes_;  // the nodes of which something is kept
  std::size_t bytes_ = 0;
  BytesOfUsers bytes_of_users_;  // users without any are not in it
  GoneFigures gone_;
  std::uint64_t last_number_ = 1;  // of a change or a place; 0 is of viewers that have nothing
  std::uint64_t round_ = 0;
  base::Instant next_round_ = base::Instant::min();  // when it may begin
  std::vector<Nodes::value_type*> places_;           // all of nodes_, in order of their places
  std::size_t asked_ = 0;                            // of them, by this round
  QuestionsUnderWay<kSlowMax> slow_;                 // those to slow nodes
  QuestionsUnderWay<kNewMax> new_;                   // those to nodes that have never answered
  std::size_t next_slow_ = 0;                        // where the look for the next of these goes on
  std::size_t left_out_ = 0;                         // by this round
  std::string looked_at_;                            // the nodeId that the last look ended with
  std::uint64_t looked_at_number_ = 0;               // of that entry
  base::Timer timer_;
};

}  // namespace distflow::pmd
