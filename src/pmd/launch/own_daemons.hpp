// The daemons that are this process's children though it never forked them: a process whose parent ends becomes a child
// of its nearest subreaper, or of process 1 (prctl(2), PR_SET_CHILD_SUBREAPER). If that is this process, nobody else
// takes notice of its end, and it stays a zombie.
//
// Any thread; no locks, nothing blocks.
//   1. Only a process that was remembered is waited for, by its number: never the application's own children.
//   2. A number counts only together with the process's start: the application may have waited for all its children,
//      this one too, and have been given the number again for another.
//   3. At most kOwnDaemonsMax are remembered. A further one stays a zombie when it ends.
// Use: remember_own_daemon(pid); ... reap_own_daemons();
#pragma once

#include <sys/types.h>

namespace distflow::pmd {

inline constexpr int kOwnDaemonsMax = 8;

/// If it is a child of this process.
void remember_own_daemon(pid_t pid) noexcept;

/// Of those that have ended. Cheap while none is remembered.
void reap_own_daemons() noexcept;

}  // namespace distflow::pmd
