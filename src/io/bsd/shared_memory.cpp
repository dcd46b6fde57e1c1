// macOS and the BSDs have no memory that leaves nothing behind, cannot change its size, and can be opened by name:
// nodes there use the connection itself.
#include "io/posix/shared_memory.hpp"

namespace distflow::io::platform {

Result<SharedMemory> create_memory(std::size_t) noexcept {
  return Error{std::make_error_code(std::errc::function_not_supported), "creating shared memory"};
}

Result<SharedMemory> open_memory(std::string_view, std::size_t) noexcept {
  return Error{std::make_error_code(std::errc::function_not_supported), "opening shared memory"};
}

}  // namespace distflow::io::platform
