// Connections that links have left while messages of theirs were queued there: what such a connection drops later is
// reported by its place, as what is dropped on the present way is.
//
// Loop thread only.
//   1. A connection is here from the moment that its link leaves it until it has closed, or that link is retired. At
//      most the connections that are closing or draining are here.
//   2. A link leaves a connection for good: it is here once.
// Use: left_ways.add(connection, link, link.taken()); ... if (const auto* left = left_ways.find(connection)) ...
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "transport/connection.hpp"

namespace distflow::runtime {

class Link;

class LeftWays {
 public:
  struct Left {
    const transport::Connection* connection;
    Link* link;
    std::uint64_t last;  ///< the place of the last message that the link has sent there
  };

  /// May throw std::bad_alloc, and has done nothing then.
  void add(const transport::Connection& connection, Link& link, std::uint64_t last) {
    left_.push_back({.connection = &connection, .link = &link, .last = last});
  }
  /// Null where no link has left anything.
  [[nodiscard]] const Left* find(const transport::Connection& connection) const {
    const auto found =
        std::find_if(left_.begin(), left_.end(), [&](const Left& left) { return left.connection == &connection; });
    return found == left_.end() ? nullptr : &*found;
  }
  void forget(const transport::Connection& connection) {
    std::erase_if(left_, [&](const Left& left) { return left.connection == &connection; });
  }
  void forget(const Link& link) {
    std::erase_if(left_, [&](const Left& left) { return left.link == &link; });
  }

 private:
  std::vector<Left> left_;
};

}  // namespace distflow::runtime
