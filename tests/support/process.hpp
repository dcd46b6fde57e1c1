// A program under test as a child process: its output, its exit code, and its end with the test's.
//
// One thread. What the program writes is read until it ends, or until a pattern has come. A node that a signal ends
// cannot remove its lock file: that is done here. One that ends otherwise has to have removed it.
// Use: ProcessResult result = run_process(binary, {"pmd", "status"}); EXPECT_EQ(result.exit_code, 0);
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/lock_file.hpp"

extern char** environ;

namespace distflow::test {

struct ProcessResult {
  int exit_code = -1;  ///< -1 when a signal ended it
  int signal = 0;
  std::string out;
  std::string err;
};

/// How long a program may write nothing before the test gives it up: far beyond what any takes.
inline constexpr int kPatienceMs = 30'000;

class ChildProcess {
 public:
  /// Starts `program`. `environment` holds further variables, "NAME=value".
  ChildProcess(const std::string& program, const std::vector<std::string>& arguments,
               const std::vector<std::string>& environment = {}) {
    std::vector<std::string> words{program};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<std::string> variables = environment;
    for (char** variable = environ; *variable != nullptr; ++variable) variables.emplace_back(*variable);

    std::array<Pipe, 2> pipes;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    for (std::size_t i = 0; i < pipes.size(); ++i) {
      std::array<int, 2> fds{};
      if (::pipe2(fds.data(), O_CLOEXEC) != 0) std::abort();
      pipes[i] = {fds[0], fds[1]};
      posix_spawn_file_actions_adddup2(&actions, fds[1], static_cast<int>(i) + 1);
    }
    const int failure =
        posix_spawn(&pid_, program.c_str(), &actions, nullptr, pointers(words).data(), pointers(variables).data());
    posix_spawn_file_actions_destroy(&actions);
    for (const Pipe& pipe : pipes) ::close(pipe.write);
    fds_ = {pipes[0].read, pipes[1].read};
    EXPECT_EQ(failure, 0) << "starting " << program;
    if (failure != 0) pid_ = 0;
  }

  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess() {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
    reap();
    for (const int fd : fds_) {
      if (fd >= 0) ::close(fd);
    }
  }

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] const std::string& out() const { return texts_[0]; }
  [[nodiscard]] const std::string& err() const { return texts_[1]; }
  void send_signal(int signal) const { ::kill(pid_, signal); }

  /// Reads what there is to read, waiting for it at most `patience_ms`. False when both streams have ended, or the
  /// patience has.
  bool read_some(int patience_ms = kPatienceMs) {
    std::array<pollfd, 2> waiting{pollfd{fds_[0], POLLIN, 0}, pollfd{fds_[1], POLLIN, 0}};
    if (fds_[0] < 0 && fds_[1] < 0) return false;
    if (::poll(waiting.data(), waiting.size(), patience_ms) <= 0) return errno == EINTR;
    for (std::size_t i = 0; i < waiting.size(); ++i) {
      if (waiting[i].revents != 0) read_one(i);
    }
    return true;
  }

  /// Whether `text` has come on the standard output.
  bool wait_for_output(const std::string& text) {
    while (texts_[0].find(text) == std::string::npos) {
      if (!read_some()) return texts_[0].find(text) != std::string::npos;
    }
    return true;
  }

  /// Until the program has ended.
  ProcessResult wait() {
    while (read_some()) {
    }
    if (fds_[0] >= 0 || fds_[1] >= 0) {
      ADD_FAILURE() << "the program wrote nothing for long and did not end";
      ::kill(pid_, SIGKILL);
    }
    reap();
    return {WIFEXITED(status_) ? WEXITSTATUS(status_) : -1, WIFSIGNALED(status_) ? WTERMSIG(status_) : 0, texts_[0],
            texts_[1]};
  }

 private:
  struct Pipe {
    int read = -1;
    int write = -1;
  };

  static std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> result;
    for (std::string& text : texts) result.push_back(text.data());
    result.push_back(nullptr);
    return result;
  }

  void read_one(std::size_t i) {
    std::array<char, 4096> buffer{};
    const ssize_t size = ::read(fds_[i], buffer.data(), buffer.size());
    if (size > 0) {
      texts_[i].append(buffer.data(), static_cast<std::size_t>(size));
    } else if (size == 0 || errno != EINTR) {
      ::close(std::exchange(fds_[i], -1));
    }
  }

  void reap() {
    if (pid_ <= 0) return;
    while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
    }
    EXPECT_FALSE(remove_lock_file(pid_) && WIFEXITED(status_)) << "a lock file was left, and no signal was the reason";
    pid_ = 0;
  }

  pid_t pid_ = 0;
  int status_ = 0;
  std::array<int, 2> fds_{-1, -1};
  std::array<std::string, 2> texts_;
};

/// Runs a program to its end.
inline ProcessResult run_process(const std::string& program, const std::vector<std::string>& arguments,
                                 const std::vector<std::string>& environment = {}) {
  ChildProcess child(program, arguments, environment);
  return child.wait();
}

}  // namespace distflow::test
