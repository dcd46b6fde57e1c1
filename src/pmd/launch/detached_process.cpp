#include "pmd/launch/detached_process.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string_view>

#include "io/posix/owned_descriptors.hpp"
#include "io/posix/platform.hpp"
#include "pmd/launch/child_process.hpp"
#include "pmd/launch/own_daemons.hpp"

extern char** environ;  // NOLINT(readability-redundant-declaration): glibc declares it, macOS does not

namespace distflow::pmd {
namespace {

using io::posix::Descriptor;

constexpr const char* kStartingProcess = "starting a background process";
/// Our own ends of pipes lie at or above it, clear of the descriptors that the program is given.
constexpr int kOwnFdMin = 10;

/// How many descriptors are looked at one by one at most, where the system has no call for all of them.
constexpr long kFdCountMax = io::posix::kOwnedDescriptorMax;

Error system_error() { return {std::error_code(errno, std::generic_category()), kStartingProcess}; }

struct Pipe {
  Descriptor read;
  Descriptor write;
};

Descriptor clear_of_given(const Descriptor& end) {
  return Descriptor(io::posix::open_owned([&end] { return ::fcntl(end.get(), F_DUPFD_CLOEXEC, kOwnFdMin); }));
}

/// A process that somebody else starts or forks meanwhile must not have a copy of the writing end: the pipe would stay
/// open for as long as it lives.
Result<Pipe> make_pipe() {
  std::array<int, 2> fds{-1, -1};
  {
    const io::posix::UnforkedStep step;
    if (!io::platform::open_pipe(fds)) return system_error();
    for (const int fd : fds) io::posix::note_owned(fd);
  }
  const Descriptor read(fds[0]);
  const Descriptor write(fds[1]);
  Pipe pipe{clear_of_given(read), clear_of_given(write)};
  if (pipe.read.get() < 0 || pipe.write.get() < 0) return system_error();
  return pipe;
}

/// What the processes between fork and exec report to the starter. Smaller than PIPE_BUF: written whole or not at all.
struct Note {
  enum class Kind { pid, failure, kept_state };
  Kind kind;
  int value;
};

void tell(int fd, Note note) { static_cast<void>(!::write(fd, &note, sizeof note)); }

// From here to start_detached(): between fork and exec, hence async-signal-safe calls only (signal-safety(7)).

/// The exec closes all descriptors above kReportFd, also those that others opened.
void close_others_on_exec() {
#ifdef CLOSE_RANGE_CLOEXEC
  if (::close_range(kReportFd + 1, ~0U, CLOSE_RANGE_CLOEXEC) == 0) return;
#endif
  const long limit = ::sysconf(_SC_OPEN_MAX);                                 // negative: there is none
  const long count = limit < 0 ? kFdCountMax : std::min(limit, kFdCountMax);  // a limit may be a thousand million
  for (int fd = kReportFd + 1; fd < count; ++fd) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

bool set_descriptors(int report_fd) {
  const int null = ::open("/dev/null", O_RDWR);
  if (null < 0) return false;
  for (int fd = 0; fd < kReportFd; ++fd) {
    if (::dup2(null, fd) < 0) return false;
  }
  if (::dup2(report_fd, kReportFd) < 0) return false;
  close_others_on_exec();
  return true;
}

/// Whether a service manager has said it to its own child, of descriptors that are passed on to nobody.
bool is_of_service_manager(std::string_view variable) {
  constexpr std::array<std::string_view, 3> names{"LISTEN_PID=", "LISTEN_FDS=", "LISTEN_FDNAMES="};
  return std::any_of(names.begin(), names.end(), [&](std::string_view name) { return variable.starts_with(name); });
}

/// What the program is to have, with a null at its end. Made before the fork: it allocates.
std::vector<char*> variables_for(Environment environment) {
  std::vector<char*> variables;
  if (environment == Environment::of_starter && environ != nullptr) {
    for (char** variable = environ; *variable != nullptr; ++variable) {
      if (!is_of_service_manager(*variable)) variables.push_back(*variable);
    }
  }
  variables.push_back(nullptr);
  return variables;
}

/// What the processes between fork and exec need to know.
struct Plan {
  const char* program;
  char* const* arguments;
  char* const* environment;
  int report_fd;
  int note_fd;
};

[[noreturn]] void become(const Plan& plan) {
  if (set_descriptors(plan.report_fd) && ::chdir("/") == 0) {
    tell(plan.note_fd, {Note::Kind::kept_state, static_cast<int>(reset_inherited_state())});
    ::execve(plan.program, plan.arguments, plan.environment);
  }
  tell(plan.note_fd, {Note::Kind::failure, errno});
  ::_exit(127);
}

[[noreturn]] void become_program(const void* plan) { become(*static_cast<const Plan*>(plan)); }

/// The child: makes the grandchild, which becomes the program, and ends, so that the program is nobody's child.
[[noreturn]] void hand_over(const void* given) {
  const Plan& plan = *static_cast<const Plan*>(given);
  ::setsid();
  const pid_t pid = start_child(&become_program, &plan);
  if (pid < 0) {
    tell(plan.note_fd, {Note::Kind::failure, errno});
  } else {
    tell(plan.note_fd, {Note::Kind::pid, pid});
  }
  ::_exit(0);
}

/// Until the grandchild has become the program or ended: both close the pipe.
Result<DetachedProcess> read_notes(int fd) {
  DetachedProcess process;
  int failure = 0;
  Note note{};
  for (;;) {
    const ssize_t size = ::read(fd, &note, sizeof note);
    if (size < 0 && errno == EINTR) continue;
    if (size != static_cast<ssize_t>(sizeof note)) break;
    switch (note.kind) {
      case Note::Kind::pid: process.pid = note.value; break;
      case Note::Kind::failure: failure = note.value; break;
      case Note::Kind::kept_state: process.kept_state = static_cast<KeptState>(note.value); break;
    }
  }
  if (failure != 0) return Error{std::error_code(failure, std::generic_category()), kStartingProcess};
  return process;
}

/// Starts the child with all signals blocked, so that no handler of the starter's runs in it. Nor is it cancelled
/// there: the child may have this thread's memory, and would unwind its stack.
pid_t start_quietly(const Plan& plan) {
  sigset_t all;
  sigset_t before;
  int cancel_state = 0;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  ::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
  const pid_t pid = start_child(&hand_over, &plan);
  const int failure = errno;
  ::pthread_setcancelstate(cancel_state, &cancel_state);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = failure;
  return pid;
}

}  // namespace

Result<DetachedProcess> start_detached(const std::string& program, const std::vector<std::string>& arguments,
                                       Environment environment) {
  std::vector<char*> argv{const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const std::vector<char*> variables = variables_for(environment);

  Result<Pipe> reports = make_pipe();
  if (!reports) return reports.error();
  Result<Pipe> notes = make_pipe();
  if (!notes) return notes.error();

  const pid_t child = [&] {
    const io::posix::KeptOverFork kept(reports->write.get(), notes->write.get());
    return start_quietly({.program = program.c_str(),
                          .arguments = argv.data(),
                          .environment = variables.data(),
                          .report_fd = reports->write.get(),
                          .note_fd = notes->write.get()});
  }();
  if (child < 0) return system_error();
  reports->write.reset();
  notes->write.reset();
  Result<DetachedProcess> process = read_notes(notes->read.get());
  while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (!process) return process;
  remember_own_daemon(process->pid);
  process->reports = std::move(reports->read);
  return process;
}

}  // namespace distflow::pmd
