#include "cli/console.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>

#include "cli/exit_code.hpp"

namespace distflow::cli {
namespace {

/// 0, or the errno of what stopped it.
int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t size = ::write(fd, text.data(), text.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(size));
  }
  return 0;
}

}  // namespace

void prepare_console() {
  ::signal(SIGPIPE, SIG_IGN);
  // In ascending order: open() gives the lowest number that is free.
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    if (::fcntl(fd, F_GETFD) < 0 && errno == EBADF) static_cast<void>(::open("/dev/null", O_RDONLY));
  }
}

int say(const char* program, const Report& report) {
  const int out_error = write_all(STDOUT_FILENO, report.out);
  std::string err = report.err;
  if (out_error != 0) {
    err += std::string(program) + ": the standard output cannot be written: " + std::strerror(out_error) + "\n";
  }
  // An error that cannot be told is told by the exit code alone.
  static_cast<void>(write_all(STDERR_FILENO, err));
  return out_error != 0 && report.exit_code == kExitSuccess ? kExitNotWritten : report.exit_code;
}

}  // namespace distflow::cli
