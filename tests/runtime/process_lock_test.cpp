// The lock file of this process, and those that killed ones left.
#include "runtime/process_lock.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

#include "runtime/stale_locks.hpp"

namespace distflow::test {
namespace {

using runtime::ProcessLock;

bool is_there(const std::string& path) { return std::filesystem::exists(path); }

std::string path_of(pid_t process_id) { return "/tmp/distflow-node-" + std::to_string(process_id) + ".lock"; }

/// A process that takes its lock and ends like this; its id, once it has ended.
template <class End>
pid_t run_holder(End end) {
  const pid_t child = ::fork();
  if (child == 0) {
    const Result<ProcessLock> lock = ProcessLock::acquire();
    if (lock && is_there(ProcessLock::path())) end();
    ::_exit(2);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  EXPECT_FALSE(WIFEXITED(status) && WEXITSTATUS(status) == 2) << "it has not come to its end";
  return child;
}

TEST(ProcessLock, the_file_goes_with_its_holder) {
  {
    const Result<ProcessLock> lock = ProcessLock::acquire();
    ASSERT_TRUE(lock);
    EXPECT_EQ(ProcessLock::path(), path_of(::getpid()));
    EXPECT_TRUE(is_there(ProcessLock::path()));
    EXPECT_EQ(ProcessLock::acquire().error(), Errc::already_running);
    EXPECT_TRUE(is_there(ProcessLock::path())) << "who was refused leaves it";
  }
  EXPECT_FALSE(is_there(ProcessLock::path()));
}

TEST(ProcessLock, the_file_of_a_killed_process_goes_when_others_take_theirs) {
  const pid_t killed = run_holder([] { ::kill(::getpid(), SIGKILL); });
  // Others may have left theirs before: a few go at a time.
  for (int i = 0; i < 1000 && is_there(path_of(killed)); ++i) ASSERT_TRUE(ProcessLock::acquire());
  EXPECT_FALSE(is_there(path_of(killed)));
}

TEST(ProcessLock, exit_removes_the_file_though_the_holder_is_never_destroyed) {
  const pid_t ended = run_holder([] { std::exit(0); });
  EXPECT_FALSE(is_there(path_of(ended)));
}

TEST(ProcessLock, a_forked_child_that_exits_leaves_the_file_to_its_parent) {
  const Result<ProcessLock> lock = ProcessLock::acquire();
  ASSERT_TRUE(lock);
  const pid_t child = ::fork();
  if (child == 0) std::exit(0);
  EXPECT_EQ(::waitpid(child, nullptr, 0), child);
  EXPECT_TRUE(is_there(ProcessLock::path()));
}

TEST(ProcessLock, who_looks_whether_the_file_is_stale_and_removes_it_makes_no_second_holder_and_refuses_none) {
  const std::string path = ProcessLock::path();
  std::atomic<bool> is_over{false};
  // As remove_stale_locks() does, for one that takes this process for dead.
  std::thread removing([&path, &is_over] {
    while (!is_over) {
      const int fd = ::open(path.c_str(), O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
      if (::flock(fd, LOCK_SH | LOCK_NB) == 0 && runtime::is_file_named(fd, AT_FDCWD, path.c_str())) {
        ::unlink(path.c_str());
      }
      ::close(fd);
    }
  });
  for (int i = 0; i < 200; ++i) {
    const Result<ProcessLock> lock = ProcessLock::acquire();
    EXPECT_TRUE(lock) << i;
    EXPECT_FALSE(ProcessLock::acquire()) << i;
  }
  is_over = true;
  removing.join();
  EXPECT_FALSE(is_there(path));
}

}  // namespace
}  // namespace distflow::test
