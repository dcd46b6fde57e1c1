// A test double of kqueue(2) for Linux: what KqueuePoller uses of it, as the manual pages of macOS and FreeBSD state
// it.
//
// One thread registers and waits; any thread or signal handler may trigger the queue's EVFILT_USER event.
//   1. Filters: EVFILT_READ and EVFILT_WRITE for sockets and pipes, EVFILT_USER with NOTE_TRIGGER. All else is EINVAL.
//   2. The double has its own close(2), since closing a descriptor takes it out of its queue, and closing a queue frees
//      what it holds.
//   3. A descriptor is in one queue at most, and a queue has one EVFILT_USER event at most; more is EINVAL.
//   4. Not told: a socket's error in `fflags` (Linux cannot look at it without taking it), and the room in a send
//   buffer
//      is an estimate.
#pragma once

#include <cstdint>
#include <ctime>

struct kevent {
  std::uintptr_t ident;
  std::int16_t filter;
  std::uint16_t flags;
  std::uint32_t fflags;
  std::intptr_t data;
  void* udata;
};

inline constexpr std::int16_t EVFILT_READ = -1;
inline constexpr std::int16_t EVFILT_WRITE = -2;
inline constexpr std::int16_t EVFILT_USER = -10;

inline constexpr std::uint16_t EV_ADD = 0x0001;
inline constexpr std::uint16_t EV_DELETE = 0x0002;
inline constexpr std::uint16_t EV_CLEAR = 0x0020;
inline constexpr std::uint16_t EV_RECEIPT = 0x0040;
inline constexpr std::uint16_t EV_ERROR = 0x4000;
inline constexpr std::uint16_t EV_EOF = 0x8000;

inline constexpr std::uint32_t NOTE_TRIGGER = 0x01000000;

int kqueue() noexcept;
int kevent(int queue, const struct kevent* changes, int change_count, struct kevent* events, int event_count,
           const timespec* timeout) noexcept;
