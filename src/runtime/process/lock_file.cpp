#include "runtime/process/lock_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "io/posix/owned_descriptors.hpp"
#include "runtime/process/stale_locks.hpp"

namespace distflow::runtime {
namespace {

using io::posix::Descriptor;

/// Others may put a file there, or take one away, just then. It is tried again at once, and then given up.
constexpr int kAttemptsMax = 3;

Error last_error(const char* doing) { return io::posix::last_error(doing); }
Error error(std::errc code, const char* doing) { return {std::make_error_code(code), doing}; }

bool is_file_of_this_user(int fd) {
  struct stat file {};
  return ::fstat(fd, &file) == 0 && S_ISREG(file.st_mode) && file.st_uid == ::geteuid();
}

bool has_text(int fd, std::string_view text) {
  std::array<char, 256> bytes{};
  const ssize_t size = ::pread(fd, bytes.data(), bytes.size(), 0);
  return size > 0 && std::string_view(bytes.data(), static_cast<std::size_t>(size)) == text;
}

/// What has the name, locked: a file that nobody holds. No descriptor if nothing has it.
Result<Descriptor> take_stale(const std::string& path, const std::string& identity) {
  constexpr const char* doing = "looking at the lock file in /tmp";
  // All may write to the folder: the name could be somebody's link, pipe or device.
  Descriptor file(io::posix::open_owned(
      [&path] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY); }));
  if (file.get() < 0 && errno == ENOENT) return file;
  if (file.get() < 0) return last_error(doing);
  if (!is_file_of_this_user(file.get())) return error(std::errc::operation_not_permitted, doing);
  if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) return file;
  if (errno != EWOULDBLOCK) return last_error(doing);
  if (!identity.empty() && has_text(file.get(), identity)) return Error{Errc::already_running, doing};
  return error(std::errc::device_or_resource_busy, doing);
}

/// Beyond this limit a write ends the process by a signal.
bool may_write(std::size_t size) {
  rlimit limit{};
  return ::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur >= size;
}

/// A file without its name yet: under another, which `path` becomes.
Result<Descriptor> write_new(std::string& path, const std::string& identity) {
  constexpr const char* doing = "writing the lock file in /tmp";
  if (!may_write(identity.size())) return error(std::errc::file_too_large, doing);
  path += ".XXXXXX";
  Descriptor file(io::posix::open_owned([&path] { return ::mkostemp(path.data(), O_CLOEXEC); }));
  if (file.get() < 0) return last_error(doing);
  if (::flock(file.get(), LOCK_EX | LOCK_NB) == 0) {
    const ssize_t written = ::write(file.get(), identity.data(), identity.size());
    if (written == static_cast<ssize_t>(identity.size())) return file;
    if (written >= 0) errno = ENOSPC;
  }
  const Error why = last_error(doing);
  ::unlink(path.c_str());
  return why;
}

/// False if another file has come to have the name, or to lose it.
bool give_name(const std::string& from, const std::string& to, bool replaces) {
  const bool is_given = replaces ? ::rename(from.c_str(), to.c_str()) == 0 : ::link(from.c_str(), to.c_str()) == 0;
  if (!is_given || !replaces) {
    const int why = errno;
    ::unlink(from.c_str());
    errno = why;
  }
  return is_given;
}

}  // namespace

std::string LockFile::path_in(const std::string& folder) { return folder + '/' + lock_file_name(::getpid()); }

Result<LockFile> LockFile::put(const std::string& folder, const std::string& identity) {
  const std::string path = path_in(folder);
  Error why;
  for (int i = 0; i < kAttemptsMax; ++i) {
    const Result<Descriptor> stale = take_stale(path, identity);
    if (!stale) return stale.error();
    const bool replaces = stale->get() >= 0;
    if (replaces && !is_file_named(stale->get(), AT_FDCWD, path.c_str())) continue;
    std::string first_path = path;
    Result<Descriptor> file = write_new(first_path, identity);
    if (!file) return file.error();
    if (give_name(first_path, path, replaces)) return LockFile(*std::move(file), path);
    why = last_error("naming the lock file in /tmp");
    if (why.code != std::errc::file_exists && why.code != std::errc::no_such_file_or_directory) break;
  }
  return why.code ? why : error(std::errc::device_or_resource_busy, "looking at the lock file in /tmp");
}

void LockFile::remove() const {
  if (is_file_named(file_.get(), AT_FDCWD, path_.c_str())) ::unlink(path_.c_str());
}

}  // namespace distflow::runtime
