// The metrics of a PMD as Prometheus reads them (text format 0.0.4): its gauges and counters, and those of its page.
//
// A pure function; the loop's thread.
//   1. Each counter of ServerCounters, HttpCounters and those of PageCounters is in it: one that is forgotten does not
//      build.
//   2. Nothing of it depends on the names of nodes, so that the number of series is fixed.
// Use: const std::string text = metrics_text(pmd, http, {.figures = figures, .node_views = views, .mesh_links =
// links});
#pragma once

#include <string>

#include "http/server.hpp"
#include "pmd/server/server.hpp"
#include "pmd/web/figures.hpp"
#include "pmd/web/mesh_links.hpp"
#include "pmd/web/node_views.hpp"

namespace distflow::pmd {

/// Of what asks nodes for the page.
struct PageCounters {
  const FiguresCounters& figures;
  const NodeViewCounters& node_views;
  const MeshLinkCounters& mesh_links;
};

[[nodiscard]] std::string metrics_text(const Server& pmd, const http::Server& http, const PageCounters& page);

}  // namespace distflow::pmd
