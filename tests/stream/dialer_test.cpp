#include "stream/dialer.hpp"

#include <gtest/gtest.h>

#include <optional>

#include "tests/support/backends.hpp"
#include "tests/support/loop.hpp"
#include "tests/support/operations.hpp"
#include "tests/support/sockets.hpp"

namespace distflow::test {
namespace {

class DialerTest : public ::testing::Test {
 protected:
  void make(stream::DialerOptions options = {}) {
    dialer_.emplace(reactor_, resolver_, sockets_, options,
                    base::Delegate<void(Result<stream::OpenStream>)>::to<&DialerTest::take>(*this));
  }
  void TearDown() override {
    dialer_.reset();
    for (const Result<io::Handle>& outcome : outcomes_) {
      if (outcome) close(*outcome);
    }
    EXPECT_TRUE(until_no_handle());
  }
  void take(Result<stream::OpenStream> outcome) {
    EXPECT_FALSE(is_dialing_) << "an outcome from inside dial()";
    if (outcome) {
      outcomes_.emplace_back(outcome->socket);
    } else {
      outcomes_.emplace_back(outcome.error());
    }
    if (on_outcome_) on_outcome_();
  }
  void dial(const std::string& host, std::uint16_t port) {
    is_dialing_ = true;
    dialer_->dial(host, port);
    is_dialing_ = false;
  }
  void close(io::Handle handle) {
    Closing closing;
    reactor_.backend().close(handle, closing.op);
    ASSERT_TRUE(until([&] { return closing.has_ended(); }));
  }
  template <class Condition>
  bool until(Condition condition) {
    return turn_until(reactor_, condition);
  }
  bool until_outcome(std::size_t count = 1) {
    return until([&] { return outcomes_.size() == count; });
  }
  bool until_no_handle() {
    return until([&] { return reactor_.backend().handle_count() == 0; });
  }

  base::ChunkPool chunks_{{}};
  io::Reactor reactor_{make_socket_backend(chunks_), {}};
  io::Resolver resolver_{reactor_};
  stream::StreamSetup sockets_;
  RawSocket listener_ = RawSocket::listening();
  std::vector<Result<io::Handle>> outcomes_;
  std::function<void()> on_outcome_;
  bool is_dialing_ = false;
  std::optional<stream::Dialer> dialer_;
};

TEST_F(DialerTest, a_dial_gives_a_connected_stream) {
  make();
  dial("127.0.0.1", listener_.port());
  EXPECT_TRUE(dialer_->is_dialing());
  ASSERT_TRUE(until_outcome());
  ASSERT_TRUE(outcomes_[0]);
  EXPECT_FALSE(dialer_->is_dialing());
  RawSocket accepted = listener_.accept();
  Sending sending;
  sending.start(reactor_.backend(), *outcomes_[0], {"hello"});
  ASSERT_TRUE(until([&] { return sending.has_ended(); }));
  EXPECT_EQ(accepted.receive(), "hello");
}

TEST_F(DialerTest, point_18_an_address_that_refuses_is_followed_by_the_next) {
  // Somebody listens at ::1 alone, at a port that is free at 127.0.0.1, which "localhost" means first.
  const Result<io::Handle> six = reactor_.backend().listen(io::Address::ipv6_loopback(0), {});
  if (!six) GTEST_SKIP() << "no IPv6 here";
  const std::uint16_t port = reactor_.backend().local_address(*six)->port;
  make();
  dial("localhost", port);
  ASSERT_TRUE(until_outcome());
  EXPECT_TRUE(outcomes_[0]);
  close(*six);
}

TEST_F(DialerTest, a_host_all_of_whose_addresses_refuse_gives_the_last_refusal) {
  const SilentPort silent;
  make();
  dial("127.0.0.1", silent.port());
  ASSERT_TRUE(until_outcome());
  EXPECT_EQ(outcomes_[0].error().code, std::errc::connection_refused);
  ASSERT_TRUE(until_no_handle());
}

TEST_F(DialerTest, a_host_that_does_not_exist_is_an_outcome) {
  make();
  dial(std::string(70, 'x') + ".invalid", 80);
  ASSERT_TRUE(until_outcome());
  EXPECT_EQ(outcomes_[0].error(), Errc::name_not_found);
}

TEST_F(DialerTest, a_host_that_does_not_answer_is_given_up_after_the_timeout) {
  RawSocket deaf = RawSocket::listening(0);
  const RawSocket one = RawSocket::connected_to(deaf.port());  // fills the backlog: further attempts hang
  make({.attempt_timeout = base::milliseconds(10)});
  dial("127.0.0.1", deaf.port());
  ASSERT_TRUE(until_outcome());
  EXPECT_EQ(outcomes_[0].error(), Errc::timed_out);
  EXPECT_TRUE(until_no_handle());
}

// A stream that had connected, and whose outcome was about to be told, used to be left open for ever.
TEST_F(DialerTest, a_dial_canceled_at_any_point_has_no_outcome_and_leaves_nothing_open) {
  int looks = 0;
  int cancel_at = 0;
  auto look = [&] {
    if (++looks == cancel_at) dialer_->cancel();
    return false;
  };
  reactor_.set_inbox(base::Delegate<bool()>::of(look));
  int canceled = 0;
  for (cancel_at = 1; cancel_at < 12; ++cancel_at) {
    looks = 0;
    const std::size_t before = outcomes_.size();
    make();
    dial("127.0.0.1", listener_.port());
    turn_some(reactor_, 12);
    canceled += outcomes_.size() == before ? 1 : 0;
    const std::size_t told = outcomes_.size();
    dialer_.reset();
    turn_some(reactor_);
    EXPECT_EQ(reactor_.backend().handle_count(), told) << "canceled at look " << cancel_at;
    listener_.accept();
  }
  EXPECT_GE(canceled, 2);
  auto nothing = [] { return false; };
  reactor_.set_inbox(base::Delegate<bool()>::of(nothing));
  for (const Result<io::Handle>& outcome : std::exchange(outcomes_, {})) close(*outcome);
  EXPECT_TRUE(until_no_handle());
  reactor_.set_inbox({});
}

TEST_F(DialerTest, a_dialer_destroyed_while_it_dials_leaves_nothing_open) {
  make();
  dial("127.0.0.1", listener_.port());
  dialer_.reset();
  EXPECT_TRUE(until_no_handle());
  EXPECT_TRUE(outcomes_.empty());
}

TEST_F(DialerTest, a_dialer_destroyed_during_a_look_up_hears_nothing_of_it) {
  make();
  dial(std::string(70, 'x') + ".invalid", 80);
  dialer_.reset();
  turn_some(reactor_, 50);
  EXPECT_TRUE(outcomes_.empty());
}

TEST_F(DialerTest, the_answer_to_a_canceled_look_up_is_not_taken_for_that_to_the_next) {
  make();
  dial(std::string(70, 'x') + ".invalid", 80);
  dialer_->cancel();
  dial("127.0.0.1", listener_.port());
  ASSERT_TRUE(until_outcome());
  EXPECT_TRUE(outcomes_[0]);
  turn_some(reactor_, 50);
  EXPECT_EQ(outcomes_.size(), 1U);
}

TEST_F(DialerTest, it_may_dial_again_and_be_destroyed_inside_on_outcome) {
  const SilentPort silent;
  make();
  on_outcome_ = [&] {
    if (outcomes_.size() < 3) {
      dialer_->dial("127.0.0.1", silent.port());
    } else {
      dialer_.reset();
    }
  };
  dial("127.0.0.1", silent.port());
  ASSERT_TRUE(until_outcome(3));
  EXPECT_FALSE(dialer_);
}

TEST_F(DialerTest, without_descriptors_the_dial_fails_and_says_why) {
  make();
  const NoDescriptorsLeft none;
  dial("localhost", listener_.port());
  ASSERT_TRUE(until_outcome());
  EXPECT_EQ(outcomes_[0].error().code, std::errc::too_many_files_open);
}

}  // namespace
}  // namespace distflow::test
