// The nodes of a PMD as JSON, in parts.
//
// A pure function; the loop's thread.
//   1. A part has at most kNodesPerPart nodes, and ends behind kPartSizeMax bytes; one node always fits.
//   2. Nodes come in the order of registration. A part says where the next one begins. A viewer that reads on there
//      misses no node that was registered all the time.
// Use: http::Response response = node_list(registry, request.query);
#pragma once

#include <cstddef>
#include <string_view>

#include "http/response.hpp"
#include "pmd/server/registry.hpp"

namespace distflow::pmd {

inline constexpr std::size_t kNodesPerPart = 1000;
inline constexpr std::size_t kPartSizeMax = std::size_t{256} * 1024;

/// `{"revision":7,"count":2,"nodes":[...],"next":null}`. `query` may have `after=NEXT`, with the `next` of the part
/// before, which means nothing to anybody else, and `limit=COUNT`. 410 when the node that the part before ended with is
/// gone, even if it has come back, at the end of the list: the list is to be read anew. 400 for a query that cannot be
/// read.
[[nodiscard]] http::Response node_list(const Registry& registry, std::string_view query);

}  // namespace distflow::pmd
