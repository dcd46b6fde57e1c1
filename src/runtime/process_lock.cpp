#include "runtime/process_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <thread>

#include "runtime/stale_locks.hpp"

namespace distflow::runtime {
namespace {

constexpr const char* kFolder = "/tmp";
/// Whoever looks whether a file is stale is done in microseconds.
constexpr int kAttemptsMax = 1000;
constexpr std::chrono::milliseconds kBetweenAttempts{1};

Error last_error(const char* doing) { return {std::error_code(errno, std::generic_category()), doing}; }

Error already_running() { return {Errc::already_running, "taking the lock of this process's node"}; }

enum class Attempt : std::uint8_t {
  taken,
  held_by_node,
  looked_at,  ///< somebody looks whether it is stale, or has removed it since it was opened
  failed
};

Attempt take(int fd, const std::string& path) {
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) {
    return is_file_named(fd, AT_FDCWD, path.c_str()) ? Attempt::taken : Attempt::looked_at;
  }
  if (errno != EWOULDBLOCK) return Attempt::failed;
  return ::flock(fd, LOCK_SH | LOCK_NB) == 0 ? Attempt::looked_at : Attempt::held_by_node;
}

std::atomic<int> holder{0};  // the process that exit() ends as a holder

void remove_at_exit() {
  if (holder == ::getpid()) ::unlink(ProcessLock::path().c_str());
}

void remember_holder(int process_id) {
  [[maybe_unused]] static const int registered = std::atexit(remove_at_exit);
  holder = process_id;
}

}  // namespace

std::string ProcessLock::path() { return kFolder + ('/' + lock_file_name(::getpid())); }

Result<ProcessLock> ProcessLock::acquire() {
  std::string file = path();
  for (int i = 0; i < kAttemptsMax; ++i) {
    // O_NOFOLLOW: in a directory that all may write to, the name could be somebody's link.
    const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return last_error("opening the lock file in /tmp");
    const Attempt attempt = take(fd, file);
    if (attempt == Attempt::taken) {
      remember_holder(::getpid());
      remove_stale_locks(kFolder);
      return ProcessLock(fd, std::move(file), ::getpid());
    }
    const Error error = attempt == Attempt::failed ? last_error("locking the lock file in /tmp") : already_running();
    ::close(fd);
    if (attempt != Attempt::looked_at) return error;
    std::this_thread::sleep_for(kBetweenAttempts);
  }
  return already_running();
}

ProcessLock::~ProcessLock() {
  if (fd_ < 0) return;
  if (::getpid() == pid_) {
    holder = 0;  // before the file is gone: from then on there may be another
    ::unlink(path_.c_str());
  }
  ::close(fd_);
}

}  // namespace distflow::runtime
