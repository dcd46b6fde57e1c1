#include "base/environment.hpp"

#include <cstdlib>

namespace distflow::base {

const char* environment(const char* name, Rights rights) noexcept {
  return rights == Rights::raised ? nullptr : std::getenv(name);
}

}  // namespace distflow::base
