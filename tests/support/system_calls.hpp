// Counts the system calls of one thread, each of them, as its kernel sees them: in a child process that is traced.
//
// Linux, and a process that has only the calling thread when the count begins. The child inherits it as fork() does.
//   1. Counted are the calls between start_counting() and stop_counting() of the child's first thread, and up to three
//      that belong to the counting.
//   2. The child ends with the count, killed if need be.
// Use: count_system_calls([](SystemCallWindow& window) { prepare(); window.start_counting(); work();
//                                                        window.stop_counting(); return is_well(); })
#pragma once

#include <gtest/gtest.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <optional>

namespace distflow::test {

/// The child's side: each mark is a stop that its tracer waits for.
class SystemCallWindow {
 public:
  void start_counting() { mark(); }
  void stop_counting() { mark(); }

 private:
  static void mark() { ::kill(::getpid(), SIGSTOP); }
};

/// Waits for the child's next stop; false when it has ended.
inline bool wait_for_stop(pid_t child, int& status) {
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return false;
  }
  return WIFSTOPPED(status);
}

/// Lets a traced child run to its end; the stops at system calls between its marks.
inline std::optional<std::uint64_t> trace_to_end(pid_t child) {
  constexpr int kSystemCallStop = SIGTRAP | 0x80;  // as PTRACE_O_TRACESYSGOOD has it
  int status = 0;
  if (!wait_for_stop(child, status)) return std::nullopt;
  ::ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  std::uint64_t stops = 0;
  bool is_counting = false;
  int signal = 0;  // of the child's own, to be passed on
  while (::ptrace(is_counting ? PTRACE_SYSCALL : PTRACE_CONT, child, nullptr, signal) == 0 &&
         wait_for_stop(child, status)) {
    signal = WSTOPSIG(status);
    if (signal == SIGSTOP) is_counting = !is_counting;
    if (signal == kSystemCallStop) ++stops;
    if (signal == SIGSTOP || signal == kSystemCallStop) signal = 0;
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return std::nullopt;
  return stops;
}

/// Runs `body` in a child; the system calls it makes in its window. None, and a failure of the test, when it says
/// false.
template <class Body>
std::optional<std::uint64_t> count_system_calls(Body body) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(2);
    ::kill(::getpid(), SIGSTOP);
    SystemCallWindow window;
    const bool is_well = body(window);
    ::_exit(is_well && !::testing::Test::HasFailure() ? 0 : 1);
  }
  EXPECT_GT(child, 0) << std::strerror(errno);
  const std::optional<std::uint64_t> stops = trace_to_end(child);
  EXPECT_TRUE(stops) << "the traced child failed, or this system forbids to trace one's own child (ptrace)";
  if (!stops) return std::nullopt;
  return *stops / 2;  // each call stops on its way in and on its way out
}

}  // namespace distflow::test
