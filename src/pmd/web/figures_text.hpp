// What viewers are sent of the figures of one node (docs/schemas/page-figures.v1.json).
//
// Pure functions; any thread.
// Use: node.text = told ? told_text(node_id, *told, node.before) : untold_text(node_id, why);
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "pmd/web/told_figures.hpp"

namespace distflow::pmd {

/// What a node has told before, for what has changed since.
struct FiguresBefore {
  std::uint64_t at_us = 0;  ///< by its clock; 0: it has told nothing
  std::uint64_t in = 0;
  std::uint64_t out = 0;
  std::string latency;  ///< raw JSON
};

/// `{"nodeId":...,"in":...,...}`, with rates since `before`.
[[nodiscard]] std::string told_text(std::string_view node_id, const ToldFigures& told, const FiguresBefore& before);
/// `{"nodeId":...,"untold":why}`.
[[nodiscard]] std::string untold_text(std::string_view node_id, std::string_view why);

}  // namespace distflow::pmd
