// What a process has from its starter, beside its descriptors, put back to what it is at a log-in.
//
// A daemon serves everybody on the machine, and outlives its starter. A limit, a priority or a set of processors that
// was meant for the starter is not meant for it.
//
// Stateless. Async-signal-safe (signal-safety(7)): for the time between fork() and exec().
//   1. Reset: the soft limits below, up to the hard ones; scheduling policy, niceness, processors, priority of disk
//      accesses, timer slack, OOM score; umask; dispositions of signals, and their mask.
//   2. What the system does not allow to be reset is reported. Lowering the niceness or the OOM score takes a right.
//   3. Left, for nobody may undo it: hard limits, control groups, namespaces, filters of system calls.
//   4. Left, for they harm no daemon: the soft limits of the stack and of core files.
// Use: const KeptState kept = reset_inherited_state(); execve(...);
#pragma once

#include <string>

namespace distflow::pmd {

/// What could not be reset: a sum of bits.
using KeptState = unsigned;
inline constexpr KeptState kKeptNiceness = 1;
inline constexpr KeptState kKeptScheduling = 2;
inline constexpr KeptState kKeptProcessors = 4;
inline constexpr KeptState kKeptOomScore = 8;

/// "niceness, OOM score"; empty for none. Not async-signal-safe.
[[nodiscard]] std::string names_of(KeptState kept);

KeptState reset_inherited_state() noexcept;

/// Of descriptors, processor time, memory and file size: what may end or starve a daemon.
void raise_soft_limits() noexcept;

/// The part that is each system's own, in a file of its name.
KeptState reset_scheduling() noexcept;

}  // namespace distflow::pmd
