// The system's clocks, for threads that have no reactor. The loop's thread asks its backend instead.
//
// Any thread.
#pragma once

#include "base/time.hpp"

namespace distflow::io {

base::Instant system_now() noexcept;
/// system_now(), or up to some milliseconds earlier: for less than half of the price, where the system has that.
base::Instant system_now_coarse() noexcept;
base::WallMs system_wall_ms() noexcept;
/// Processor time that this process has used, in all its threads.
base::Duration process_cpu_time() noexcept;
/// As of the kernel's last tick, a few milliseconds ago at most, where it gives that for less (Linux, a seventh).
base::WallMs system_wall_ms_coarse() noexcept;

}  // namespace distflow::io
