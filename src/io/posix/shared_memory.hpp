// Memory that two processes of one machine share, as the system has it.
//
// Stateless; any thread. Answered once per system, in its folder.
#pragma once

#include <cstddef>
#include <string_view>

#include <distflow/result.hpp>

#include "io/shared_memory.hpp"

namespace distflow::io::platform {

/// Memory of `size` bytes, all zero, and allocated: no later access can find that there is none left.
Result<SharedMemory> create_memory(std::size_t size) noexcept;
/// The memory that another process created with this size; its name comes from there, and is not trusted.
Result<SharedMemory> open_memory(std::string_view name, std::size_t size) noexcept;

}  // namespace distflow::io::platform
