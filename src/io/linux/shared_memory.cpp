// Linux's shared memory: a memfd, which no file system knows. The other process opens it through /proc, which allows
// that to processes that may trace this one (proc(5), /proc/pid/fd); seals keep both from changing its size.
#include "io/posix/shared_memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <new>
#include <optional>

#include "io/posix/owned_descriptors.hpp"
#include "io/posix/socket.hpp"

namespace distflow::io::platform {
namespace {

constexpr const char* kCreating = "creating shared memory";
constexpr const char* kOpening = "opening shared memory";
constexpr const char* kMemoryName = "distflow";
constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
/// MFD_NOEXEC_SEAL, from Linux 6.3 on: memory that can never be executed. vm.memfd_noexec may ask for it.
constexpr unsigned kNeverExecutable = 8;
/// TMPFS_MAGIC: the file system that memfds lie in, where no path leads to them (statfs(2)).
constexpr long kMemoryFileSystem = 0x01021994;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) posix::close_fd(fd_);
  }
  [[nodiscard]] int fd() const { return fd_; }

 private:
  const int fd_;
};

Result<std::shared_ptr<std::byte>> map(int fd, std::size_t size, const char* doing) {
  void* const at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) return posix::last_error(doing);
  try {
    return std::shared_ptr<std::byte>(static_cast<std::byte*>(at), [size](std::byte* bytes) { ::munmap(bytes, size); });
  } catch (const std::bad_alloc&) {  // the deleter has run
    return Error{Errc::out_of_memory, doing};
  }
}

/// An empty memfd, or -1 with errno. A kernel before 6.3 calls the flag that it does not know invalid.
int open_new() {
  constexpr unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  const int fd = ::memfd_create(kMemoryName, flags | kNeverExecutable);
  return fd >= 0 || errno != EINVAL ? fd : ::memfd_create(kMemoryName, flags);
}

/// Gives the file its size, and all its pages; an errno, or 0.
int allocate(int fd, std::size_t size) {
  // A file that would grow beyond this limit is an error and a SIGXFSZ, which ends the process (setrlimit(2)).
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < size) return EFBIG;
  // A signal takes back what was allocated so far. Some programs have a signal every few milliseconds.
  constexpr int tries_max = 8;
  int error = EINTR;
  for (int i = 0; i < tries_max && error == EINTR; ++i) error = ::posix_fallocate(fd, 0, static_cast<off_t>(size));
  return error;
}

/// A number as to_string() writes it: digits alone, no more of them than it needs.
std::optional<int> read_number(std::string_view text) {
  int number = 0;
  const char* const end = text.data() + text.size();
  const auto [read_to, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || read_to != end || number < 0) return std::nullopt;
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  return number;
}

/// "/proc/PID/fd/FD" of a name, which is "PID/FD".
std::optional<std::string> path_of(std::string_view name) {
  const std::size_t slash = name.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::optional<int> pid = read_number(name.substr(0, slash));
  const std::optional<int> fd = read_number(name.substr(slash + 1));
  if (!pid || *pid == 0 || !fd) return std::nullopt;
  return "/proc/" + std::to_string(*pid) + "/fd/" + std::to_string(*fd);
}

/// Whether it is a memfd of this process's own user, or a file that is as harmless to open: it lies in memory, no path
/// leads to it, and it is no FIFO, device or socket, of which the opening alone may have an effect.
bool is_own_memory(int fd, std::size_t size) {
  struct stat status {};
  struct statfs file_system {};
  if (::fstat(fd, &status) != 0 || ::fstatfs(fd, &file_system) != 0) return false;
  return S_ISREG(status.st_mode) && status.st_nlink == 0 && status.st_uid == ::geteuid() &&
         static_cast<std::size_t>(status.st_size) == size && static_cast<long>(file_system.f_type) == kMemoryFileSystem;
}

/// There may be more seals: vm.memfd_noexec adds one by itself. Those that forbid to write make mapping fail.
bool is_sealed(int fd) {
  const int seals = ::fcntl(fd, F_GET_SEALS);
  return seals >= 0 && (seals & kSeals) == kSeals;
}

}  // namespace

Result<SharedMemory> create_memory(std::size_t size) noexcept {
  try {
    const auto file = std::make_shared<Descriptor>(posix::open_owned([] { return open_new(); }));
    if (file->fd() < 0) return posix::last_error(kCreating);
    if (const int error = allocate(file->fd(), size); error != 0) return posix::error_of(error, kCreating);
    if (::fcntl(file->fd(), F_ADD_SEALS, kSeals) != 0) return posix::last_error(kCreating);
    Result<std::shared_ptr<std::byte>> bytes = map(file->fd(), size, kCreating);
    if (!bytes) return bytes.error();
    return SharedMemory{.bytes = *std::move(bytes),
                        .size = size,
                        .name = std::to_string(::getpid()) + "/" + std::to_string(file->fd()),
                        .nameable = file};
  } catch (const std::bad_alloc&) {
    return Error{Errc::out_of_memory, kCreating};
  }
}

Result<SharedMemory> open_memory(std::string_view name, std::size_t size) noexcept {
  try {
    const std::optional<std::string> path = path_of(name);
    if (!path) return Error{Errc::malformed, kOpening};
    // O_PATH holds what the name leads to now without opening it. Only then is it looked at: the other process may put
    // something else under the name at any time.
    const Descriptor found(posix::open_owned([&path] { return ::open(path->c_str(), O_PATH | O_CLOEXEC); }));
    if (found.fd() < 0) return posix::last_error(kOpening);
    if (!is_own_memory(found.fd(), size)) return Error{Errc::malformed, kOpening};
    const std::string same = "/proc/self/fd/" + std::to_string(found.fd());
    const Descriptor file(
        posix::open_owned([&same] { return ::open(same.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); }));
    if (file.fd() < 0) return posix::last_error(kOpening);
    if (!is_sealed(file.fd())) return Error{Errc::malformed, kOpening};
    Result<std::shared_ptr<std::byte>> bytes = map(file.fd(), size, kOpening);
    if (!bytes) return bytes.error();
    return SharedMemory{.bytes = *std::move(bytes), .size = size};
  } catch (const std::bad_alloc&) {
    return Error{Errc::out_of_memory, kOpening};
  }
}

}  // namespace distflow::io::platform
