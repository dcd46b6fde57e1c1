// The JSON of a node, as a PMD has it ready.
//
// Use: node_response(id, node_json(node));
#pragma once

#include <string>

#include "protocol/pmd_node.hpp"

namespace distflow::protocol {

inline std::string node_json(const NodeInfo& node) {
  std::string json;
  append_node(json, node);
  return json;
}

}  // namespace distflow::protocol
