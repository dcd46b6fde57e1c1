#include "bench/director/child_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace distflow::bench {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kInputPatience{1000};
constexpr milliseconds kSignalPatience{2000};

struct Pipe {
  int read = -1;
  int write = -1;
};

Pipe open_pipe() {
  std::array<int, 2> fds{};
  if (::pipe2(fds.data(), O_CLOEXEC) != 0) {
    std::perror("distflow-bench: no pipe to a contestant");
    std::exit(1);
  }
  return {fds[0], fds[1]};
}

[[noreturn]] void become(const std::vector<char*>& words, pid_t director, const Pipe& input, const Pipe& output) {
  ::dup2(input.read, STDIN_FILENO);
  ::dup2(output.write, STDOUT_FILENO);
  ::signal(SIGPIPE, SIG_DFL);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() == director) ::execv(words.front(), words.data());
  ::_exit(127);
}

milliseconds time_until(ChildProcess::Clock::time_point deadline) {
  const auto left = std::chrono::ceil<milliseconds>(deadline - ChildProcess::Clock::now());
  return std::clamp(left, milliseconds(0), milliseconds(3'600'000));
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& words, End end) : end_(end) {
  ::signal(SIGPIPE, SIG_IGN);  // a child that is gone shall be seen by the write that fails
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (const std::string& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);

  const Pipe input = open_pipe();
  const Pipe output = open_pipe();
  const pid_t director = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) become(pointers, director, input, output);
  ::close(input.read);
  ::close(output.write);
  input_ = input.write;
  output_ = output.read;
}

ChildProcess::~ChildProcess() {
  if (end_ == End::by_input) write_line("quit");
  ::close(input_);
  if (pid_ > 0 && !(end_ == End::by_input && wait_for_end(kInputPatience))) {
    ::kill(pid_, SIGTERM);
    if (!wait_for_end(kSignalPatience)) ::kill(pid_, SIGKILL);
  }
  while (pid_ > 0 && ::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (output_ >= 0) ::close(output_);
}

bool ChildProcess::write_line(std::string_view line) {
  const std::string text = std::string(line) + '\n';
  return ::write(input_, text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

std::optional<std::string> ChildProcess::read_line(Clock::time_point deadline) {
  while (true) {
    if (const std::size_t end = read_.find('\n'); end != std::string::npos) {
      std::string line = read_.substr(0, end);
      read_.erase(0, end + 1);
      return line;
    }
    if (output_ < 0) return std::nullopt;
    pollfd waiting{.fd = output_, .events = POLLIN, .revents = 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(time_until(deadline).count()));
    if (ready == 0 || (ready < 0 && errno != EINTR)) return std::nullopt;
    if (ready < 0) continue;
    std::array<char, 4096> buffer{};
    const ssize_t size = ::read(output_, buffer.data(), buffer.size());
    if (size > 0) {
      read_.append(buffer.data(), static_cast<std::size_t>(size));
    } else if (size == 0 || errno != EINTR) {
      ::close(std::exchange(output_, -1));
    }
  }
}

/// A pidfd is readable once its process has ended, whoever else may hold its pipes.
bool ChildProcess::wait_for_end(milliseconds patience) {
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  if (fd < 0) return false;
  const Clock::time_point deadline = Clock::now() + patience;
  pollfd waiting{.fd = fd, .events = POLLIN, .revents = 0};
  int ready = -1;
  do {
    ready = ::poll(&waiting, 1, static_cast<int>(time_until(deadline).count()));
  } while (ready < 0 && errno == EINTR);
  ::close(fd);
  return ready > 0;
}

}  // namespace distflow::bench
