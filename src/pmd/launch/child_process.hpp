// A child that becomes another program or ends at once: the two processes between a starter and its detached program.
//
// Stateless, any thread. The part that is each system's own, in a file of its name.
//   1. The child may share the starter's memory until its exec() or _exit(): what it writes there, the starter sees.
//   2. The thread that calls may stand still until then. Its other threads go on.
// Use: const pid_t pid = start_child(&become_the_program, &plan);
#pragma once

#include <sys/types.h>

namespace distflow::pmd {

/// What a child runs, with the `plan` that start_child() was given. It ends with execve() or _exit(), never returns,
/// and makes async-signal-safe calls only (signal-safety(7)).
using ChildBody = void (*)(const void* plan);

/// The child's process id; negative where there can be none, and errno says why. The caller has all signals blocked: no
/// handler of the starter's may run in the child.
pid_t start_child(ChildBody run, const void* plan);

}  // namespace distflow::pmd
