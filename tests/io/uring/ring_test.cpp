// A ring so small that it is full at every turn, and what a kernel must say of itself.
#include "io/uring/ring.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace distflow::io {
namespace {

using ::testing::HasSubstr;

TEST(UringRing, a_full_submission_queue_submits_and_takes_no_completion) {
  constexpr unsigned kCount = 100;
  Ring ring;
  if (Result<void> opened = ring.open({.submission_count = 4}); !opened) GTEST_SKIP() << opened.error().message();
  ring.enable();
  for (std::uint64_t i = 0; i < kCount; ++i) {
    io_uring_sqe* sqe = ring.next();
    ASSERT_NE(sqe, nullptr) << i;
    io_uring_prep_nop(sqe);
    io_uring_sqe_set_data64(sqe, i);
    EXPECT_LE(ring.unsubmitted(), 4U);
    EXPECT_EQ(io_uring_cq_ready(&ring.get()) + ring.unsubmitted(), i + 1) << "whatever was submitted is there to take";
  }
  ring.submit();
  std::array<io_uring_cqe*, 2 * kCount> storage{};
  const std::span<io_uring_cqe*> completions = ring.completions(storage);
  ASSERT_EQ(completions.size(), kCount);
  for (std::uint64_t i = 0; i < kCount; ++i) EXPECT_EQ(completions[i]->user_data, i);
}

TEST(UringRing, a_kernel_without_memory_is_asked_again_and_one_that_dropped_completions_is_told_of_once) {
  Ring ring;
  for (const int passing : {0, 1, -ETIME, -EINTR, -EAGAIN, -EBUSY, -ENOMEM}) ring.note_outcome(passing);
  EXPECT_FALSE(ring.take_lost_completions());
  ring.note_outcome(-EBADR);
  EXPECT_TRUE(ring.take_lost_completions());
  EXPECT_FALSE(ring.take_lost_completions());
}

TEST(UringRingDeathTest, a_descriptor_that_the_program_has_closed_is_named_as_that) {
  Ring ring;
  EXPECT_DEATH(ring.note_outcome(-EBADF), "entering io_uring failed .*the program has closed a descriptor");
}

TEST(UringRing, each_feature_that_a_kernel_lacks_is_named_with_the_kernel_that_has_it) {
  struct Case {
    unsigned feature;
    const char* version;
    const char* what;
  };
  constexpr std::array kCases{
      Case{IORING_FEAT_NODROP, "Linux 5.5", "keeps completions that find no room"},
      Case{IORING_FEAT_SUBMIT_STABLE, "Linux 5.5", "reads what is submitted at once"},
      Case{IORING_FEAT_FAST_POLL, "Linux 5.7", "waits for sockets without threads"},
      Case{IORING_FEAT_EXT_ARG, "Linux 5.11", "waits with a deadline"},
      Case{IORING_FEAT_CQE_SKIP, "Linux 5.17", "silent about success"},
  };
  unsigned needed = 0;
  for (const Case& feature : kCases) needed |= feature.feature;
  EXPECT_TRUE(Ring::check_features(needed));
  for (const Case& feature : kCases) {
    const Result<void> checked = Ring::check_features(needed & ~feature.feature);
    ASSERT_FALSE(checked);
    EXPECT_THAT(checked.error().message(), HasSubstr(feature.version));
    EXPECT_THAT(checked.error().message(), HasSubstr(feature.what));
  }
}

}  // namespace
}  // namespace distflow::io
