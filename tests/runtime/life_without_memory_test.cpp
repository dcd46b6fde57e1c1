// A node's life with each of the allocations of its own threads failing once: the process lives, what failed is an
// error, a verdict or a count, and the node recovers. The PMD and the peers are on a thread that is spared.
#include <distflow/ask.hpp>
#include <distflow/node_runtime.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <string>
#include <thread>

#include "tests/support/backends.hpp"
#include "tests/support/failing_allocations.hpp"
#include "tests/support/loop.hpp"
#include "tests/support/others.hpp"

namespace distflow::test {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kPeer = "a peer with a name that is too long to be kept in a string itself";
constexpr std::string_view kGuest = "a guest with a name that is too long to be kept in a string itself";
/// Enough for two nodes of one machine to share a connection, and memory.
constexpr int kBurst = 70;
constexpr int kRequests = 6;

struct Way {
  Threading threading;
  bool in_memory;
};

class LifeWithoutMemory : public ::testing::TestWithParam<Way> {
 protected:
  LifeWithoutMemory() {
    others_.run([this](Cluster& cluster) { peer_ = &add_node(cluster, kPeer); });
  }

  [[nodiscard]] NodeOptions options(std::string_view alias) const {
    return {.alias = std::string(alias),
            .pmd_port = others_.pmd_port(),
            .start_pmd = false,
            .threading = GetParam().threading,
            .rejoin_grace = 200ms,
            .connect_deadline = 500ms,
            .memory_connections_max = GetParam().in_memory ? 16U : 0U,
            .backend = std::string(chosen_socket_backend().name),
            .log = LogVerbosity::error};
  }
  TestNode& add_node(Cluster& cluster, std::string_view alias) const {
    NodeOptions theirs = options(alias);
    theirs.threading = Threading::inlined;
    TestNode& node = cluster.add_node(theirs);
    TestNode* const raw = &node;
    node->delivery().set_message_handler([raw](const Message& message) { raw->messages.push_back(message.keep()); });
    return node;
  }

  /// Turns the node's loop where that is this thread's business, until it is so.
  template <class Condition>
  bool wait_until(Condition condition) {
    const auto turn = [this] {
      if (node_ && GetParam().threading == Threading::caller) {
        const Sparing not_spared(false);
        static_cast<void>(node_->poll(2ms));
      } else {
        std::this_thread::yield();  // to the node's own threads
      }
    };
    return turn_until(turn, condition);
  }

  /// False if the failure was here: then it is an error, and the next attempt works.
  bool start() {
    Result<NodeRuntime> node = Error{};
    {
      const Sparing not_spared(GetParam().threading != Threading::caller);
      node = NodeRuntime::start(options("self"));
    }
    if (node) {
      node_ = *node;
    } else {
      EXPECT_EQ(node.error(), Errc::out_of_memory) << node.error().message();
    }
    return static_cast<bool>(node);
  }

  void set_handlers() {
    node_->on_message([this](const Message&) { ++received_; });
    node_->on_peer_join([](const PeerInfo&) {});
    node_->on_peer_leave([](const PeerInfo&) {});
    node_->on_registration([](const RegistrationChange&) {});
  }

  /// Whatever has happened to one of them, messages get through again, both ways.
  void expect_messages_flow(std::string_view alias, TestNode& other) {
    const int before = received_;
    std::size_t there_before = 0;
    others_.run([&](Cluster&) {
      there_before = other.messages.size();
      for (int i = 0; i < kBurst; ++i) static_cast<void>(other.send("self", "1"));
    });
    for (int i = 0; i < kBurst; ++i) note(node_->send(alias, "1"));
    for (int i = 0; i < kRequests; ++i) ask(i % 2 == 0 ? alias : kGuest);
    EXPECT_TRUE(wait_until([&] {
      bool has_come = false;
      others_.run([&](Cluster&) {
        has_come = other.messages.size() > there_before;
        static_cast<void>(other.send("self", "1"));
      });
      note(node_->send(alias, "1"));
      if (node_->stats().tasks_lost > 0) set_handlers();  // it may have been one that was to be set
      return has_come && received_ > before;
    })) << "with "
        << alias << ": " << received_ - before << " came here; " << counters();
  }
  std::string counters() {
    const NodeStats stats = node_->stats();
    std::ostringstream text;
    text << "received " << stats.received.received << ", handled " << stats.received.handled << ", waiting "
         << stats.mailbox_size << ", tasks lost " << stats.tasks_lost << ", calls and events out of memory "
         << stats.calls_out_of_memory << " and " << stats.events_out_of_memory;
    return text.str();
  }
  /// Of a node that answers nothing, or is not there: it ends all the same.
  void ask(std::string_view name) {
    const auto end = [this](const Reply&) { ++asks_ended_; };
    asked_ += is_under_way(node_->ask(name, "1", {.deadline = 300ms}, end)) ? 1U : 0U;
  }
  void note(SendVerdict verdict) { accepted_ += is_under_way(verdict) ? 1U : 0U; }

  /// What one may see of a node from its start to its end.
  void live() {
    accepted_ = asked_ = 0;
    asks_ended_ = 0;
    set_handlers();
    const std::string alias(kPeer);
    expect_messages_flow(alias, *peer_);
    TestNode* guest = nullptr;
    others_.run([&](Cluster& cluster) { guest = &add_node(cluster, kGuest); });
    expect_messages_flow(kGuest, *guest);
    others_.run([&](Cluster& cluster) { cluster.shut_down(*guest, 0s); });
    EXPECT_TRUE(wait_until([&] { return node_->discover()->size() == 1; })) << "the guest leaves";
    others_.run([](Cluster& cluster) {
      cluster.stop_pmd();
      cluster.start_pmd();
    });
    EXPECT_TRUE(wait_until([&] { return node_->stats().is_registered; }));
    expect_messages_flow(alias, *peer_);
  }

  void end() {
    Result<ShutdownReport> report = ShutdownReport{};
    {
      const Sparing not_spared(GetParam().threading != Threading::caller);
      report = node_->shutdown(2s);
    }
    ASSERT_TRUE(report);
    EXPECT_TRUE(report->is_complete);
    const NodeStats stats = node_->stats();
    EXPECT_EQ(stats.sent.accepted, stats.sent.written + stats.sent.dropped());
    EXPECT_GE(stats.sent.accepted, accepted_) << "requests are messages, too";
    EXPECT_LE(stats.sent.accepted, accepted_ + asked_ + stats.asks.received);
    EXPECT_EQ(stats.asks.asked, asked_);
    EXPECT_EQ(asks_ended_, asked_);
    EXPECT_EQ(stats.asks.pending, 0U);
    EXPECT_EQ(stats.received.received, stats.received.handled + stats.received.dropped());
    node_.reset();
  }

  const Sparing spared_;
  Others others_;
  TestNode* peer_ = nullptr;
  std::optional<NodeRuntime> node_;
  std::atomic<int> received_{0};
  std::uint64_t accepted_ = 0;
  std::uint64_t asked_ = 0;
  std::atomic<std::uint64_t> asks_ended_{0};
};

/// So many points one after the other are left out between two that are tried; DISTFLOW_SWEEP=1 tries all.
std::size_t stride() {
  const char* const text = std::getenv("DISTFLOW_SWEEP");
  return text == nullptr ? 7 : std::max<std::size_t>(1, std::strtoul(text, nullptr, 10));
}
std::size_t first_point() {
  const char* const text = std::getenv("DISTFLOW_SWEEP_FROM");
  return text == nullptr ? 0 : std::strtoul(text, nullptr, 10);
}

TEST_P(LifeWithoutMemory, each_allocation_may_fail_and_the_node_recovers) {
  std::size_t points = 0;
  for (std::size_t n = first_point();; n += stride()) {
    SCOPED_TRACE("allocation " + std::to_string(n));
    const FailingAnywhere nth(n);
    if (start() || start()) live();
    const bool has_failed = nth.has_failed();
    if (node_) end();
    if (HasFailure() || !has_failed) break;
    ++points;
  }
  std::printf("%zu points\n", points);
  RecordProperty("points", static_cast<int>(points));
}

constexpr Way kWays[] = {{Threading::inlined, false},   {Threading::inlined, true}, {Threading::dispatcher, false},
                         {Threading::dispatcher, true}, {Threading::caller, false}, {Threading::caller, true}};
INSTANTIATE_TEST_SUITE_P(ways, LifeWithoutMemory, ::testing::ValuesIn(kWays), [](const auto& way) {
  return std::string(way.param.threading == Threading::inlined      ? "inlined"
                     : way.param.threading == Threading::dispatcher ? "dispatcher"
                                                                    : "caller") +
         (way.param.in_memory ? "_in_memory" : "_over_tcp");
});

}  // namespace
}  // namespace distflow::test
