// Memory of this machine's that processes share: who finds it, and who does not.
#include "io/posix/shared_memory.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace distflow::io::platform {
namespace {

constexpr std::size_t kSize = std::size_t{64} * 1024;

std::size_t descriptor_count() {
  const std::filesystem::directory_iterator descriptors("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(descriptors), end(descriptors)));
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
  for (const std::string name : {"", "/", "1", "1/", "/3", "x/y", "-1/3", "1/-3", "1/2/3", "../1/2", " 1/2", "1/2 ",
                                 "99999999999999999999/1", "1/99999999999999999999", "4294967295/1"}) {
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

}  // namespace
}  // namespace distflow::io::platform
