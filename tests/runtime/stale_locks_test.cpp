// What is removed of the lock files that killed processes left, in a folder of the test's own.
#include "runtime/process/stale_locks.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace distflow::test {
namespace {

/// No process has this number or a higher one: Linux counts to 4194304, others not as far (proc(5), pid_max).
constexpr int kDeadProcess = 5'000'000;

class StaleLocks : public ::testing::Test {
 protected:
  StaleLocks() { EXPECT_NE(::mkdtemp(folder_.data()), nullptr); }
  ~StaleLocks() override { std::filesystem::remove_all(folder_); }

  std::string path(const std::string& name) { return folder_ + '/' + name; }
  std::string put(const std::string& name) {
    std::ofstream(path(name)) << "";
    return path(name);
  }
  std::string put_lock_of(int process_id) { return put(runtime::lock_file_name(process_id)); }
  [[nodiscard]] int file_count() const {
    return static_cast<int>(
        std::distance(std::filesystem::directory_iterator(folder_), std::filesystem::directory_iterator()));
  }

  std::string folder_ = "/tmp/distflow-test-XXXXXX";
};

/// A lock that is held on a file or a folder.
class Held {
 public:
  Held(const std::string& path, int how) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    EXPECT_EQ(::flock(fd_, how | LOCK_NB), 0) << path;
  }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() { ::close(fd_); }

 private:
  int fd_;
};

TEST_F(StaleLocks, the_file_of_a_dead_process_is_removed) {
  const std::string dead = put_lock_of(kDeadProcess);
  runtime::remove_stale_locks(folder_);
  EXPECT_FALSE(std::filesystem::exists(dead));
}

TEST_F(StaleLocks, a_file_that_was_never_given_its_name_is_removed) {
  const std::string dead = put(runtime::lock_file_name(kDeadProcess) + ".x7Kp2Q");
  put(runtime::lock_file_name(::getpid()) + ".x7Kp2Q");
  runtime::remove_stale_locks(folder_);
  EXPECT_FALSE(std::filesystem::exists(dead));
  EXPECT_EQ(file_count(), 1) << "this process lives";
}

TEST_F(StaleLocks, the_files_of_processes_that_live_stay) {
  put_lock_of(::getpid());
  put_lock_of(1);  // another user's, most often
  runtime::remove_stale_locks(folder_);
  EXPECT_EQ(file_count(), 2);
}

TEST_F(StaleLocks, a_file_whose_lock_is_held_stays_even_if_its_process_seems_dead) {
  const std::string held = put_lock_of(kDeadProcess);
  const Held by_node(held, LOCK_EX);
  runtime::remove_stale_locks(folder_);
  EXPECT_TRUE(std::filesystem::exists(held));
}

TEST_F(StaleLocks, other_names_stay) {
  for (const char* name : {"distflow-node-5000000", "distflow-node-.lock", "distflow-node--5000000.lock",
                           "distflow-node-5000000x.lock", "distflow-node-0.lock", "distflow-node-99999999999.lock",
                           "distflow-bench-5000000.lock", "distflow-node-5000000.lock.old", ".lock"}) {
    put(name);
  }
  const int before = file_count();
  runtime::remove_stale_locks(folder_);
  EXPECT_EQ(file_count(), before);
}

TEST_F(StaleLocks, links_pipes_and_folders_of_such_a_name_stay_and_keep_nobody_waiting) {
  const std::string target = put("target");
  std::filesystem::create_symlink(target, path(runtime::lock_file_name(kDeadProcess)));
  EXPECT_EQ(::mkfifo(path(runtime::lock_file_name(kDeadProcess + 1)).c_str(), 0600), 0);
  std::filesystem::create_directory(path(runtime::lock_file_name(kDeadProcess + 2)));
  runtime::remove_stale_locks(folder_);
  EXPECT_EQ(file_count(), 4);
}

TEST_F(StaleLocks, files_of_others_stay) {
  const std::string others = put_lock_of(kDeadProcess);
  if (::chown(others.c_str(), 1, 1) != 0) GTEST_SKIP() << "needs the right to give files away";
  runtime::remove_stale_locks(folder_);
  EXPECT_TRUE(std::filesystem::exists(others));
}

TEST_F(StaleLocks, a_few_are_removed_at_a_time) {
  constexpr int kCount = runtime::kStaleRemovedMax * 2 + 1;
  for (int i = 0; i < kCount; ++i) put_lock_of(kDeadProcess + i);
  runtime::remove_stale_locks(folder_);
  EXPECT_EQ(file_count(), kCount - runtime::kStaleRemovedMax);
  runtime::remove_stale_locks(folder_);
  runtime::remove_stale_locks(folder_);
  EXPECT_EQ(file_count(), 0);
}

TEST_F(StaleLocks, a_folder_in_which_another_removes_is_left_to_it) {
  const std::string dead = put_lock_of(kDeadProcess);
  {
    const Held by_other(folder_, LOCK_EX);
    runtime::remove_stale_locks(folder_);
    EXPECT_TRUE(std::filesystem::exists(dead));
  }
  runtime::remove_stale_locks(folder_);
  EXPECT_FALSE(std::filesystem::exists(dead));
}

TEST_F(StaleLocks, a_folder_that_is_not_there_is_no_failure) { runtime::remove_stale_locks(folder_ + "/none"); }

TEST_F(StaleLocks, a_file_is_told_from_another_that_took_its_name) {
  const std::string name = put("name");
  const int fd = ::open(name.c_str(), O_RDONLY | O_CLOEXEC);
  EXPECT_TRUE(runtime::is_file_named(fd, AT_FDCWD, name.c_str()));
  ::unlink(name.c_str());
  EXPECT_FALSE(runtime::is_file_named(fd, AT_FDCWD, name.c_str()));
  put("name");
  EXPECT_FALSE(runtime::is_file_named(fd, AT_FDCWD, name.c_str()));
  ::close(fd);
}

}  // namespace
}  // namespace distflow::test
