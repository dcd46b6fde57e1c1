#include <unistd.h>

#include "pmd/launch/child_process.hpp"

namespace distflow::pmd {

/// fork() copies the page tables of a process of any size, and each page that either side then writes to. vfork()
/// copies nothing: the child has this thread's stack, below this frame, while this thread waits. What the child changes
/// of itself is its own nevertheless: descriptors, signals, limits, folder, umask; and the OOM score, for the kernel
/// excepts a process in vfork() from those that share one (__set_oom_adj() in fs/proc/base.c). The handlers of
/// pthread_atfork() do not run; no descriptor outlives the exec (detached_process.cpp).
pid_t start_child(ChildBody run, const void* plan) {
  const pid_t pid = ::vfork();  // NOLINT(clang-analyzer-security.insecureAPI.vfork): as posix_spawn() does it
  if (pid == 0) {
    run(plan);     // NOLINT(clang-analyzer-unix.Vfork): a ChildBody calls what is safe there (child_process.hpp)
    ::_exit(127);  // never: it would return into a frame that is the starter's
  }
  return pid;
}

}  // namespace distflow::pmd
