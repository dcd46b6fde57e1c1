// The memory that requests leave behind once they have ended, as the allocator counts it.
#include <malloc.h>

#include <string>

#include "tests/runtime/asking.hpp"

namespace distflow::test {
namespace {

constexpr std::size_t kRequests = 64;
constexpr std::size_t kSize = std::size_t{64} * 1024;
constexpr std::size_t kKeptMax = std::size_t{16} * 1024;  // of each: its place, and what of its text is used again

std::size_t allocated() { return ::mallinfo2().uordblks; }

class AskTexts : public Asking {
 protected:
  SendVerdict ask_nobody(const std::string& json) {
    return ping_->ask_way().ask(
        "nobody", json, {}, [this](const Reply&) { ++ended_; }, AskWay::Callback::of_application);
  }
  /// Bytes that stay for each of kRequests, each of kSize, that have ended without an answer.
  template <class AskOne>
  std::size_t left_of_each(AskOne ask_one) {
    const std::string json = '"' + std::string(kSize - 2, 'x') + '"';
    const std::size_t before = allocated();
    for (std::size_t i = 0; i < kRequests; ++i) EXPECT_TRUE(is_under_way(ask_one(json)));
    EXPECT_GE(allocated() - before, kRequests * kSize) << "the allocator did not count";
    EXPECT_TRUE(cluster_.turn_until([&] { return ended_ == kRequests; }));
    const std::size_t after = allocated();
    return after > before ? (after - before) / kRequests : 0;
  }

  TestNode& ping_ = add({.alias = "ping", .parked_bytes_max = 2 * kRequests * kSize});
  std::size_t ended_ = 0;
};

TEST_F(AskTexts, of_requests_that_waited_for_their_name_are_given_back) {
  const auto on_the_loop = [this](const std::string& json) {
    const AskWay::OnLoop on_loop(ping_->ask_way());
    return ask_nobody(json);
  };
  EXPECT_LE(left_of_each(on_the_loop), kKeptMax);
}

TEST_F(AskTexts, of_requests_that_came_from_another_thread_are_given_back) {
  EXPECT_LE(left_of_each([this](const std::string& json) { return ask_nobody(json); }), kKeptMax);
}

}  // namespace
}  // namespace distflow::test
