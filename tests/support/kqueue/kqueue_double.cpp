// kqueue(2) over epoll and eventfd. See sys/event.h beside this file.
//
// A queue is an epoll of three: an epoll of what is awaited for reading, one for writing (so that the two filters of a
// descriptor have edges of their own), and the eventfd of EVFILT_USER. The descriptor of the outer one is the queue's,
// so that it can be polled, as a kqueue can.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/event.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <memory>
#include <new>
#include <span>
#include <unordered_map>

/// The thread sanitizer's own close(), where there is one: it has to learn that a descriptor's number is free again.
extern "C" [[gnu::weak]] int close_of_sanitizer(int fd) __asm__("__interceptor_close");

namespace {

using Event = struct kevent;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kFdCountMax = 1 << 16;
constexpr time_t kWaitMaxS = 100'000'000;  // more is EINVAL on macOS
constexpr std::size_t kBatchMax = 64;

int fail(int code) {
  errno = code;
  return -1;
}

int close_fd(int fd) {
  return close_of_sanitizer != nullptr ? close_of_sanitizer(fd) : static_cast<int>(::syscall(SYS_close, fd));
}

/// One direction of the descriptors in a queue.
class Filter {
 public:
  Filter(std::int16_t filter, std::uint32_t interest) : filter_(filter), interest_(interest) {}
  ~Filter() {
    if (epoll_ >= 0) close_fd(epoll_);
  }
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;

  bool open() { return (epoll_ = ::epoll_create1(EPOLL_CLOEXEC)) >= 0; }
  [[nodiscard]] int fd() const { return epoll_; }
  [[nodiscard]] bool has(int fd) const { return entries_.contains(fd); }

  /// An errno, or 0.
  int add(const Event& change) {
    const int fd = static_cast<int>(change.ident);
    epoll_event event{};
    event.events = interest_;
    if ((change.flags & EV_CLEAR) != 0) event.events |= EPOLLET;
    event.data.fd = fd;
    if (::epoll_ctl(epoll_, has(fd) ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event) != 0) return errno;
    entries_[fd] = change;
    return 0;
  }

  int remove(int fd) {
    if (entries_.erase(fd) == 0) return ENOENT;
    epoll_event unused{};
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, &unused);
    return 0;
  }

  std::size_t collect(std::span<Event> out) {
    std::array<epoll_event, kBatchMax> ready;  // filled up to `count`
    const int size = static_cast<int>(std::min(out.size(), ready.size()));
    const int count = size == 0 ? 0 : ::epoll_wait(epoll_, ready.data(), size, 0);
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = ready[static_cast<std::size_t>(i)];
      out[static_cast<std::size_t>(i)] = told(event.data.fd, event.events);
    }
    return static_cast<std::size_t>(std::max(count, 0));
  }

 private:
  [[nodiscard]] Event told(int fd, std::uint32_t ready) const {
    const Event& entry = entries_.at(fd);
    Event event{};
    event.ident = entry.ident;
    event.filter = filter_;
    event.flags = static_cast<std::uint16_t>(entry.flags & EV_CLEAR);
    if ((ready & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) event.flags |= EV_EOF;
    event.data = filter_ == EVFILT_READ ? bytes_to_read(fd) : room_to_write(fd);
    event.udata = entry.udata;
    return event;
  }

  /// Of a listening socket: the connections that wait.
  static std::intptr_t bytes_to_read(int fd) {
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_state == TCP_LISTEN) {
      return static_cast<std::intptr_t>(info.tcpi_unacked);
    }
    int bytes = 0;
    ::ioctl(fd, FIONREAD, &bytes);
    return bytes;
  }

  static std::intptr_t room_to_write(int fd) {
    int size = 0;
    int unsent = 0;
    socklen_t size_size = sizeof size;
    ::getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, &size_size);
    ::ioctl(fd, TIOCOUTQ, &unsent);
    return std::max(size - unsent, 1);
  }

  const std::int16_t filter_;
  const std::uint32_t interest_;
  int epoll_ = -1;
  std::unordered_map<int, Event> entries_;
};

/// EVFILT_USER. The one part that any thread or signal handler may use: through `trigger()`.
class UserEvent {
 public:
  ~UserEvent() {
    if (fd_ >= 0) close_fd(fd_);
  }
  UserEvent() = default;
  UserEvent(const UserEvent&) = delete;
  UserEvent& operator=(const UserEvent&) = delete;

  bool open() { return (fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) >= 0; }
  [[nodiscard]] int fd() const { return fd_; }

  int change(const Event& change) {
    if ((change.flags & EV_DELETE) != 0) return remove(change);
    if ((change.flags & EV_ADD) != 0) {
      if (is_added_ && entry_.ident != change.ident) return EINVAL;
      entry_ = change;
      is_added_ = true;
    }
    if (!is_added_ || entry_.ident != change.ident) return ENOENT;
    if ((change.fflags & NOTE_TRIGGER) != 0) trigger();
    return 0;
  }

  std::size_t collect(std::span<Event> out) {
    pollfd readable{.fd = fd_, .events = POLLIN, .revents = 0};
    if (out.empty() || ::poll(&readable, 1, 0) != 1) return 0;
    if ((entry_.flags & EV_CLEAR) != 0) reset();
    out.front() = entry_;
    out.front().flags = static_cast<std::uint16_t>(entry_.flags & EV_CLEAR);
    out.front().fflags = 0;
    return 1;
  }

 private:
  int remove(const Event& change) {
    if (!is_added_ || entry_.ident != change.ident) return ENOENT;
    is_added_ = false;
    reset();
    return 0;
  }

  void trigger() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(fd_, &one, sizeof one);
  }

  void reset() const {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t size = ::read(fd_, &count, sizeof count);
  }

  int fd_ = -1;
  bool is_added_ = false;
  Event entry_{};
};

class Queue {
 public:
  ~Queue() {
    if (fd_ >= 0) close_fd(fd_);
  }
  Queue() = default;
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  bool open() {
    fd_ = ::epoll_create1(EPOLL_CLOEXEC);
    return fd_ >= 0 && read_.open() && write_.open() && user_.open() && watch(read_.fd()) && watch(write_.fd()) &&
           watch(user_.fd());
  }
  [[nodiscard]] int fd() const { return fd_; }

  int change(const Event& change);
  void forget(int fd) {
    read_.remove(fd);
    write_.remove(fd);
  }

  std::size_t collect(std::span<Event> out) {
    std::size_t count = user_.collect(out);
    count += write_.collect(out.subspan(count));
    return count + read_.collect(out.subspan(count));
  }

 private:
  bool watch(int fd) const {
    epoll_event event{};
    event.events = EPOLLIN;
    return ::epoll_ctl(fd_, EPOLL_CTL_ADD, fd, &event) == 0;
  }

  int fd_ = -1;
  Filter read_{EVFILT_READ, EPOLLIN | EPOLLRDHUP};
  Filter write_{EVFILT_WRITE, EPOLLOUT};
  UserEvent user_;
};

/// By descriptor: the queue that it is of, or in. Lock-free, for close() and signal handlers.
std::array<std::atomic<Queue*>, kFdCountMax> queues;

std::atomic<Queue*>* queue_of(std::uintptr_t fd) { return fd < queues.size() ? &queues[fd] : nullptr; }

int Queue::change(const Event& change) {
  if (change.filter == EVFILT_USER) return user_.change(change);
  if (change.filter != EVFILT_READ && change.filter != EVFILT_WRITE) return EINVAL;
  std::atomic<Queue*>* place = queue_of(change.ident);
  if (place == nullptr) return EBADF;
  const int fd = static_cast<int>(change.ident);
  Filter& filter = change.filter == EVFILT_READ ? read_ : write_;
  int failure = 0;
  if ((change.flags & EV_ADD) != 0) {
    if (place->load() != nullptr && place->load() != this) return EINVAL;
    failure = filter.add(change);
  } else if ((change.flags & EV_DELETE) != 0) {
    failure = filter.remove(fd);
  } else {
    failure = filter.has(fd) ? 0 : ENOENT;
  }
  place->store(read_.has(fd) || write_.has(fd) ? this : nullptr);
  return failure;
}

/// Applies the changes. What is to be told of them goes to `events`; without room there, the first failure ends it.
int apply_changes(Queue& queue, std::span<const Event> changes, std::span<Event> events, std::size_t& told) {
  for (const Event& change : changes) {
    const int failure = queue.change(change);
    if (failure == 0 && (change.flags & EV_RECEIPT) == 0) continue;
    if (told == events.size()) return failure == 0 ? 0 : fail(failure);
    events[told] = change;
    events[told].flags = EV_ERROR;
    events[told++].data = failure;
  }
  return 0;
}

bool is_valid(const timespec& limit) {
  return limit.tv_sec >= 0 && limit.tv_sec <= kWaitMaxS && limit.tv_nsec >= 0 && limit.tv_nsec < 1'000'000'000;
}

timespec until(Clock::time_point deadline) {
  const auto left = std::max(deadline - Clock::now(), Clock::duration::zero());
  const auto whole = std::chrono::floor<std::chrono::seconds>(left);
  return {static_cast<time_t>(whole.count()), static_cast<long>(std::chrono::nanoseconds(left - whole).count())};
}

/// Readiness that is gone by the time it is looked at is not told, and does not end the wait.
int collect(Queue& queue, std::span<Event> events, const timespec* limit) {
  using std::chrono::nanoseconds;
  using std::chrono::seconds;
  const auto deadline =
      limit == nullptr ? Clock::time_point::max() : Clock::now() + seconds(limit->tv_sec) + nanoseconds(limit->tv_nsec);
  for (;;) {
    if (const std::size_t count = queue.collect(events); count > 0) return static_cast<int>(count);
    const timespec left = limit == nullptr ? timespec{} : until(deadline);
    pollfd readable{.fd = queue.fd(), .events = POLLIN, .revents = 0};
    const int ready = ::ppoll(&readable, 1, limit == nullptr ? nullptr : &left, nullptr);
    if (ready <= 0) return ready;
  }
}

}  // namespace

int kqueue() noexcept {
  auto queue = std::make_unique<Queue>();
  if (!queue->open()) return -1;
  const int fd = queue->fd();
  std::atomic<Queue*>* place = queue_of(static_cast<std::uintptr_t>(fd));
  if (place == nullptr) return fail(ENOMEM);
  place->store(queue.release());
  return fd;
}

int kevent(int fd, const Event* changes, int change_count, Event* events, int event_count,
           const timespec* timeout) noexcept {
  const std::atomic<Queue*>* place = queue_of(static_cast<std::uintptr_t>(fd));
  Queue* queue = place == nullptr ? nullptr : place->load();
  if (queue == nullptr || queue->fd() != fd) return fail(EBADF);
  if (timeout != nullptr && !is_valid(*timeout)) return fail(EINVAL);
  const std::span<Event> out(events, static_cast<std::size_t>(event_count));
  std::size_t told = 0;
  if (apply_changes(*queue, {changes, static_cast<std::size_t>(change_count)}, out, told) != 0) return -1;
  if (told > 0) return static_cast<int>(told);
  return out.empty() ? 0 : collect(*queue, out, timeout);
}

/// In place of the C library's: a closed descriptor is in no queue any more.
extern "C" int close(int fd) {
  std::atomic<Queue*>* place = fd < 0 ? nullptr : queue_of(static_cast<std::uintptr_t>(fd));
  Queue* queue = place == nullptr ? nullptr : place->load();
  if (queue == nullptr) return close_fd(fd);
  place->store(nullptr);
  if (queue->fd() != fd) {
    queue->forget(fd);
    return close_fd(fd);
  }
  for (std::atomic<Queue*>& other : queues) {
    Queue* expected = queue;
    other.compare_exchange_strong(expected, nullptr);
  }
  delete queue;
  return 0;
}
