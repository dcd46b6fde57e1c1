#include "io/poller.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <map>
#include <span>
#include <vector>

#include "io/epoll/epoll_poller.hpp"
#include "tests/support/sockets.hpp"
#ifdef DISTFLOW_HAS_KQUEUE
#include "io/kqueue/kqueue_poller.hpp"
#endif

namespace distflow::test {
namespace {

using io::Readiness;

template <class P>
class PollerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(poller_.open());
    RawSocket listener = RawSocket::listening();
    far_ = RawSocket::connected_to(listener.port());
    near_ = listener.accept();
  }

  /// One entry a token, whatever number of events it came in.
  std::vector<Readiness> wait(base::Duration timeout = base::Duration::zero()) {
    std::array<Readiness, 8> ready;
    const std::size_t count = poller_.wait(timeout, ready);
    std::map<std::uint64_t, Readiness> merged;
    for (const Readiness& one : std::span(ready).first(count)) {
      Readiness& all = merged[one.token];
      all = {.token = one.token,
             .can_read = all.can_read || one.can_read,
             .can_write = all.can_write || one.can_write,
             .has_ended = all.has_ended || one.has_ended};
    }
    std::vector<Readiness> result;
    for (const auto& [token, one] : merged) result.push_back(one);
    return result;
  }

  P poller_;
  RawSocket near_{-1};
  RawSocket far_{-1};
};

#ifdef DISTFLOW_HAS_KQUEUE
using Pollers = ::testing::Types<io::EpollPoller, io::KqueuePoller>;
#else
using Pollers = ::testing::Types<io::EpollPoller>;
#endif
struct PollerName {
  template <class P>
  static std::string GetName(int) {
    return std::string(P::kName);
  }
};
TYPED_TEST_SUITE(PollerTest, Pollers, PollerName);

TYPED_TEST(PollerTest, an_edge_is_told_once_and_a_new_one_again) {
  ASSERT_TRUE(this->poller_.add(this->near_.fd(), 42));
  std::vector<Readiness> ready = this->wait();
  ASSERT_EQ(ready.size(), 1U);
  EXPECT_EQ(ready[0].token, 42U);
  EXPECT_TRUE(ready[0].can_write);
  EXPECT_FALSE(ready[0].can_read);
  EXPECT_FALSE(ready[0].has_ended);
  EXPECT_TRUE(this->wait().empty());
  for (int i = 0; i < 2; ++i) {
    this->far_.send("x");
    ready = this->wait(base::seconds(10));
    ASSERT_EQ(ready.size(), 1U);
    EXPECT_TRUE(ready[0].can_read);
    EXPECT_TRUE(this->wait().empty()) << "the byte is still unread, but it is old news";
  }
}

TYPED_TEST(PollerTest, the_peers_end_of_sending_is_told_with_the_bytes_before_it) {
  this->far_.send("last words");
  this->far_.end_sending();
  ASSERT_TRUE(this->poller_.add(this->near_.fd(), 1));
  const std::vector<Readiness> ready = this->wait();
  ASSERT_EQ(ready.size(), 1U);
  EXPECT_TRUE(ready[0].can_read);
  EXPECT_TRUE(ready[0].has_ended);
}

TYPED_TEST(PollerTest, a_reset_is_told_as_an_end) {
  ASSERT_TRUE(this->poller_.add(this->near_.fd(), 1));
  this->wait();
  this->far_.reset();
  const std::vector<Readiness> ready = this->wait(base::seconds(10));
  ASSERT_EQ(ready.size(), 1U);
  EXPECT_TRUE(ready[0].has_ended);
  EXPECT_TRUE(ready[0].can_read);
  EXPECT_TRUE(ready[0].can_write);
}

TYPED_TEST(PollerTest, nothing_is_told_of_a_descriptor_that_was_removed) {
  ASSERT_TRUE(this->poller_.add(this->near_.fd(), 1));
  this->poller_.remove(this->near_.fd());
  this->far_.send("x");
  EXPECT_TRUE(this->wait().empty());
}

TYPED_TEST(PollerTest, a_descriptor_that_cannot_be_added_is_an_error) {
  const Result<void> added = this->poller_.add(-1, 1);
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, std::errc::bad_file_descriptor);
  EXPECT_NE(std::string_view(added.error().doing), "");
}

TYPED_TEST(PollerTest, a_wake_is_told_apart_from_events_and_only_once) {
  this->poller_.wake();
  EXPECT_TRUE(this->wait(base::Duration::max()).empty());
  EXPECT_TRUE(this->poller_.was_woken());
  this->wait();
  EXPECT_FALSE(this->poller_.was_woken());
}

TYPED_TEST(PollerTest, timeouts_of_every_size_are_accepted) {
  for (const base::Duration timeout :
       {base::Duration(1), base::Duration(base::milliseconds(1)), base::Duration::max(),
        base::Duration::max() - base::Duration(1), base::Duration(base::seconds(1) * 86400 * 365)}) {
    this->poller_.wake();
    EXPECT_TRUE(this->wait(timeout).empty());
    EXPECT_TRUE(this->poller_.was_woken());
  }
}

TYPED_TEST(PollerTest, without_descriptors_it_does_not_open_and_says_why) {
  const NoDescriptorsLeft none;
  TypeParam poller;
  const Result<void> opened = poller.open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, std::errc::too_many_files_open);
}

TEST(EpollPollerDeathTest, a_descriptor_that_the_program_has_closed_is_named_as_that) {
  io::EpollPoller poller;
  ASSERT_TRUE(poller.open());
  const auto wait_without_descriptor = [&] {
    ::close(poller.fd());
    std::array<Readiness, 8> ready;
    poller.wait(base::Duration::zero(), ready);
  };
  EXPECT_DEATH(wait_without_descriptor(), "waiting with epoll failed .*the program has closed a descriptor");
}

}  // namespace
}  // namespace distflow::test
