// The descriptors that this library has open, so that a forked child can close them.
//
// A child that fork() makes has a copy of each. While it lives they keep open what its parent had: a port, connections,
// a lock. Others then take a node that has died for one that lives. Therefore whatever opens a descriptor of the
// library's does it by open_owned(), whatever closes one by close_owned(), and the child closes those noted in between.
//
// Any thread.
//   1. Opening and noting are one step to fork(), as are forgetting and closing: it waits for those under way, and they
//      wait for it. No child has an open one that is not noted, and a noted number is never that of a descriptor which
//      the application has opened since.
//   2. Neither waits longer than kForkWaitMax: the application's own fork handlers may wait for a lock that a thread
//      has which is about to open a descriptor. Then the child may keep a descriptor, and fork_waits_in_vain() counts.
//      So it may where a signal handler that calls fork() has interrupted a step of its own thread, which it does not
//      wait for. It closes none of the application's even then.
//   3. The child only closes: no lock, no allocation, nothing but async-signal-safe calls (signal-safety(7)).
//   4. In the child nothing is noted any more. What the library still believes to have open there is not closed a
//      second time: another descriptor may have its number by then.
//   5. Descriptors from kOwnedDescriptorMax on are not noted; the child keeps them.
// What exec() starts has none of them, for all are opened close-on-exec. This holds for posix_spawn() and vfork(), too,
// which run none of these handlers. What the parent has mapped stays mapped in the child: it keeps memory, but nobody
// tells by a mapping whether a process lives, and all of it goes with the child's end or exec().
// With io_uring the kernel accepts connections by itself: one that it has accepted, and that was not taken from its
// queue when fork() was called, is not noted yet.
#pragma once

#include <cstdint>
#include <utility>

#include "base/time.hpp"

namespace distflow::io::posix {

/// Linux's default for the most that a process may have open (fs.nr_open).
inline constexpr int kOwnedDescriptorMax = 1 << 20;
inline constexpr base::Duration kForkWaitMax = base::seconds(1);

/// A step during which no fork() of another thread happens.
class UnforkedStep {
 public:
  UnforkedStep() noexcept;
  UnforkedStep(const UnforkedStep&) = delete;
  UnforkedStep& operator=(const UnforkedStep&) = delete;
  ~UnforkedStep();
};

/// Within an UnforkedStep: from now on a forked child closes it. Changes no errno.
void note_owned(int fd) noexcept;
/// Within an UnforkedStep: no longer. False if it was not noted, and therefore is not to be closed.
[[nodiscard]] bool forget_owned(int fd) noexcept;

/// What `open` gives, a descriptor or a negative number, noted.
template <class Open>
int open_owned(Open&& open) noexcept {
  const UnforkedStep step;
  const int fd = std::forward<Open>(open)();
  if (fd >= 0) note_owned(fd);
  return fd;
}

/// Forgets the descriptor and calls `close`, which closes it; does neither if it is not noted.
template <class Close>
void close_owned(int fd, Close&& close) noexcept {
  const UnforkedStep step;
  if (forget_owned(fd)) std::forward<Close>(close)();
}

/// How often a fork() or a step has not waited for the other to its end.
[[nodiscard]] std::uint64_t fork_waits_in_vain() noexcept;

/// Two descriptors that a fork() of this thread is to leave open in its child, while this lives.
class KeptOverFork {
 public:
  KeptOverFork(int first, int second) noexcept;
  KeptOverFork(const KeptOverFork&) = delete;
  KeptOverFork& operator=(const KeptOverFork&) = delete;
  ~KeptOverFork();
};

}  // namespace distflow::io::posix
