// The lock file beside all that may have its name, or keep it from being written.
#include "runtime/process/lock_file.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>

#include "tests/support/child.hpp"

namespace distflow::test {
namespace {

namespace fs = std::filesystem;
using runtime::LockFile;

const std::string kIdentity = "process 1 of pid:[1] started 1\n";
const std::string kOther = "process 1 of pid:[2] started 1\n";

class LockFileTest : public ::testing::Test {
 protected:
  LockFileTest() { EXPECT_NE(::mkdtemp(folder_.data()), nullptr); }
  ~LockFileTest() override { fs::remove_all(folder_); }

  Result<LockFile> put(const std::string& identity = kIdentity) { return LockFile::put(folder_, identity); }
  [[nodiscard]] std::string path() const { return LockFile::path_in(folder_); }
  [[nodiscard]] std::ptrdiff_t file_count() const {
    return std::distance(fs::directory_iterator(folder_), fs::directory_iterator());
  }
  /// That there is no file, that this is no refusal, and that nothing is left of the attempt.
  void expect_none() {
    const auto before = file_count();
    const Result<LockFile> none = put();
    ASSERT_FALSE(none);
    EXPECT_NE(none.error(), Errc::already_running) << none.error().message();
    EXPECT_EQ(file_count(), before);
  }

  std::string folder_ = "/tmp/distflow-test-XXXXXX";
};

TEST_F(LockFileTest, a_second_copy_of_the_library_in_the_same_process_is_refused) {
  const Result<LockFile> first = put();
  ASSERT_TRUE(first);
  EXPECT_EQ(put().error(), Errc::already_running);
  EXPECT_EQ(file_count(), 1);
}

TEST_F(LockFileTest, another_process_of_the_same_number_is_no_reason_not_to_start) {
  const Result<LockFile> theirs = put(kOther);
  ASSERT_TRUE(theirs);
  expect_none();
}

TEST_F(LockFileTest, a_process_that_cannot_tell_who_it_is_refuses_nobody) {
  const Result<LockFile> first = put("");
  ASSERT_TRUE(first);
  const Result<LockFile> second = put("");
  ASSERT_FALSE(second);
  EXPECT_NE(second.error(), Errc::already_running);
}

TEST_F(LockFileTest, what_a_dead_process_has_left_is_replaced) {
  for (const std::string& text : {std::string(), kIdentity, kOther}) {
    std::ofstream(path()) << text;
    const Result<LockFile> file = put();
    ASSERT_TRUE(file) << file.error().message();
    EXPECT_EQ(put().error(), Errc::already_running);
    file->remove();
    EXPECT_EQ(file_count(), 0);
  }
}

TEST_F(LockFileTest, a_folder_a_link_and_a_pipe_of_that_name_are_left_alone_and_keep_nobody_waiting) {
  fs::create_directory(path());
  expect_none();
  fs::remove(path());
  fs::create_symlink(folder_ + "/elsewhere", path());
  expect_none();
  EXPECT_FALSE(fs::exists(folder_ + "/elsewhere"));
  fs::remove(path());
  ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
  expect_none();
}

TEST_F(LockFileTest, a_file_of_another_user_is_left_alone_whatever_it_says) {
  std::ofstream(path()) << kIdentity;
  if (::chown(path().c_str(), 1, 1) != 0) GTEST_SKIP() << "needs the right to give files away";
  expect_none();
  const int fd = ::open(path().c_str(), O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(::flock(fd, LOCK_EX | LOCK_NB), 0);
  expect_none();
  ::close(fd);
}

TEST_F(LockFileTest, a_folder_that_is_not_there_or_may_not_be_written_is_no_refusal) {
  EXPECT_EQ(LockFile::put(folder_ + "/none", kIdentity).error().code, std::errc::no_such_file_or_directory);
  EXPECT_FALSE(LockFile::put("/proc", kIdentity));
  EXPECT_FALSE(LockFile::put("/dev/null", kIdentity));
}

TEST_F(LockFileTest, a_process_without_descriptors_left_has_none_and_leaves_none) {
  EXPECT_TRUE(passes_in_child([this] {
    const rlimit none{0, 0};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    EXPECT_EQ(put().error().code, std::errc::too_many_files_open);
  }));
  EXPECT_EQ(file_count(), 0);
}

TEST_F(LockFileTest, a_limit_on_the_size_of_files_raises_no_signal) {
  EXPECT_TRUE(passes_in_child([this] {
    const rlimit tiny{1, 1};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tiny), 0);
    EXPECT_EQ(put().error().code, std::errc::file_too_large);
  }));
  EXPECT_EQ(file_count(), 0);
}

TEST_F(LockFileTest, the_file_is_removed_by_its_holder_only_while_it_has_its_name) {
  const Result<LockFile> file = put();
  fs::remove(path());
  std::ofstream(path()) << "another's";
  file->remove();
  EXPECT_TRUE(fs::exists(path()));
}

// As somebody does who takes this process for dead.
TEST_F(LockFileTest, whoever_removes_it_as_stale_meanwhile_makes_no_second_holder) {
  std::atomic<bool> is_over{false};
  std::thread removing([&] {
    while (!is_over) {
      const int fd = ::open(path().c_str(), O_RDONLY | O_CLOEXEC);
      struct stat opened {};
      struct stat named {};
      if (fd >= 0 && ::flock(fd, LOCK_EX | LOCK_NB) == 0 && ::fstat(fd, &opened) == 0 &&
          ::stat(path().c_str(), &named) == 0 && opened.st_ino == named.st_ino) {
        ::unlink(path().c_str());
      }
      if (fd >= 0) ::close(fd);
    }
  });
  for (int i = 0; i < 200; ++i) {
    const Result<LockFile> first = put();
    const Result<LockFile> second = put();
    EXPECT_FALSE(first && second) << i;
    if (first) {
      EXPECT_EQ(second.error(), Errc::already_running) << i;
      first->remove();
    }
    std::ofstream(path()) << kOther;  // for the next: something to replace, and to remove
  }
  is_over = true;
  removing.join();
}

}  // namespace
}  // namespace distflow::test
