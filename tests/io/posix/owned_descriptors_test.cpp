// What a forked child has of the library's descriptors, and of everybody else's.
#include "io/posix/owned_descriptors.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <thread>
#include <utility>

#include "io/posix/descriptor.hpp"
#include "tests/support/forked.hpp"

namespace distflow::test {
namespace {

namespace posix = io::posix;

int open_null() { return ::open("/dev/null", O_RDWR | O_CLOEXEC); }
posix::Descriptor owned_null() { return posix::Descriptor(posix::open_owned(open_null)); }

TEST(OwnedDescriptors, a_forked_child_has_those_of_the_application_and_none_of_the_librarys) {
  const int of_application = open_null();
  const posix::Descriptor of_library = owned_null();
  EXPECT_TRUE(holds_in_child([&] { return is_open(of_application) && !is_open(of_library.get()); }));
  EXPECT_TRUE(is_open(of_library.get())) << "the parent keeps it";
  ::close(of_application);
}

TEST(OwnedDescriptors, a_number_that_the_application_has_after_the_library_is_left_open) {
  posix::Descriptor of_library = owned_null();
  const int number = of_library.get();
  of_library.reset();
  const int of_application = open_null();
  ASSERT_EQ(of_application, number);
  EXPECT_TRUE(holds_in_child([&] { return is_open(number); }));
  ::close(of_application);
}

TEST(OwnedDescriptors, what_the_library_believes_to_have_open_in_a_child_is_not_closed_again) {
  const posix::Descriptor of_library = owned_null();
  EXPECT_TRUE(holds_in_child([&] {
    if (open_null() != of_library.get()) return false;  // the child's own takes the number
    posix::close_fd(of_library.get());
    return is_open(of_library.get());
  }));
}

TEST(OwnedDescriptors, a_child_of_a_child_keeps_what_the_child_has_opened) {
  const posix::Descriptor of_library = owned_null();
  EXPECT_TRUE(holds_in_child([&] {
    const int of_child = open_null();
    return of_child == of_library.get() && holds_in_child([&] { return is_open(of_child); });
  }));
}

TEST(OwnedDescriptors, two_may_be_kept_over_a_fork) {
  const posix::Descriptor first = owned_null();
  const posix::Descriptor second = owned_null();
  const posix::Descriptor third = owned_null();
  {
    const posix::KeptOverFork kept(first.get(), third.get());
    EXPECT_TRUE(holds_in_child([&] { return is_open(first.get()) && !is_open(second.get()) && is_open(third.get()); }));
  }
  EXPECT_TRUE(holds_in_child([&] { return !is_open(first.get()) && !is_open(third.get()); }));
}

TEST(OwnedDescriptors, a_fork_in_the_midst_of_a_step_of_the_same_thread_comes_to_its_end) {
  const std::uint64_t vain = posix::fork_waits_in_vain();
  posix::open_owned([] {
    EXPECT_TRUE(holds_in_child([] {
      const posix::Descriptor of_child = owned_null();
      return is_open(of_child.get());
    }));
    return -1;
  });
  EXPECT_EQ(posix::fork_waits_in_vain(), vain) << "it does not wait for itself";
  const posix::Descriptor later = owned_null();
  EXPECT_TRUE(holds_in_child([&] { return !is_open(later.get()); }));
}

/// A thread that opens and closes, until it is told to end.
template <class Turn>
class Churn {
 public:
  explicit Churn(Turn turn)
      : thread_([this, turn] {
          while (!is_over_) turn();
        }) {}
  Churn(const Churn&) = delete;
  Churn& operator=(const Churn&) = delete;
  ~Churn() {
    is_over_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> is_over_{false};
  std::thread thread_;
};

TEST(OwnedDescriptors, threads_that_open_and_close_meanwhile_leave_no_socket_and_lose_no_file_in_a_child) {
  // Set while the application has its descriptor open. fork() copies the descriptors before the memory: what is said of
  // them may not change in between.
  std::mutex unforked;
  int of_application = -1;
  // The library's are sockets here, the application's are no sockets: a child can tell them apart.
  const auto of_library = [] {
    const posix::Descriptor socket(posix::open_owned([] { return ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); }));
  };
  const Churn first(of_library);
  const Churn second(of_library);
  const Churn third([&] {
    {
      const std::scoped_lock lock(unforked);
      of_application = open_null();
    }
    std::this_thread::yield();
    const std::scoped_lock lock(unforked);
    ::close(std::exchange(of_application, -1));
  });
  for (int i = 0; i < 100; ++i) {
    const std::scoped_lock lock(unforked);
    const std::uint64_t vain = posix::fork_waits_in_vain();
    const bool holds = holds_in_child([&] {
      if (of_application >= 0 && !is_open(of_application)) return false;
      for (int fd = 0; fd < kDescriptorsLooked; ++fd) {
        struct stat status {};
        if (::fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode)) return false;
      }
      return true;
    });
    // Whoever has waited for as long as it may, on a machine that is that busy, has said so.
    EXPECT_TRUE(holds || posix::fork_waits_in_vain() != vain) << i;
  }
}

}  // namespace
}  // namespace distflow::test
