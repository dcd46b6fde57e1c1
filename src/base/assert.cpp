#include "base/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace distflow::base {

void assertion_failed(const char* condition, const char* file, int line) noexcept {
  std::fprintf(stderr, "%s:%d: invariant broken: %s\n", file, line, condition);
  std::abort();
}

}  // namespace distflow::base
