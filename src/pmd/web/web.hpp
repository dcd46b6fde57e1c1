// What a PMD serves over HTTP: its health, metrics, nodes, and events as they happen.
//
//     GET /            the page (page/), with /app.css and its modules
//     GET /health      "ok", or 503 while the PMD ends
//     GET /metrics     metrics.hpp
//     GET /api/nodes   node_list.hpp
//     GET /api/figures figures.hpp
//     GET /api/node    node_views.hpp
//     GET /api/links   mesh_links.hpp
//     GET /events      server-sent events: "figures" at once and each second in which one has changed; "join", "update"
//                      and "leave" with a node, and the revision as their id. There is no resuming: Last-Event-ID is
//                      not read; the revision in the first figures tells who was away whether it missed any
//
// Loop thread only.
//   1. No request changes anything.
//   2. Without a stream nothing is written; without one, and a viewer of figures, no timer runs.
//   3. A stream that has lost events, because memory ran out or too much was unread, is disconnected: its viewer reads
//      the nodes again.
// Use: Web web(reactor, pmd, options); web.start(); ... web.close(on_closed);
#pragma once

#include <string>
#include <string_view>

#include "http/server.hpp"
#include "pmd/server/server.hpp"
#include "pmd/web/figures.hpp"
#include "pmd/web/mesh_links.hpp"
#include "pmd/web/node_views.hpp"

namespace distflow::pmd {

class Web final : private http::Handler {
 public:
  /// How often figures are looked at, and after how long without anything to say a comment keeps a stream alive.
  static constexpr base::Duration kFigureInterval = base::seconds(1);
  static constexpr int kQuietIntervalsMax = 15;

  /// `reactor` and `pmd` must outlive it. It takes the place of what was told before of the PMD's changes
  /// and of the answers to its own questions.
  Web(io::Reactor& reactor, Server& pmd, http::ServerOptions options);
  ~Web();
  Web(const Web&) = delete;
  Web& operator=(const Web&) = delete;

  Result<void> start() { return http_.start(); }
  [[nodiscard]] std::uint16_t port() const { return http_.port(); }
  void close(base::Delegate<void()> on_closed);

  [[nodiscard]] const http::Server& http() const { return http_; }
  [[nodiscard]] const Figures& node_figures() const { return node_figures_; }
  [[nodiscard]] const NodeViews& node_views() const { return node_views_; }
  [[nodiscard]] const MeshLinks& mesh_links() const { return mesh_links_; }

 private:
  std::optional<http::Response> on_get(const http::Request& request, const io::PeerOwner& owner) override;
  std::string on_stream() override;
  void on_stream_closed() override;
  void on_change(protocol::EventKind kind, std::string_view node, std::uint64_t revision);
  void on_inside_answer(const InsideAnswer& answer);
  void on_figure_time();
  void push(std::string_view text);
  [[nodiscard]] std::string figures() const;

  io::Reactor& reactor_;
  Server& pmd_;
  http::Server http_;
  Figures node_figures_;
  NodeViews node_views_;
  MeshLinks mesh_links_;
  std::string figures_told_;
  std::string change_;  // the text of one, in memory that the next one uses again
  int quiet_intervals_ = 0;
  base::Timer figure_timer_;
};

}  // namespace distflow::pmd
