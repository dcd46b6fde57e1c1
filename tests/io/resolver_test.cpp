#include "io/resolver.hpp"

#include <gtest/gtest.h>

#include <optional>

#include "tests/support/backends.hpp"
#include "tests/support/loop.hpp"

namespace distflow::test {
namespace {

using Addresses = std::vector<io::Address>;

// A name that no resolver knows (RFC 6761, 6.4), and that is too long for one to be asked.
const std::string kNoName = std::string(70, 'x') + ".invalid";

class ResolverTest : public ::testing::Test {
 protected:
  std::function<void(Result<Addresses>)> keep() {
    return [this](Result<Addresses> answer) { answers_.push_back(std::move(answer)); };
  }

  static constexpr std::size_t kTasksMax = 4;
  base::ChunkPool chunks_{{}};
  io::Reactor reactor_{make_backend(chunks_), {.task_count_max = kTasksMax}};
  std::optional<io::Resolver> resolver_{std::in_place, reactor_};
  std::vector<Result<Addresses>> answers_;
};

TEST_F(ResolverTest, a_numeric_address_is_its_own_answer_at_once) {
  resolver_->resolve("10.1.2.3", 80, keep());
  resolver_->resolve("::1", 81, keep());
  ASSERT_EQ(answers_.size(), 2U);
  EXPECT_EQ(*answers_[0], Addresses{*io::Address::parse("10.1.2.3", 80)});
  EXPECT_EQ(*answers_[1], Addresses{io::Address::ipv6_loopback(81)});
}

TEST_F(ResolverTest, localhost_is_both_loopbacks_at_once_without_a_look_up) {
  resolver_->resolve("localhost", 80, keep());
  ASSERT_EQ(answers_.size(), 1U);
  EXPECT_EQ(*answers_[0], (Addresses{io::Address::ipv4_loopback(80), io::Address::ipv6_loopback(80)}));
}

TEST_F(ResolverTest, a_name_that_does_not_exist_is_an_error_that_comes_in_a_turn) {
  resolver_->resolve(kNoName, 80, keep());
  EXPECT_TRUE(answers_.empty());
  ASSERT_TRUE(turn_until(reactor_, [&] { return !answers_.empty(); }));
  EXPECT_EQ(answers_[0].error(), Errc::name_not_found);
  EXPECT_STREQ(answers_[0].error().doing, "resolving a host name");
}

TEST_F(ResolverTest, a_name_with_a_nul_in_it_does_not_exist) {
  using namespace std::string_literals;
  EXPECT_EQ(io::resolve_blocking("localhost\0.evil.example"s, 1).error(), Errc::name_not_found);
  EXPECT_EQ(io::resolve_blocking(""s, 1).error(), Errc::name_not_found);
}

TEST_F(ResolverTest, the_addresses_of_a_name_carry_the_port) {
  const Result<Addresses> addresses = io::resolve_blocking("localhost", 4369);
  ASSERT_TRUE(addresses);
  for (const io::Address& address : *addresses) EXPECT_EQ(address.port, 4369);
}

TEST_F(ResolverTest, too_many_look_ups_at_once_are_refused_before_resolve_returns) {
  // The loop does not turn: kTasksMax answers find room in its queue, the others stay look-ups.
  constexpr std::size_t kMost = io::Resolver::kLookupsMax + kTasksMax;
  std::size_t refused = 0;
  for (std::size_t i = 0; i < 2 * kMost; ++i) {
    const std::size_t before = answers_.size();
    resolver_->resolve(kNoName, 80, keep());
    if (answers_.size() == before) continue;
    ++refused;
    EXPECT_EQ(answers_.back().error(), Errc::queue_full);
  }
  EXPECT_GE(refused, kMost);
  ASSERT_TRUE(turn_until(reactor_, [&] { return answers_.size() == 2 * kMost; }));
}

// The refusal used to be told with the resolver's lock held: who resolved again in the callback waited for ever.
TEST_F(ResolverTest, a_refused_look_up_may_resolve_again_and_destroy_the_resolver_in_its_callback) {
  while (resolver_) {
    resolver_->resolve(kNoName, 80, [&](const Result<Addresses>& answer) {
      ASSERT_EQ(answer.error(), Errc::queue_full);
      resolver_->resolve("127.0.0.1", 80, keep());
      resolver_.reset();
    });
  }
  EXPECT_EQ(answers_.size(), 1U);
}

// More answers than the loop may hold tasks: the rest used to be lost.
TEST_F(ResolverTest, answers_wait_for_a_loop_that_has_no_room_for_them) {
  for (std::size_t i = 0; i < io::Resolver::kLookupsMax; ++i) resolver_->resolve(kNoName, 80, keep());
  EXPECT_TRUE(turn_until(reactor_, [&] { return answers_.size() == io::Resolver::kLookupsMax; }));
}

TEST_F(ResolverTest, a_resolver_that_dies_during_a_look_up_takes_its_callback_with_it) {
  bool was_called = false;
  resolver_->resolve(kNoName, 80, [&](const Result<Addresses>&) { was_called = true; });
  resolver_.reset();
  turn_some(reactor_, 50);
  EXPECT_FALSE(was_called);
}

}  // namespace
}  // namespace distflow::test
