// Allows one node in a process, and keeps the file that names it: /tmp/distflow-node-<pid>.lock
//
// Any thread.
//   1. The rule is kept in memory. If the file cannot be written, that is logged at level debug, and the node starts
//      all the same.
//   2. The file refuses one case: a second copy of this library in this process, such as one that is linked into a
//      plugin, which does not share its memory (runtime/process/lock_file.hpp).
//   3. The file goes with the holder: at its destruction, or at the process's exit(). Those that killed processes left
//      are removed, a few at a time, by acquire() (runtime/process/stale_locks.hpp).
//   4. A forked child leaves both to its parent, and may have a node of its own.
// Use: Result<ProcessLock> lock = ProcessLock::acquire(log);
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <distflow/result.hpp>

#include "base/log.hpp"
#include "runtime/process/lock_file.hpp"

namespace distflow::runtime {

class ProcessLock {
 public:
  /// Errc::already_running when a node of this process holds it.
  static Result<ProcessLock> acquire(const base::Log& log, const std::string& folder = "/tmp");
  /// Of this process's file.
  static std::string path();

  ProcessLock(ProcessLock&& other) noexcept
      : turn_(std::exchange(other.turn_, 0)),
        pid_(other.pid_),
        is_for_exit_(other.is_for_exit_),
        file_(std::move(other.file_)) {}
  ProcessLock& operator=(ProcessLock&&) = delete;
  ~ProcessLock();

 private:
  explicit ProcessLock(std::uint64_t turn);

  std::uint64_t turn_;  // the slot's value while this holds it
  int pid_;             // of the process that took it
  bool is_for_exit_ = false;
  std::optional<LockFile> file_;
};

}  // namespace distflow::runtime
