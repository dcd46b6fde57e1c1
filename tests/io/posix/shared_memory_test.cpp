// Memory of this machine's that processes share: who finds it, and who does not.
#include "io/posix/shared_memory.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

namespace distflow::io::platform {
namespace {

constexpr std::size_t kSize = std::size_t{64} * 1024;

std::size_t descriptor_count() {
  const std::filesystem::directory_iterator descriptors("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(descriptors), end(descriptors)));
}

constexpr int kSealed = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
constexpr unsigned kNeverExecutable = 8;  // MFD_NOEXEC_SEAL, which not every C library has yet

/// Memory as create_memory() makes it; -1 where the kernel does not know one of the flags.
int sealed_memory(unsigned more_flags = 0) {
  const int fd = ::memfd_create("distflow", MFD_CLOEXEC | MFD_ALLOW_SEALING | more_flags);
  if (fd < 0) return fd;
  EXPECT_EQ(::ftruncate(fd, kSize), 0);
  EXPECT_EQ(::fcntl(fd, F_ADD_SEALS, kSealed), 0);
  return fd;
}

std::string name_of(int fd) { return std::to_string(::getpid()) + "/" + std::to_string(fd); }

class SharedMemoryTest : public ::testing::Test {
 protected:
  SharedMemoryTest() {
    Result<SharedMemory> created = create_memory(kSize);
    EXPECT_TRUE(created) << created.error().message();
    memory_ = *std::move(created);
  }
  ~SharedMemoryTest() override {
    memory_ = {};
    EXPECT_EQ(descriptor_count(), descriptors_);
  }

  const std::size_t descriptors_ = descriptor_count();
  SharedMemory memory_;
};

TEST_F(SharedMemoryTest, is_found_by_its_name_and_shows_both_the_same_bytes) {
  const Result<SharedMemory> opened = open_memory(memory_.name, kSize);
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_LE(memory_.name.size(), SharedMemory::kNameSizeMax);
  for (const std::size_t at : {std::size_t{0}, kSize / 2, kSize - 1}) {
    EXPECT_EQ(opened->bytes.get()[at], std::byte{0});
    memory_.bytes.get()[at] = std::byte{17};
    EXPECT_EQ(opened->bytes.get()[at], std::byte{17});
  }
}

TEST_F(SharedMemoryTest, is_not_found_once_its_name_is_given_up_and_stays_with_those_who_have_it) {
  const Result<SharedMemory> opened = open_memory(memory_.name, kSize);
  ASSERT_TRUE(opened);
  memory_.nameable.reset();
  EXPECT_FALSE(open_memory(memory_.name, kSize));
  memory_.bytes.get()[0] = std::byte{17};
  memory_.bytes.reset();
  EXPECT_EQ(opened->bytes.get()[0], std::byte{17});
}

TEST_F(SharedMemoryTest, has_a_size_that_nobody_can_change) {
  const std::string path =
      "/proc/" + memory_.name.substr(0, memory_.name.find('/')) + "/fd" + memory_.name.substr(memory_.name.find('/'));
  EXPECT_NE(::truncate(path.c_str(), 0), 0);
  EXPECT_NE(::truncate(path.c_str(), 2 * kSize), 0);
  EXPECT_FALSE(open_memory(memory_.name, kSize / 2));
  EXPECT_FALSE(open_memory(memory_.name, 2 * kSize));
}

TEST_F(SharedMemoryTest, is_not_found_under_what_is_no_name) {
  for (const std::string name : {"",
                                 "/",
                                 "1",
                                 "1/",
                                 "/3",
                                 "x/y",
                                 "-1/3",
                                 "1/-3",
                                 "1/2/3",
                                 "../1/2",
                                 " 1/2",
                                 "1/2 ",
                                 "99999999999999999999/1",
                                 "1/99999999999999999999",
                                 "4294967295/1",
                                 "+1/3",
                                 "0/0",
                                 "01/3",
                                 "1/03",
                                 "self/3"}) {
    EXPECT_FALSE(open_memory(name, kSize)) << name;
  }
}

TEST_F(SharedMemoryTest, other_things_that_a_name_may_lead_to_are_not_opened) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  std::string path = ::testing::TempDir() + "memfd:distflow-XXXXXX";
  const int file = ::mkostemp(path.data(), O_CLOEXEC);
  ASSERT_GE(file, 0);
  ASSERT_EQ(::ftruncate(file, kSize), 0);
  const int event = ::eventfd(0, EFD_CLOEXEC);
  ASSERT_GE(event, 0);
  for (const int fd : {pipe[0], pipe[1], file, event, 0}) EXPECT_FALSE(open_memory(name_of(fd), kSize)) << fd;
  ::unlink(path.c_str());
  for (const int fd : {pipe[0], pipe[1], file, event}) ::close(fd);
}

TEST_F(SharedMemoryTest, memory_that_could_be_taken_away_is_not_mapped) {
  const int unsealed = ::memfd_create("distflow", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  ASSERT_GE(unsealed, 0);
  ASSERT_EQ(::ftruncate(unsealed, kSize), 0);
  EXPECT_FALSE(open_memory(name_of(unsealed), kSize));
  ASSERT_EQ(::fcntl(unsealed, F_ADD_SEALS, F_SEAL_SHRINK), 0);
  EXPECT_FALSE(open_memory(name_of(unsealed), kSize));
  ASSERT_EQ(::fcntl(unsealed, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SEAL), 0);
  EXPECT_TRUE(open_memory(name_of(unsealed), kSize));
  ::close(unsealed);
}

TEST_F(SharedMemoryTest, a_fifo_put_under_the_name_of_memory_at_any_moment_is_never_opened) {
  const std::string path = ::testing::TempDir() + "distflow-fifo-" + std::to_string(::getpid());
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  const int fifo = ::open(path.c_str(), O_PATH | O_CLOEXEC);
  const int memory = sealed_memory();
  const int named = ::fcntl(memory, F_DUPFD_CLOEXEC, 0);
  ASSERT_TRUE(reader >= 0 && fifo >= 0 && named >= 0);
  std::atomic<bool> is_done{false};
  std::thread other([&] {
    while (!is_done) {
      ::dup3(fifo, named, O_CLOEXEC);
      ::dup3(memory, named, O_CLOEXEC);
    }
  });
  const std::string name = name_of(named);
  for (int i = 0; i < 20'000; ++i) static_cast<void>(open_memory(name, kSize));
  is_done = true;
  other.join();
  // A reader is told of a writer that came and went (poll(2), POLLHUP).
  pollfd told{.fd = reader, .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&told, 1, 0), 0) << "somebody opened the FIFO for writing";
  for (const int fd : {reader, fifo, memory, named}) ::close(fd);
  ::unlink(path.c_str());
}

TEST_F(SharedMemoryTest, memory_of_another_user_is_not_opened) {
  const int memory = sealed_memory();
  if (::fchown(memory, 65534, 65534) == 0) {
    EXPECT_FALSE(open_memory(name_of(memory), kSize));
    ASSERT_EQ(::fchown(memory, ::geteuid(), ::getegid()), 0);
  }  // else only root can give it away
  EXPECT_TRUE(open_memory(name_of(memory), kSize));
  ::close(memory);
}

TEST_F(SharedMemoryTest, memory_with_more_seals_than_it_must_have_is_opened) {
  const int memory = sealed_memory(kNeverExecutable);
  if (memory < 0) GTEST_SKIP() << "a kernel before Linux 6.3";
  EXPECT_NE(::fcntl(memory, F_GET_SEALS), kSealed);
  EXPECT_TRUE(open_memory(name_of(memory), kSize));
  ::close(memory);
}

TEST_F(SharedMemoryTest, memory_sealed_against_writing_is_an_error) {
  const int memory = ::memfd_create("distflow", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  ASSERT_EQ(::ftruncate(memory, kSize), 0);
  ASSERT_EQ(::fcntl(memory, F_ADD_SEALS, kSealed | F_SEAL_WRITE), 0);
  EXPECT_FALSE(open_memory(name_of(memory), kSize));
  ::close(memory);
}

TEST_F(SharedMemoryTest, is_never_executable_where_the_kernel_can_see_to_that) {
  if (const int probe = sealed_memory(kNeverExecutable); probe < 0) {
    GTEST_SKIP() << "a kernel before Linux 6.3";
  } else {
    ::close(probe);
  }
  struct stat status {};
  ASSERT_EQ(::stat(("/proc/self/fd" + memory_.name.substr(memory_.name.find('/'))).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0111U, 0U);
}

/// Ends the process: 0 when memory of `size` bytes comes out as expected under a limit on the size of files.
[[noreturn]] void create_under_file_size_limit(rlim_t limit, bool is_expected) {
  rlimit both{};
  ::getrlimit(RLIMIT_FSIZE, &both);
  both.rlim_cur = limit;
  ::setrlimit(RLIMIT_FSIZE, &both);
  const Result<SharedMemory> created = create_memory(kSize);
  const bool is_error_right = created || created.error().code == std::errc::file_too_large;
  std::_Exit(static_cast<bool>(created) == is_expected && is_error_right ? 0 : 1);
}

TEST(SharedMemoryDeathTest, a_limit_on_the_size_of_files_is_an_error_and_no_signal) {
  ::testing::GTEST_FLAG(death_test_style) = "threadsafe";
  EXPECT_EXIT(create_under_file_size_limit(0, false), ::testing::ExitedWithCode(0), "");
  EXPECT_EXIT(create_under_file_size_limit(kSize - 1, false), ::testing::ExitedWithCode(0), "");
  EXPECT_EXIT(create_under_file_size_limit(kSize, true), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace distflow::io::platform
