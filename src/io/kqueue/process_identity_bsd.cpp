// Of macOS and the BSDs. A number counts for the whole machine there, jails included.
#include <unistd.h>

#include "io/posix/process_identity.hpp"

namespace distflow::io::platform {

std::uint64_t start_time_of(int) noexcept { return 0; }

std::string process_identity() { return "process " + std::to_string(::getpid()) + '\n'; }

}  // namespace distflow::io::platform
