#include "runtime/process/stale_locks.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <string_view>

#include "io/posix/descriptor.hpp"
#include "io/posix/owned_descriptors.hpp"

namespace distflow::runtime {
namespace {

constexpr std::string_view kBegin = "distflow-node-";
constexpr std::string_view kEnd = ".lock";
/// A file that is not named yet has a point and as many letters more (mkostemp(3)).
constexpr std::size_t kUnnamedEnd = 7;

/// Whose lock file has that name; 0 if it is another's name.
int process_of(std::string_view name) {
  if (name.size() > kUnnamedEnd && name[name.size() - kUnnamedEnd] == '.') name.remove_suffix(kUnnamedEnd);
  if (!name.starts_with(kBegin) || !name.ends_with(kEnd)) return 0;
  const char* const begin = name.data() + kBegin.size();
  const char* const end = name.data() + name.size() - kEnd.size();
  int process_id = 0;
  const auto [rest, error] = std::from_chars(begin, end, process_id);
  return error == std::errc{} && rest == end && process_id > 0 ? process_id : 0;
}

bool is_dead(int process_id) { return ::kill(process_id, 0) != 0 && errno == ESRCH; }

bool is_file_of_this_user(int fd) {
  struct stat file {};
  return ::fstat(fd, &file) == 0 && S_ISREG(file.st_mode) && file.st_uid == ::geteuid();
}

bool remove_if_free(int folder, const char* name) {
  // O_NOFOLLOW and O_NONBLOCK: all may write to the folder, and the name could be somebody's link or pipe.
  const io::posix::Descriptor file(io::posix::open_owned(
      [folder, name] { return ::openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY); }));
  const int fd = file.get();
  if (fd < 0) return false;
  // A process that this one does not see, in another container, may hold the lock of a file whose owner seems dead.
  if (is_file_of_this_user(fd) && ::flock(fd, LOCK_EX | LOCK_NB) == 0) {
    return is_file_named(fd, folder, name) && ::unlinkat(folder, name, 0) == 0;
  }
  return false;
}

}  // namespace

std::string lock_file_name(int process_id) {
  return std::string(kBegin).append(std::to_string(process_id)).append(kEnd);
}

bool is_file_named(int fd, int folder, const char* name) {
  struct stat opened {};
  struct stat named {};
  return ::fstat(fd, &opened) == 0 && ::fstatat(folder, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

void remove_stale_locks(const std::string& folder) {
  const int fd = io::posix::open_owned(
      [&folder] { return ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NONBLOCK); });
  if (fd < 0) return;
  DIR* const entries = ::fdopendir(fd);
  if (entries == nullptr) return io::posix::close_fd(fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) {
    int removed = 0;
    for (int i = 0; i < kStaleLooksMax && removed < kStaleRemovedMax; ++i) {
      const dirent* const entry = ::readdir(entries);
      if (entry == nullptr) break;
      const int process_id = process_of(entry->d_name);
      if (process_id != 0 && is_dead(process_id) && remove_if_free(fd, entry->d_name)) ++removed;
    }
    ::flock(fd, LOCK_UN);
  }
  io::posix::close_owned(fd, [entries] { ::closedir(entries); });
}

}  // namespace distflow::runtime
