#include "io/linux/event_fd.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

#include "io/posix/owned_descriptors.hpp"
#include "io/posix/socket.hpp"

namespace distflow::io {

EventFd::~EventFd() {
  if (fd_ >= 0) posix::close_fd(fd_);
}

Result<void> EventFd::open() {
  fd_ = posix::open_owned([] { return ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); });
  if (fd_ < 0) return posix::last_error("opening an eventfd");
  return {};
}

void EventFd::signal() const noexcept {
  const std::uint64_t one = 1;
  // Fails only when the counter is full, and then a wake-up is under way already.
  [[maybe_unused]] const ssize_t written = ::write(fd_, &one, sizeof one);
}

}  // namespace distflow::io
