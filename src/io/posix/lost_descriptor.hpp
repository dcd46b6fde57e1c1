// The end of a process that has taken from the library what it waits with.
//
// Any thread.
#pragma once

namespace distflow::io::posix {

/// Says what was being done, the system's error and what that means, and aborts. For errors that a system call gives
/// only when the program has closed the descriptor, or has forbidden the call (seccomp): the descriptor's number may be
/// that of a file of the program's by now, so that to go on would read from, or write to, what is not ours.
[[noreturn]] void stop_without_descriptor(const char* doing, int errno_value) noexcept;

}  // namespace distflow::io::posix
