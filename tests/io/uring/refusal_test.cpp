// io_uring where a filter, a setting or an old kernel refuses it: what is said then, and what is used instead.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/io_uring.h>
#include <sys/syscall.h>

#include <cerrno>

#include "io/backend_choice.hpp"
#include "io/uring/uring.hpp"
#include "tests/support/child.hpp"
#include "tests/support/refused_system_call.hpp"

namespace distflow::test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr RefusedSystemCall kSetup{.number = __NR_io_uring_setup, .error = EPERM};
constexpr RefusedSystemCall kRingOfBuffers{.number = __NR_io_uring_register,
                                           .error = EINVAL,
                                           .second_argument_from = IORING_REGISTER_PBUF_RING,
                                           .second_argument_to = IORING_REGISTER_PBUF_RING};

/// In a child, after `refused` is: why there is no backend on io_uring.
void expect_refusal(RefusedSystemCall refused, std::errc code, const std::string& reason) {
  EXPECT_TRUE(passes_in_child([&] {
    ASSERT_TRUE(refuse_system_call(refused));
    base::ChunkPool chunks{{}};
    const Result<std::unique_ptr<io::Backend>> made = io::make_uring(chunks);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().code, code);
    EXPECT_THAT(made.error().message(), HasSubstr(reason));
  }));
}

TEST(UringRefusal, a_filter_or_a_setting_that_forbids_io_uring_is_named) {
  expect_refusal(kSetup, std::errc::operation_not_permitted, "seccomp");
  expect_refusal(kSetup, std::errc::operation_not_permitted, "kernel.io_uring_disabled");
}

TEST(UringRefusal, a_limit_on_memory_is_named) {
  expect_refusal({.number = __NR_io_uring_setup, .error = ENOMEM}, std::errc::not_enough_memory, "limit on memory");
}

TEST(UringRefusal, a_kernel_without_io_uring_is_told_which_one_has_it) {
  expect_refusal({.number = __NR_io_uring_setup, .error = ENOSYS}, std::errc::function_not_supported, "Linux 5.19");
}

TEST(UringRefusal, a_kernel_that_knows_none_of_the_modes_is_told_which_one_does) {
  expect_refusal({.number = __NR_io_uring_setup, .error = EINVAL}, std::errc::invalid_argument, "Linux 5.19");
}

TEST(UringRefusal, a_filter_that_allows_setting_up_and_forbids_the_rest_is_named) {
  expect_refusal({.number = __NR_io_uring_enter, .error = EPERM}, std::errc::operation_not_permitted, "seccomp");
}

TEST(UringRefusal, a_kernel_without_rings_of_buffers_is_told_which_one_has_them) {
  expect_refusal(kRingOfBuffers, std::errc::invalid_argument, "ring of buffers (from Linux 5.19 on)");
}

TEST(UringRefusal, where_io_uring_is_denied_whoever_asks_for_it_gets_epoll_and_the_reason) {
  EXPECT_TRUE(passes_in_child([] {
    ASSERT_TRUE(refuse_system_call(kSetup));
    base::ChunkPool chunks{{}};
    const Result<io::SelectedBackend> selected = io::select_backend(io::BackendKind::uring, chunks);
    ASSERT_TRUE(selected);
    EXPECT_EQ(selected->backend->name(), "epoll");
    EXPECT_THAT(selected->fallback_reason, StartsWith("the I/O backend uring cannot be used (setting up io_uring"));
    EXPECT_THAT(selected->fallback_reason, HasSubstr("using epoll"));
  }));
}

TEST(UringRefusal, where_io_uring_is_denied_the_automatic_choice_has_nothing_to_say) {
  EXPECT_TRUE(passes_in_child([] {
    ASSERT_TRUE(refuse_system_call(kSetup));
    base::ChunkPool chunks{{}};
    const Result<io::SelectedBackend> selected = io::select_backend(io::BackendKind::automatic, chunks);
    ASSERT_TRUE(selected);
    EXPECT_EQ(selected->backend->name(), "epoll");
    EXPECT_EQ(selected->fallback_reason, "");
  }));
}

// The system is tested once a process; what is forbidden afterwards must not pass for tested.
TEST(UringRefusal, io_uring_that_is_denied_after_it_was_used_is_refused_all_the_same) {
  EXPECT_TRUE(passes_in_child([] {
    base::ChunkPool chunks{{}};
    if (!io::make_uring(chunks)) return;  // it is denied from the beginning here
    ASSERT_TRUE(refuse_system_call(kSetup));
    EXPECT_EQ(io::make_uring(chunks).error().code, std::errc::operation_not_permitted);
  }));
}

}  // namespace
}  // namespace distflow::test
