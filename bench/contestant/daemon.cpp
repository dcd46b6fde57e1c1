#include "bench/contestant/daemon.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <climits>
#include <string>

#include "bench/contestant/contestant.hpp"

namespace distflow::bench {
namespace {

std::string program_beside_this(const char* name) {
  std::string path(PATH_MAX, '\0');
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size());
  if (size <= 0) give_up("cannot tell where this program lies");
  path.resize(static_cast<std::size_t>(size));
  return path.substr(0, path.rfind('/') + 1) + name;
}

}  // namespace

void become_pmd() {
  const std::string program = program_beside_this("distflow-pmd");
  // Its report goes where the director reads; what it prints for people goes nowhere.
  const int report = ::dup(STDOUT_FILENO);
  const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (report < 0 || nowhere < 0 || ::dup2(nowhere, STDOUT_FILENO) < 0) give_up("no descriptors are left");
  const std::string report_fd = std::to_string(report);
  ::execl(program.c_str(), program.c_str(), "--port", "0", "--ready-fd", report_fd.c_str(), nullptr);
  give_up("cannot run " + program);
}

}  // namespace distflow::bench
