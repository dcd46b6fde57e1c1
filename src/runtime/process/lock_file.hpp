// A file that names the process that has a node: for people who look, and for a second copy of this library in the same
// process, which finds the first by it.
//
// Any thread.
//   1. The file gets its name when it is written and its lock is held (flock(2)): nobody finds half of one.
//   2. A process that gives the name to another file, or removes it, holds the lock of the file that has it: only one
//      process does so at a time.
//   3. A file belongs to this process only if its lock is held, it is this user's (others may write anything), and it
//      names this process, its pid namespace and its start. Nothing waits: not for a lock, nor for a pipe or a device.
// Use: Result<LockFile> file = LockFile::put("/tmp", io::platform::process_identity());
#pragma once

#include <string>
#include <utility>

#include <distflow/result.hpp>

#include "io/posix/descriptor.hpp"

namespace distflow::runtime {

class LockFile {
 public:
  /// The file of this process, with `identity` in it. Errc::already_running if this very process has one already; any
  /// other error is the reason why there is no file, and the node starts without it.
  static Result<LockFile> put(const std::string& folder, const std::string& identity);
  static std::string path_in(const std::string& folder);

  LockFile(LockFile&& other) noexcept : file_(std::move(other.file_)), path_(std::exchange(other.path_, {})) {}
  LockFile& operator=(LockFile&&) = delete;
  /// Closes it, and leaves the name: remove() takes that away.
  ~LockFile() = default;

  /// If it still has its name.
  void remove() const;
  /// For who has its fd() and goes on using it.
  void leave_open() { static_cast<void>(file_.release()); }
  [[nodiscard]] int fd() const { return file_.get(); }

 private:
  LockFile(io::posix::Descriptor file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}

  io::posix::Descriptor file_;
  std::string path_;
};

}  // namespace distflow::runtime
