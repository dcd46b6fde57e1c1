// The lock file that says: this process has its node. /tmp/distflow-node-<pid>.lock
//
// Any thread.
//   1. Held from acquire() until destruction. The kernel's lock on the file counts, not its existence: a file left by a
//      dead process of the same pid is taken over.
//   2. The file held is the one that has the name: whoever removes it as stale cannot make room for a second holder.
//   3. The file goes with the holder: at its destruction, or at the process's exit(). Those that killed processes left
//      are removed, a few at a time, by acquire() (runtime/stale_locks.hpp).
//   4. A forked child leaves it alone: what the parent holds ends with the parent's destruction of it.
// Use: Result<ProcessLock> lock = ProcessLock::acquire();
#pragma once

#include <string>
#include <utility>

#include <distflow/result.hpp>

namespace distflow::runtime {

class ProcessLock {
 public:
  /// Errc::already_running when a node of this process holds it, or the system's error for the file.
  static Result<ProcessLock> acquire();
  /// Of this process.
  static std::string path();

  ProcessLock(ProcessLock&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)), pid_(other.pid_) {}
  ProcessLock& operator=(ProcessLock&&) = delete;
  ~ProcessLock();

 private:
  ProcessLock(int fd, std::string path, int pid) : fd_(fd), path_(std::move(path)), pid_(pid) {}
  int fd_;
  std::string path_;
  int pid_;  // whose it is: a forked child leaves the file alone
};

}  // namespace distflow::runtime
