#include "io/epoll/epoll_poller.hpp"

#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>

#include "io/posix/lost_descriptor.hpp"
#include "io/posix/owned_descriptors.hpp"
#include "io/posix/socket.hpp"
#include "io/posix/timespec.hpp"

namespace distflow::io {
namespace {

constexpr std::size_t kEventCountMax = 256;
constexpr std::uint64_t kWakeToken = std::numeric_limits<std::uint64_t>::max();

/// Whole milliseconds, rounded up: a wait that ends early would only be begun again.
int to_ms(base::Duration timeout) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(timeout).count();
  return static_cast<int>(std::min<std::int64_t>(ms, std::numeric_limits<int>::max()));
}

#if defined(SYS_epoll_pwait2)
constexpr long kEpollPwait2 = SYS_epoll_pwait2;
#else
constexpr long kEpollPwait2 = 441;  // with headers before Linux 5.11; one number for all processors but Alpha
#endif

/// epoll_wait(2) with a timeout in nanoseconds. By number: glibc has the function from 2.35 on, musl has not.
int wait_exactly(int epoll, epoll_event* events, int size, base::Duration timeout) {
  struct {
    std::int64_t seconds;
    std::int64_t nanoseconds;
  } limit{};
  const timespec exact = posix::to_timespec(timeout);
  limit.seconds = exact.tv_sec;
  limit.nanoseconds = exact.tv_nsec;
  return static_cast<int>(::syscall(kEpollPwait2, epoll, events, size, &limit, nullptr, 0));
}

}  // namespace

EpollPoller::~EpollPoller() {
  if (epoll_ >= 0) posix::close_fd(epoll_);
}

Result<void> EpollPoller::open() {
  epoll_ = posix::open_owned([] { return ::epoll_create1(EPOLL_CLOEXEC); });
  if (epoll_ < 0) return posix::last_error("opening epoll");
  if (Result<void> opened = event_.open(); !opened) return opened;
  return add(event_.fd(), kWakeToken);
}

Result<void> EpollPoller::add(int fd, std::uint64_t token) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.u64 = token;
  if (fd == event_.fd()) event.events = EPOLLIN | EPOLLET;
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) return posix::last_error("adding a descriptor to epoll");
  return {};
}

void EpollPoller::remove(int fd) noexcept {
  epoll_event unused{};
  ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, &unused);
}

std::size_t EpollPoller::wait(base::Duration timeout, std::span<Readiness> out) {
  std::array<epoll_event, kEventCountMax> events;  // filled up to `count`
  const int size = static_cast<int>(std::min(out.size(), events.size()));
  const bool is_forever = timeout == base::Duration::max();
  int count = -1;
  if (has_pwait2_ && timeout > base::Duration::zero() && !is_forever) {
    count = wait_exactly(epoll_, events.data(), size, timeout);
    if (count < 0 && (errno == ENOSYS || errno == EPERM)) has_pwait2_ = false;  // Linux < 5.11, or a seccomp filter
  }
  if (count < 0 && (!has_pwait2_ || timeout <= base::Duration::zero() || is_forever)) {
    count =
        ::epoll_wait(epoll_, events.data(), size, is_forever ? -1 : to_ms(std::max(timeout, base::Duration::zero())));
  }
  if (count < 0 && errno != EINTR) posix::stop_without_descriptor("waiting with epoll", errno);

  was_woken_ = false;
  std::size_t ready = 0;
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (event.data.u64 == kWakeToken) {
      was_woken_ = true;
      continue;
    }
    const bool has_ended = (event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    out[ready++] = {.token = event.data.u64,
                    .can_read = has_ended || (event.events & EPOLLIN) != 0,
                    .can_write = has_ended || (event.events & EPOLLOUT) != 0,
                    .has_ended = has_ended};
  }
  return ready;
}

}  // namespace distflow::io
