// The daemon's page where its port is not to be had at once, on a network in memory.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <memory>

#include "cli/page_service.hpp"
#include "tests/support/http_peers.hpp"
#include "tests/support/memory_pmd.hpp"

namespace distflow::cli {
namespace {

using namespace test;
using ::testing::StartsWith;

class PageServiceTest : public ::testing::Test {
 protected:
  static constexpr std::uint16_t kPort = 4370;

  void SetUp() override {
    ASSERT_TRUE(pmd_.start());
    page_ = std::make_unique<PageService>(pmd_.reactor(), pmd_.server(), log_, kPort, std::vector<std::uint32_t>{});
  }
  void TearDown() override { peers_.close(*page_); }

  void refuse(int errno_value) { pmd_.network().refuse_listening(io::Address::Family::ipv4, errno_value); }
  bool has_page() { return peers_.answer_to("/health").starts_with("HTTP/1.1 200 "); }

  const base::Log log_{base::LogLevel::error};
  MemoryPmd pmd_;
  HttpPeers peers_{pmd_.network(), kPort, [this] { pmd_.turn(); }};
  std::unique_ptr<PageService> page_;
};

TEST_F(PageServiceTest, a_page_comes_after_whatever_passes) {
  refuse(EADDRINUSE);
  ASSERT_TRUE(page_->begin());
  for (const int passing : {EADDRINUSE, EMFILE, ENFILE, ENOBUFS, ENOMEM}) {
    refuse(passing);
    pmd_.advance(2 * PageService::kRetryInterval);
  }
  refuse(0);
  pmd_.advance(2 * PageService::kRetryInterval);
  EXPECT_TRUE(has_page());
}

TEST_F(PageServiceTest, a_lack_that_passes_is_no_reason_to_have_no_page_at_the_start_either) {
  refuse(EMFILE);
  ASSERT_TRUE(page_->begin());
  refuse(0);
  pmd_.advance(2 * PageService::kRetryInterval);
  EXPECT_TRUE(has_page());
}

TEST_F(PageServiceTest, a_port_that_this_process_may_not_have_is_an_error_at_the_start_and_the_end_of_trying_later) {
  refuse(EACCES);
  EXPECT_FALSE(page_->begin());
  refuse(EADDRINUSE);
  ASSERT_TRUE(page_->begin());
  refuse(EACCES);
  pmd_.advance(2 * PageService::kRetryInterval);
  EXPECT_EQ(pmd_.reactor().timers().next_deadline(), base::kNever);
}

TEST_F(PageServiceTest, a_page_that_is_asked_for_is_there_at_once_and_once) {
  EXPECT_FALSE(has_page());
  EXPECT_EQ(page_->open(kPort).value(), kPort);
  EXPECT_TRUE(has_page());
  EXPECT_EQ(page_->open(kPort + 1).value(), kPort) << "the one that it has";
}

TEST_F(PageServiceTest, a_page_that_is_asked_for_and_not_to_be_had_is_an_error_and_not_tried_again) {
  refuse(EADDRINUSE);
  const Result<std::uint16_t> opened = page_->open(kPort);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, std::errc::address_in_use);
  EXPECT_EQ(pmd_.reactor().timers().next_deadline(), base::kNever);
  refuse(0);
  EXPECT_EQ(page_->open(kPort).value(), kPort);
  EXPECT_TRUE(has_page());
}

TEST_F(PageServiceTest, a_page_that_is_asked_for_takes_the_place_of_one_that_is_waited_for) {
  refuse(EADDRINUSE);
  ASSERT_TRUE(page_->begin());
  EXPECT_FALSE(page_->open(kPort));
  EXPECT_NE(pmd_.reactor().timers().next_deadline(), base::kNever) << "it goes on trying";
  refuse(0);
  EXPECT_EQ(page_->open(kPort).value(), kPort);
  EXPECT_TRUE(has_page());
  pmd_.advance(2 * PageService::kRetryInterval);
  EXPECT_TRUE(has_page());
}

}  // namespace
}  // namespace distflow::cli
