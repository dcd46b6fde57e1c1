#include "io/kqueue/kqueue_poller.hpp"

// sys/event.h needs the types of sys/types.h, and does not name them on every system.
#include <sys/types.h>

#include <fcntl.h>
#include <sys/event.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>

#include "io/posix/lost_descriptor.hpp"
#include "io/posix/owned_descriptors.hpp"
#include "io/posix/socket.hpp"
#include "io/posix/timespec.hpp"

namespace distflow::io {
namespace {

using Event = struct kevent;  // a function has the same name

static_assert(sizeof(void*) == sizeof(std::uint64_t));

constexpr std::size_t kEventCountMax = 256;

Event make_event(int fd, int filter, int flags, std::uint64_t token) {
  Event event{};
  event.ident = static_cast<decltype(event.ident)>(fd);
  event.filter = static_cast<decltype(event.filter)>(filter);
  event.flags = static_cast<decltype(event.flags)>(flags);
  event.udata = std::bit_cast<decltype(event.udata)>(token);
  return event;
}

/// The event of the program's own; it has a filter, and with it identifiers, to itself.
Event make_wake_event(int flags) { return make_event(0, EVFILT_USER, flags, 0); }

/// Both filters of a descriptor.
std::array<Event, 2> make_events(int fd, int flags, std::uint64_t token) {
  return {make_event(fd, EVFILT_READ, flags, token), make_event(fd, EVFILT_WRITE, flags, token)};
}

/// Without room for events, kevent() applies the changes and returns at once; the first that fails ends it.
bool apply_changes(int queue, std::span<const Event> changes) noexcept {
  return ::kevent(queue, changes.data(), static_cast<int>(changes.size()), nullptr, 0, nullptr) == 0;
}

}  // namespace

KqueuePoller::~KqueuePoller() {
  if (queue_ >= 0) posix::close_owned(queue_, [this] { ::close(queue_); });
}

Result<void> KqueuePoller::open() {
  queue_ = posix::open_owned([] { return ::kqueue(); });
  if (queue_ < 0) return posix::last_error("opening a kqueue");
  ::fcntl(queue_, F_SETFD, FD_CLOEXEC);  // no fork inherits it; an exec without one would
  const std::array wake{make_wake_event(EV_ADD | EV_CLEAR)};
  if (!apply_changes(queue_, wake)) return posix::last_error("adding the wake-up to a kqueue");
  return {};
}

Result<void> KqueuePoller::add(int fd, std::uint64_t token) {
  if (!apply_changes(queue_, make_events(fd, EV_ADD | EV_CLEAR, token))) {
    return posix::last_error("adding a descriptor to a kqueue");
  }
  return {};
}

void KqueuePoller::remove(int fd) noexcept { apply_changes(queue_, make_events(fd, EV_DELETE, 0)); }

std::size_t KqueuePoller::wait(base::Duration timeout, std::span<Readiness> out) {
  std::array<Event, kEventCountMax> events;  // filled up to `count`
  const int size = static_cast<int>(std::min(out.size(), events.size()));
  const timespec limit = posix::to_timespec(timeout);
  const bool is_forever = timeout == base::Duration::max();
  const int count = ::kevent(queue_, nullptr, 0, events.data(), size, is_forever ? nullptr : &limit);
  if (count < 0 && errno != EINTR) posix::stop_without_descriptor("waiting with kqueue", errno);

  was_woken_ = false;
  std::size_t ready = 0;
  for (int i = 0; i < count; ++i) {
    const Event& event = events[static_cast<std::size_t>(i)];
    if (event.filter == EVFILT_USER) {
      was_woken_ = true;
      continue;
    }
    const bool has_ended = (event.flags & (EV_EOF | EV_ERROR)) != 0;
    out[ready++] = {.token = std::bit_cast<std::uint64_t>(event.udata),
                    .can_read = has_ended || event.filter == EVFILT_READ,
                    .can_write = has_ended || event.filter == EVFILT_WRITE,
                    .has_ended = has_ended};
  }
  return ready;
}

void KqueuePoller::wake() noexcept {
  Event event = make_wake_event(0);
  event.fflags = NOTE_TRIGGER;
  apply_changes(queue_, {&event, 1});
}

}  // namespace distflow::io
