// What another thread's message to a name that is not resolved becomes: parked, handed to the loop without a place
// among the parked ones, or refused.
#include "runtime/send/submissions.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>

namespace distflow::runtime {
namespace {

class SubmissionsToAName : public ::testing::Test {
 protected:
  SubmissionsToAName() { targets_.parking().set_limits({.messages_max = 1, .bytes_max = 100}); }
  ~SubmissionsToAName() override { Submissions::leave(); }

  SendVerdict submit(base::WallMs now = kNow) {
    return submissions_.submit(target_, {version_, prefix_, credit_}, OutgoingMessage("1"), now).verdict;
  }
  /// How many messages have been submitted; the loop gives their places back.
  std::uint64_t discard_all() {
    while (submissions_.drain(nullptr)) {
    }
    return submissions_.take_discarded();
  }
  bool knows(std::string_view name) {
    EXPECT_EQ(name, "pong");
    return is_known_;
  }

  static constexpr base::WallMs kNow = 1'795'375'753'755;

  bool is_known_ = false;
  TargetTable targets_{10};
  Submissions submissions_{targets_, Submissions::KnowsName::to<&SubmissionsToAName::knows>(*this),
                           std::make_shared<base::ChunkPool>(base::ChunkPoolOptions{}), 1 << 20, 1 << 20};
  TargetPtr target_ = targets_.of("pong");
  std::uint64_t version_ = 0;
  std::string prefix_;
  std::shared_ptr<SendCredit> credit_;
};

TEST_F(SubmissionsToAName, are_refused_while_the_pmd_has_just_said_that_there_is_none) {
  target_->unknown_at = kNow;
  EXPECT_EQ(submit(), SendVerdict::unresolved);
  EXPECT_EQ(discard_all(), 0U);
  EXPECT_EQ(submit(kNow + 1000), SendVerdict::queued) << "the PMD is asked again, and no place was kept";
  EXPECT_EQ(discard_all(), 1U);
}

TEST_F(SubmissionsToAName, are_taken_when_it_has_joined_since_the_pmd_said_that_there_is_none) {
  target_->unknown_at = kNow;
  is_known_ = true;
  EXPECT_EQ(submit(), SendVerdict::queued);
  EXPECT_EQ(discard_all(), 1U);
}

TEST_F(SubmissionsToAName, are_refused_where_nobody_is_known_and_no_place_among_the_parked_is_left) {
  EXPECT_EQ(submit(), SendVerdict::queued);
  EXPECT_EQ(submit(), SendVerdict::unresolved);
  EXPECT_EQ(discard_all(), 1U);
  EXPECT_EQ(submit(), SendVerdict::queued) << "the place is free again";
  EXPECT_EQ(discard_all(), 1U);
}

TEST_F(SubmissionsToAName, need_no_place_among_the_parked_where_it_is_known) {
  is_known_ = true;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(submit(), SendVerdict::queued);
  EXPECT_EQ(discard_all(), 3U);
  is_known_ = false;
  EXPECT_EQ(submit(), SendVerdict::queued) << "one place was taken, and given back once";
  EXPECT_EQ(submit(), SendVerdict::unresolved);
  EXPECT_EQ(discard_all(), 1U);
}

}  // namespace
}  // namespace distflow::runtime
