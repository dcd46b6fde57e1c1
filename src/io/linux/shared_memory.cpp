// Linux's shared memory: a memfd, which no file system knows. The other process opens it through /proc, which allows
// that to whoever may trace this one (proc(5), /proc/pid/fd); seals keep both from changing its size.
#include "io/posix/shared_memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
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
constexpr std::string_view kLinkBegin = "/memfd:distflow";
constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

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

/// "/proc/PID/fd/FD" of a name, which is "PID/FD".
std::optional<std::string> path_of(std::string_view name) {
  const std::size_t slash = name.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  std::array<int, 2> numbers{};
  const std::array<std::string_view, 2> texts{name.substr(0, slash), name.substr(slash + 1)};
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const char* const end = texts[i].data() + texts[i].size();
    const auto [read_to, error] = std::from_chars(texts[i].data(), end, numbers[i]);
    if (error != std::errc() || read_to != end || numbers[i] < 0) return std::nullopt;
  }
  return "/proc/" + std::to_string(numbers[0]) + "/fd/" + std::to_string(numbers[1]);
}

/// Whether the path leads to memory of distflow's, before anything is opened: of other things the opening alone may
/// have an effect.
bool leads_to_memory(const std::string& path) {
  std::array<char, 64> target{};
  const ssize_t size = ::readlink(path.c_str(), target.data(), target.size());
  return size > 0 && std::string_view(target.data(), static_cast<std::size_t>(size)).starts_with(kLinkBegin);
}

bool is_sealed_memory(int fd, std::size_t size) {
  struct stat status {};
  if (::fstat(fd, &status) != 0 || static_cast<std::size_t>(status.st_size) != size) return false;
  return ::fcntl(fd, F_GET_SEALS) == kSeals;
}

}  // namespace

Result<SharedMemory> create_memory(std::size_t size) noexcept {
  try {
    const auto file = std::make_shared<Descriptor>(
        posix::open_owned([] { return ::memfd_create(kMemoryName, MFD_CLOEXEC | MFD_ALLOW_SEALING); }));
    if (file->fd() < 0) return posix::last_error(kCreating);
    if (const int error = ::posix_fallocate(file->fd(), 0, static_cast<off_t>(size)); error != 0) {
      return posix::error_of(error, kCreating);
    }
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
    if (!path || !leads_to_memory(*path)) return Error{Errc::malformed, kOpening};
    const Descriptor file(
        posix::open_owned([&path] { return ::open(path->c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); }));
    if (file.fd() < 0) return posix::last_error(kOpening);
    if (!is_sealed_memory(file.fd(), size)) return Error{Errc::malformed, kOpening};
    Result<std::shared_ptr<std::byte>> bytes = map(file.fd(), size, kOpening);
    if (!bytes) return bytes.error();
    return SharedMemory{.bytes = *std::move(bytes), .size = size};
  } catch (const std::bad_alloc&) {
    return Error{Errc::out_of_memory, kOpening};
  }
}

}  // namespace distflow::io::platform
