// Requests and waits with Asio's completion tokens. Built once for standalone Asio and once for Boost.Asio.
#include <utility>  // Boost 1.74 needs it, and does not include it

#ifdef DISTFLOW_BOOST_ASIO
#include <boost/asio.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
namespace net = boost::asio;
#else
#include <asio.hpp>
namespace net = asio;
#endif

#include <distflow/asio.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/lone_node.hpp"

namespace distflow::test {
namespace {

using namespace std::chrono_literals;

class AsioOperations : public LoneNode {
 protected:
  /// Lets the node and the context work until then; the context on this thread.
  template <class Condition>
  bool until_done(NodeRuntime& node, Condition condition) {
    return until(node, [&] {
      io_.restart();  // it stops when it has no work
      io_.poll();
      return condition();
    });
  }

  net::io_context io_;
};

TEST_P(AsioOperations, complete_on_the_executor_of_their_handler_which_has_work_until_then) {
  NodeRuntime node = start();
  node.on_request(&echo);
  std::atomic<bool> may_end{false};
  std::atomic<std::thread::id> ran_on{};
  // A handler that can only be moved.
  auto handler = [&, own = std::make_unique<int>(1)](KeptReply reply) {
    EXPECT_EQ(reply.error, AskError::none) << to_string(reply.error);
    EXPECT_EQ(reply.payload, R"({"n":1})");
    EXPECT_EQ(*own, 1);
    ran_on = std::this_thread::get_id();
  };
  async_ask(node, "self", R"({"n":1})", {}, net::bind_executor(io_.get_executor(), std::move(handler)));
  std::thread running([&] {
    io_.run();
    may_end = true;
  });
  EXPECT_TRUE(until(node, [&] { return may_end.load(); }));
  EXPECT_EQ(ran_on.load(), running.get_id());
  running.join();
  EXPECT_TRUE(node.shutdown()->is_complete);
  check_law(node);
}

TEST_P(AsioOperations, that_are_refused_complete_later_all_the_same) {
  NodeRuntime node = start();
  std::optional<KeptReply> ended;
  async_ask(node, "self", "{", {},
            net::bind_executor(io_.get_executor(), [&](KeptReply reply) { ended = std::move(reply); }));
  EXPECT_FALSE(ended.has_value()) << "completed inside the call";
  ASSERT_TRUE(until_done(node, [&] { return ended.has_value(); }));
  EXPECT_EQ(ended->verdict, SendVerdict::invalid_json);
  std::optional<Result<PeerInfo>> peer;
  async_wait_for(node, "", {}, net::bind_executor(io_.get_executor(), [&](Result<PeerInfo> end) { peer = end; }));
  ASSERT_TRUE(until_done(node, [&] { return peer.has_value(); }));
  EXPECT_EQ(peer->error(), Errc::invalid_option);
  EXPECT_TRUE(node.shutdown()->is_complete);
}

TEST(AsioOperation, whose_end_there_is_no_memory_to_keep_completes_with_that) {
  net::io_context io;
  std::optional<int> ended;
  const auto begin = [](const StopToken&, const auto& on_end) { return on_end("an end"), true; };
  asio_detail::begin_asio_operation<int>(
      net::bind_executor(io.get_executor(), [&ended](int outcome) { ended = outcome; }), StopToken(), begin,
      [](bool) { return std::optional<int>(); }, [](const char*) -> int { throw std::bad_alloc(); }, [] { return 7; });
  io.poll();
  EXPECT_EQ(ended, 7);
}

TEST_P(AsioOperations, may_be_futures) {
  NodeRuntime node = start();
  node.on_request(&echo);
  std::future<KeptReply> reply = async_ask(node, "self", "1", {}, net::use_future);
  std::future<Result<PeerInfo>> peer = async_wait_for(node, "self", {}, net::use_future);
  const auto is_ready = [](auto& future) { return future.wait_for(0s) == std::future_status::ready; };
  ASSERT_TRUE(until_done(node, [&] { return is_ready(reply) && is_ready(peer); }));
  EXPECT_EQ(reply.get().payload, "1");
  EXPECT_EQ(peer.get()->node_id, node.node_id());
  EXPECT_TRUE(node.shutdown()->is_complete);
}

TEST_P(AsioOperations, may_be_awaited_by_a_coroutine_of_asio_which_stays_on_its_executor) {
  NodeRuntime node = start();
  node.on_request(&echo);
  bool is_over = false;
  const auto run = [&]() -> net::awaitable<void> {
    const std::thread::id thread = std::this_thread::get_id();
    for (int i = 0; i < 100; ++i) {
      const KeptReply reply = co_await async_ask(node, "self", std::to_string(i), {}, net::use_awaitable);
      EXPECT_EQ(reply.payload, std::to_string(i)) << to_string(reply.error);
      EXPECT_EQ(std::this_thread::get_id(), thread);
    }
    const KeptReply refused = co_await async_ask(node, "nobody", "1", {}, net::use_awaitable);
    EXPECT_EQ(refused.error, AskError::unresolved);
    const auto peer = co_await async_wait_for(node, "nobody", {.deadline = 10ms}, net::use_awaitable);
    EXPECT_EQ(peer.error(), Errc::timed_out);
    is_over = true;
  };
  net::co_spawn(io_, run(), net::detached);
  ASSERT_TRUE(until_done(node, [&] { return is_over; }));
  EXPECT_TRUE(node.shutdown()->is_complete);
  check_law(node);
}

TEST_P(AsioOperations, receive_messages) {
  NodeRuntime node = start();
  std::vector<std::string> received;
  const auto run = [&]() -> net::awaitable<void> {
    for (int i = 0; i < 100; ++i) {
      const Result<KeptMessage> message = co_await async_next_message(node, net::use_awaitable);
      EXPECT_TRUE(message);
      if (message) received.push_back(message->payload);
    }
  };
  net::co_spawn(io_, run(), net::detached);
  std::vector<std::string> sent;
  for (int i = 0; i < 100; ++i) {
    sent.push_back(std::to_string(i));
    ASSERT_TRUE(is_under_way(node.send("self", sent.back())));
  }
  ASSERT_TRUE(until_done(node, [&] { return received.size() == sent.size(); }));
  EXPECT_EQ(received, sent);
  EXPECT_TRUE(node.shutdown()->is_complete);
}

TEST_P(AsioOperations, end_with_the_reason_when_the_node_shuts_down) {
  NodeRuntime node = start();
  int ended = 0;
  async_wait_for(node, "nobody", {.deadline = 1h},
                 net::bind_executor(io_.get_executor(), [&](const Result<PeerInfo>& end) {
                   EXPECT_EQ(end.error(), Errc::shut_down);
                   ++ended;
                 }));
  EXPECT_TRUE(node.shutdown()->is_complete);
  io_.run();
  EXPECT_EQ(ended, 1);
}

#if DISTFLOW_DETAIL_ASIO_VERSION >= 101900
TEST_P(AsioOperations, are_cancelled_through_their_slot) {
  NodeRuntime node = start();
  std::atomic<int> held{0};
  std::vector<Responder> responders;
  node.on_request([&](const Request&, Responder responder) {
    responders.push_back(std::move(responder));
    ++held;
  });
  net::cancellation_signal signal;
  std::optional<KeptReply> ended;
  async_ask(node, "self", "1", {.deadline = 1h},
            net::bind_cancellation_slot(signal.slot(), net::bind_executor(io_.get_executor(), [&](KeptReply reply) {
                                          ended = std::move(reply);
                                        })));
  ASSERT_TRUE(until(node, [&] { return held == 1; }));
  signal.emit(net::cancellation_type::terminal);
  ASSERT_TRUE(until_done(node, [&] { return ended.has_value(); }));
  EXPECT_EQ(ended->error, AskError::cancelled) << to_string(ended->error);
  EXPECT_TRUE(node.shutdown()->is_complete);
  responders.clear();
  check_law(node);
}
#endif

INSTANTIATE_TEST_SUITE_P(modes, AsioOperations, ::testing::ValuesIn(LoneNode::kModes), &LoneNode::name_of);

}  // namespace
}  // namespace distflow::test
