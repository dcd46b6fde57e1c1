// Random bytes where the kernel's call for them is refused.
#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>

#include "io/posix/platform.hpp"
#include "tests/support/child.hpp"
#include "tests/support/refused_system_call.hpp"

namespace distflow::test {
namespace {

TEST(PosixRandom, where_the_system_call_is_refused_the_device_is_read) {
  for (const int error : {ENOSYS, EPERM}) {
    EXPECT_TRUE(passes_in_child([error] {
      ASSERT_TRUE(refuse_system_call({.number = __NR_getrandom, .error = error}));
      std::array<std::byte, 64> bytes{};
      io::platform::fill_random(bytes);
      EXPECT_GT(std::ranges::count_if(bytes, [](std::byte byte) { return byte != std::byte{0}; }), 32);
    }));
  }
}

}  // namespace
}  // namespace distflow::test
