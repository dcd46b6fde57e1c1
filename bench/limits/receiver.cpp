#include "bench/limits/receiver.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "bench/limits/raw_socket.hpp"

namespace distflow::bench {
namespace {

constexpr std::uint64_t kSpinNs = std::chrono::nanoseconds(kSpin).count();

timespec from_now(std::uint64_t deadline_ns) {
  const std::uint64_t now = monotonic_ns();
  const std::uint64_t ns = deadline_ns > now ? deadline_ns - now : 0;
  return {.tv_sec = static_cast<std::time_t>(ns / 1'000'000'000), .tv_nsec = static_cast<long>(ns % 1'000'000'000)};
}

}  // namespace

Wait wait_of(const Setup& setup) {
  if (setup.spins) return Wait::spin;
  const std::string name = setup.other("--wait", "blocking");
  if (name == "blocking") return Wait::blocking;
  if (name == "epoll") return Wait::epoll;
  give_up("--wait takes blocking or epoll");
}

Receiver::Receiver(int fd, Wait wait) : fd_(fd), wait_(wait) {
  if (wait != Wait::epoll) return;
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event event{};
  event.events = EPOLLIN;
  if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) give_up("no epoll");
}

Receiver::~Receiver() {
  if (epoll_ >= 0) ::close(epoll_);
}

std::size_t Receiver::receive(char* into, std::size_t size_max) {
  if (wait_ == Wait::blocking) return receive_some(fd_, into, size_max);
  for (;;) {
    if (const auto got = receive_until(kNever, into, size_max)) return *got;
  }
}

std::optional<std::size_t> Receiver::receive_until(std::uint64_t deadline_ns, char* into, std::size_t size_max) {
  if (wait_ == Wait::spin) return spin_until(deadline_ns, into, size_max);
  sleep_until(deadline_ns);
  return try_receive(into, size_max);
}

std::optional<std::size_t> Receiver::try_receive(char* into, std::size_t size_max) const {
  const ssize_t got = ::recv(fd_, into, size_max, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
  return got > 0 ? static_cast<std::size_t>(got) : 0;
}

std::optional<std::size_t> Receiver::spin_until(std::uint64_t deadline_ns, char* into, std::size_t size_max) const {
  std::uint64_t sleep_at = 0;
  for (;;) {
    if (const auto got = try_receive(into, size_max)) return got;
    const std::uint64_t now = monotonic_ns();
    if (now >= deadline_ns) return std::nullopt;
    if (sleep_at == 0) sleep_at = now + kSpinNs;
    if (now >= sleep_at) sleep_until(deadline_ns);
  }
}

void Receiver::sleep_until(std::uint64_t deadline_ns) const {
  const timespec left = deadline_ns == kNever ? timespec{} : from_now(deadline_ns);
  const timespec* const timeout = deadline_ns == kNever ? nullptr : &left;
  if (epoll_ >= 0) {
    epoll_event event{};
    if (timeout == nullptr) {
      ::epoll_wait(epoll_, &event, 1, -1);
    } else {
      ::epoll_pwait2(epoll_, &event, 1, timeout, nullptr);
    }
  } else {
    pollfd one{.fd = fd_, .events = POLLIN, .revents = 0};
    ::ppoll(&one, 1, timeout, nullptr);
  }
}

}  // namespace distflow::bench
