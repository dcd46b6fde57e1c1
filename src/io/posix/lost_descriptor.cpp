#include "io/posix/lost_descriptor.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace distflow::io::posix {

void stop_without_descriptor(const char* doing, int errno_value) noexcept {
  std::fprintf(
      stderr,
      "distflow: %s failed (%s). Since the node was started, the program has closed a descriptor of the library's, "
      "or forbidden this system call. Close descriptors before the start, or only those that the program opened.\n",
      doing, std::strerror(errno_value));
  std::abort();
}

}  // namespace distflow::io::posix
