#include "bench/director/child_process.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <optional>
#include <string>
#include <vector>

namespace distflow::bench {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using End = ChildProcess::End;

ChildProcess::Clock::time_point in(milliseconds delay) { return ChildProcess::Clock::now() + delay; }

std::vector<std::string> shell(const std::string& script) { return {"/bin/sh", "-c", script}; }

TEST(ChildProcess, lines_go_in_and_out) {
  ChildProcess child(shell("while read -r line; do echo \"heard $line\"; done"), End::by_input);
  EXPECT_TRUE(child.write_line("one"));
  EXPECT_TRUE(child.write_line("two"));
  EXPECT_EQ(child.read_line(in(seconds(20))), "heard one");
  EXPECT_EQ(child.read_line(in(seconds(20))), "heard two");
}

TEST(ChildProcess, lines_that_come_together_are_read_one_by_one) {
  ChildProcess child(shell("printf 'a\\nb\\n\\nc'"), End::by_input);
  EXPECT_EQ(child.read_line(in(seconds(20))), "a");
  EXPECT_EQ(child.read_line(in(seconds(20))), "b");
  EXPECT_EQ(child.read_line(in(seconds(20))), "");
  EXPECT_EQ(child.read_line(in(seconds(20))), std::nullopt);  // a line has an end
  EXPECT_TRUE(child.has_ended());
}

TEST(ChildProcess, waiting_ends_at_the_deadline) {
  ChildProcess child(shell("read -r line"), End::by_input);
  EXPECT_EQ(child.read_line(in(milliseconds(20))), std::nullopt);
  EXPECT_FALSE(child.has_ended());
}

TEST(ChildProcess, a_program_that_is_not_there_has_ended_at_once) {
  ChildProcess child({"/nowhere/at/all"}, End::by_input);
  EXPECT_EQ(child.read_line(in(seconds(20))), std::nullopt);
  EXPECT_TRUE(child.has_ended());
  child.write_line("into nothing");  // and the director lives on
}

/// The process of a program that has said something, after the end of its object.
pid_t pid_of_ended(const std::vector<std::string>& words, End end) {
  ChildProcess child(words, end);
  EXPECT_NE(child.read_line(in(seconds(20))), std::nullopt);
  return child.pid();
}

bool is_gone(pid_t pid) { return ::kill(pid, 0) != 0 && errno == ESRCH; }

TEST(ChildProcess, is_gone_and_reaped_after_its_object) {
  const std::vector<std::string> reader = shell("echo ready; read -r line");
  EXPECT_TRUE(is_gone(pid_of_ended(reader, End::by_input)));
  EXPECT_TRUE(is_gone(pid_of_ended(reader, End::by_signal)));
}

TEST(ChildProcess, is_killed_when_neither_the_end_of_its_input_nor_a_signal_ends_it) {
  EXPECT_TRUE(is_gone(pid_of_ended({DISTFLOW_FAKE_CONTESTANT, "solo", "--sulk"}, End::by_input)));
  EXPECT_TRUE(is_gone(pid_of_ended({DISTFLOW_FAKE_CONTESTANT, "solo", "--sulk"}, End::by_signal)));
}

TEST(ChildProcess, ends_with_a_director_that_is_killed) {
  ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);  // who loses his parent comes to this process
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  const pid_t director = ::fork();
  if (director == 0) {
    // It reads no input, and writes no more.
    ChildProcess child(shell("echo ready; exec tail -f /dev/null >/dev/null"), End::by_signal);
    const pid_t pid = child.read_line(in(seconds(20))) ? child.pid() : -1;
    if (::write(pipe[1], &pid, sizeof pid) == sizeof pid) ::kill(::getpid(), SIGKILL);
    ::_exit(1);
  }
  pid_t child = -1;
  ASSERT_EQ(::read(pipe[0], &child, sizeof child), static_cast<ssize_t>(sizeof child));
  EXPECT_EQ(::waitpid(director, nullptr, 0), director);
  ASSERT_GT(child, 0);

  const int handle = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
  pollfd ended{.fd = handle, .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&ended, 1, 20'000), 1) << "it lives on";
  ::kill(child, SIGKILL);
  EXPECT_EQ(::waitpid(child, nullptr, 0), child);
  for (const int fd : {handle, pipe[0], pipe[1]}) ::close(fd);
}

}  // namespace
}  // namespace distflow::bench
