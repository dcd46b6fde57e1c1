#include "runtime/process_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

namespace distflow::runtime {
namespace {

Error last_error(const char* doing) { return {std::error_code(errno, std::generic_category()), doing}; }

}  // namespace

std::string ProcessLock::path() { return "/tmp/distflow-node-" + std::to_string(::getpid()) + ".lock"; }

Result<ProcessLock> ProcessLock::acquire() {
  std::string file = path();
  // O_NOFOLLOW: in a directory that all may write to, the name could be somebody's link.
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return last_error("opening the lock file in /tmp");
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const Error error = errno == EWOULDBLOCK ? Error{Errc::already_running, "taking the lock of this process's node"}
                                             : last_error("locking the lock file in /tmp");
    ::close(fd);
    return error;
  }
  return ProcessLock(fd, std::move(file), ::getpid());
}

ProcessLock::~ProcessLock() {
  if (fd_ < 0) return;
  if (::getpid() == pid_) ::unlink(path_.c_str());
  ::close(fd_);
}

}  // namespace distflow::runtime
