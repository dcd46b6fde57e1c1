// What a load generator asks of the system about processes: room for descriptors, and how much memory one has.
//
// Any thread.
#pragma once

#include <cstddef>
#include <cstdint>

namespace distflow::bench {

/// As many descriptors as this process, and those that it becomes or starts, may have.
void raise_descriptor_limit();

/// Bytes of memory that the process has, its text and libraries among them; gives up where there is no such process.
[[nodiscard]] std::size_t resident_bytes(std::int64_t process_id);

/// Tells the resident bytes on the standard error: memory BYTES
void tell_memory(std::int64_t process_id);

}  // namespace distflow::bench
