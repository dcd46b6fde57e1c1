#include "io/epoll/epoll_poller.hpp"

#include <gtest/gtest.h>

#include <array>

#include "tests/support/sockets.hpp"

namespace distflow::test {
namespace {

using io::Readiness;

class EpollPollerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(poller_.open());
    RawSocket listener = RawSocket::listening();
    far_ = RawSocket::connected_to(listener.port());
    near_ = listener.accept();
  }

  std::vector<Readiness> wait(base::Duration timeout = base::Duration::zero()) {
    std::array<Readiness, 8> ready;
    const std::size_t count = poller_.wait(timeout, ready);
    return {ready.begin(), ready.begin() + static_cast<std::ptrdiff_t>(count)};
  }

  io::EpollPoller poller_;
  RawSocket near_{-1};
  RawSocket far_{-1};
};

TEST_F(EpollPollerTest, an_edge_is_told_once_and_a_new_one_again) {
  ASSERT_TRUE(poller_.add(near_.fd(), 42));
  std::vector<Readiness> ready = wait();
  ASSERT_EQ(ready.size(), 1U);
  EXPECT_EQ(ready[0].token, 42U);
  EXPECT_TRUE(ready[0].can_write);
  EXPECT_FALSE(ready[0].can_read);
  EXPECT_FALSE(ready[0].has_ended);
  EXPECT_TRUE(wait().empty());
  for (int i = 0; i < 2; ++i) {
    far_.send("x");
    ready = wait(base::seconds(10));
    ASSERT_EQ(ready.size(), 1U);
    EXPECT_TRUE(ready[0].can_read);
    EXPECT_TRUE(wait().empty()) << "the byte is still unread, but it is old news";
  }
}

TEST_F(EpollPollerTest, the_peers_end_of_sending_is_told_with_the_bytes_before_it) {
  far_.send("last words");
  far_.end_sending();
  ASSERT_TRUE(poller_.add(near_.fd(), 1));
  const std::vector<Readiness> ready = wait();
  ASSERT_EQ(ready.size(), 1U);
  EXPECT_TRUE(ready[0].can_read);
  EXPECT_TRUE(ready[0].has_ended);
}

TEST_F(EpollPollerTest, a_reset_is_told_as_an_end) {
  ASSERT_TRUE(poller_.add(near_.fd(), 1));
  wait();
  far_.reset();
  const std::vector<Readiness> ready = wait(base::seconds(10));
  ASSERT_EQ(ready.size(), 1U);
  EXPECT_TRUE(ready[0].has_ended);
  EXPECT_TRUE(ready[0].can_read);
  EXPECT_TRUE(ready[0].can_write);
}

TEST_F(EpollPollerTest, nothing_is_told_of_a_descriptor_that_was_removed) {
  ASSERT_TRUE(poller_.add(near_.fd(), 1));
  poller_.remove(near_.fd());
  far_.send("x");
  EXPECT_TRUE(wait().empty());
}

TEST_F(EpollPollerTest, a_descriptor_that_cannot_be_added_is_an_error) {
  const Result<void> added = poller_.add(-1, 1);
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, std::errc::bad_file_descriptor);
  EXPECT_STREQ(added.error().doing, "adding a descriptor to epoll");
}

TEST_F(EpollPollerTest, a_wake_is_told_apart_from_events_and_only_once) {
  poller_.wake();
  EXPECT_TRUE(wait(base::Duration::max()).empty());
  EXPECT_TRUE(poller_.was_woken());
  wait();
  EXPECT_FALSE(poller_.was_woken());
}

TEST_F(EpollPollerTest, timeouts_of_every_size_are_accepted) {
  for (const base::Duration timeout :
       {base::Duration(1), base::Duration(base::milliseconds(1)), base::Duration::max(),
        base::Duration::max() - base::Duration(1), base::Duration(base::seconds(1) * 86400 * 365)}) {
    poller_.wake();
    EXPECT_TRUE(wait(timeout).empty());
    EXPECT_TRUE(poller_.was_woken());
  }
}

TEST(EpollPoller, without_descriptors_it_does_not_open_and_says_why) {
  const NoDescriptorsLeft none;
  io::EpollPoller poller;
  const Result<void> opened = poller.open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, std::errc::too_many_files_open);
}

}  // namespace
}  // namespace distflow::test
