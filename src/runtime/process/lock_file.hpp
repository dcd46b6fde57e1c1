// A file that says which process has a node: a courtesy to whoever looks, and what a second copy of this library in the
// same process knows the first one by.
//
// Any thread.
//   1. It gets its name when all of it is written and its lock is held (flock(2)): nobody finds half of one.
//   2. Who gives the name to another file, or takes it away, holds the lock of the file that has it. So no two do.
//   3. One that is found belongs to this very process only if its lock is held and it names this process, its pid
//      namespace and its start; and if it is this user's, for others may write what they like.
//   4. Nothing waits: neither for a lock, nor for what else may have that name, a pipe or a device.
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
  /// other error says why there is none, and is no reason not to go on.
  static Result<LockFile> put(const std::string& folder, const std::string& identity);
  static std::string path_in(const std::string& folder);

  LockFile(LockFile&& other) noexcept : file_(std::move(other.file_)), path_(std::exchange(other.path_, {})) {}
  LockFile& operator=(LockFile&&) = delete;
  /// Closes it, and leaves the name: remove() takes that away.
  ~LockFile() = default;

  /// If it still has its name.
  void remove() const;
  [[nodiscard]] int fd() const { return file_.get(); }

 private:
  LockFile(io::posix::Descriptor file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}

  io::posix::Descriptor file_;
  std::string path_;
};

}  // namespace distflow::runtime
