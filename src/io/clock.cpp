#include "io/clock.hpp"

#include <chrono>

namespace distflow::io {

base::Instant system_now() noexcept { return std::chrono::steady_clock::now(); }

base::WallMs system_wall_ms() noexcept {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since_epoch).count();
}

}  // namespace distflow::io
