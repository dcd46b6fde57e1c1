// What a process has used so far: time on processors and memory, with all its threads and all its children.
//
// Any thread. A process that is gone has used nothing.
// Use: const std::uint64_t before = cpu_ns_with_children({pid});
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

namespace distflow::bench {

/// Nanoseconds of all threads of these processes, and of those that descend from them and still run.
[[nodiscard]] std::uint64_t cpu_ns_with_children(std::vector<pid_t> pids);

/// Bytes of memory that `pid` has for itself and resident; without its children.
[[nodiscard]] std::uint64_t resident_bytes(pid_t pid);

}  // namespace distflow::bench
