// The system's clocks, for threads that have no reactor. The loop's thread asks its backend instead.
//
// Any thread.
#pragma once

#include "base/time.hpp"

namespace distflow::io {

base::Instant system_now() noexcept;
base::WallMs system_wall_ms() noexcept;

}  // namespace distflow::io
