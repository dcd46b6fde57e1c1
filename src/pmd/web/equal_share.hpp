// Equal shares of places among users who want different numbers of them.
//
// A pure function; any thread.
//   1. Who wants no more than a share has what it wants; the others have equal shares of the rest.
// Use: const std::size_t share = equal_share({wanted of each}, places);
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace distflow::pmd {

/// The greatest number of places that each user may have, so that all together have `places` at most; SIZE_MAX when
/// there is a place for all that are wanted.
[[nodiscard]] inline std::size_t equal_share(std::vector<std::size_t> wanted, std::size_t places) {
  std::ranges::sort(wanted);
  std::size_t users = wanted.size();
  for (const std::size_t one : wanted) {
    const std::size_t share = places / users;
    if (one > share) return share;
    places -= one;
    --users;
  }
  return SIZE_MAX;
}

}  // namespace distflow::pmd
