// Of macOS and the BSDs. A number counts for the whole machine there, jails included.
#include <unistd.h>
#if defined(__APPLE__)
#include <mach-o/dyld.h>
#endif

#include "io/posix/process_identity.hpp"

namespace distflow::io::platform {

std::uint64_t start_time_of(int) noexcept { return 0; }

std::string process_identity() { return "process " + std::to_string(::getpid()) + '\n'; }

#if defined(__APPLE__)
std::filesystem::path executable_path() {
  std::uint32_t size = 0;
  ::_NSGetExecutablePath(nullptr, &size);  // fails for lack of room, and says how much it needs (dyld(3))
  std::string text(size, '\0');
  if (::_NSGetExecutablePath(text.data(), &size) != 0) return {};
  std::error_code error;
  std::filesystem::path path = std::filesystem::canonical(text.c_str(), error);
  return error ? std::filesystem::path() : path;
}
#else
// Nobody has looked the BSDs up: the daemon is then found on the PATH, or named by DISTFLOW_PMD.
std::filesystem::path executable_path() { return {}; }
#endif

}  // namespace distflow::io::platform
