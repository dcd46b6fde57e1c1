// The process's one node through its public headers: threads, modes, the singleton, fork, the lock file.
#include <distflow/node_runtime.hpp>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <fstream>
#include <limits>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include <distflow/json.hpp>

#include "framing/frame.hpp"
#include "runtime/process/process_lock.hpp"
#include "tests/support/backends.hpp"
#include "tests/support/pmd_test_client.hpp"
#include "tests/support/pmd_thread.hpp"
#include "tests/support/sockets.hpp"

namespace distflow::test {
namespace {

using namespace std::chrono_literals;

/// What handlers leave for the test's thread to wait for.
class Inbox {
 public:
  void put(const Message& message) {
    const std::scoped_lock lock(mutex_);
    messages_.push_back(message.keep());
    threads_.push_back(std::this_thread::get_id());
    changed_.notify_all();
  }
  bool wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 30s, [&] { return messages_.size() >= count; });
  }
  [[nodiscard]] std::vector<KeptMessage> messages() {
    const std::scoped_lock lock(mutex_);
    return messages_;
  }
  [[nodiscard]] std::vector<std::thread::id> threads() {
    const std::scoped_lock lock(mutex_);
    return threads_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<KeptMessage> messages_;
  std::vector<std::thread::id> threads_;
};

class NodeRuntimeTest : public ::testing::Test {
 protected:
  NodeRuntime start(NodeOptions options = {}) {
    options.pmd_port = pmd_.port();
    options.start_pmd = false;
    options.backend = std::string(chosen_socket_backend().name);
    if (options.alias.empty()) options.alias = "self";
    Result<NodeRuntime> node = NodeRuntime::start(options);
    EXPECT_TRUE(node) << node.error().message();
    return *std::move(node);
  }

  PmdThread pmd_;
  Inbox inbox_;
};

bool exists(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0;
}

TEST_F(NodeRuntimeTest, a_second_start_gives_the_same_node) {
  const NodeRuntime first = start();
  const NodeRuntime second = start({.alias = "other"});
  EXPECT_EQ(second.node_id(), first.node_id());
  EXPECT_EQ(second.alias(), "self");
}

TEST_F(NodeRuntimeTest, after_a_shutdown_another_node_may_start) {
  NodeRuntime first = start();
  const std::string id = first.node_id();
  const Result<ShutdownReport> report = first.shutdown();
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->is_complete);
  EXPECT_TRUE(report->is_unregistered);
  EXPECT_EQ(first.send("self", "1"), SendVerdict::shut_down);
  EXPECT_EQ(first.discover().error(), Errc::shut_down);
  EXPECT_NE(start().node_id(), id);
}

TEST_F(NodeRuntimeTest, holds_the_lock_file_of_its_process_while_it_runs) {
  const std::string path = runtime::ProcessLock::path();
  EXPECT_EQ(path, "/tmp/distflow-node-" + std::to_string(::getpid()) + ".lock");
  std::ofstream(path) << "left by a dead process of the same pid";
  {
    const NodeRuntime node = start();
    EXPECT_TRUE(exists(path));
    EXPECT_EQ(runtime::ProcessLock::acquire(base::Log()).error(), Errc::already_running);
  }
  EXPECT_FALSE(exists(path));
}

TEST_F(NodeRuntimeTest, in_a_forked_child_the_handle_is_inert_and_says_so) {
  NodeRuntime node = start();
  const pid_t child = ::fork();
  if (child == 0) {
    const bool is_inert = node.send("self", "1") == SendVerdict::forked && node.discover().error() == Errc::forked &&
                          node.shutdown().error() == Errc::forked && !node.is_running() &&
                          NodeRuntime::start().error() == Errc::forked;
    { const NodeRuntime gone = std::move(node); }
    ::_exit(is_inert ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);

  node.on_message([this](const Message& message) { inbox_.put(message); });
  EXPECT_EQ(node.send("self", "1"), SendVerdict::queued);
  EXPECT_TRUE(inbox_.wait_for(1)) << "the parent goes on";
}

TEST_F(NodeRuntimeTest, refuses_a_payload_that_is_not_json_and_a_name_that_is_none) {
  NodeRuntime node = start();
  for (const std::string_view text : {"", "{", "1,\"from\":\"admin\"", "nul", "[1,]", "\"\x01\"", "01"}) {
    EXPECT_EQ(node.send("self", text), SendVerdict::invalid_json) << text;
  }
  EXPECT_EQ(node.send("", "1"), SendVerdict::invalid_target);
  EXPECT_EQ(node.send(std::string(257, 'x'), "1"), SendVerdict::invalid_target);
}

TEST_F(NodeRuntimeTest, takes_a_payload_in_each_of_its_forms) {
  NodeRuntime node = start();
  node.on_message([this](const Message& message) { inbox_.put(message); });
  Target self = node.target("self");
  rapidjson::Document document = *parse_json(R"({"a":[1,2.5,"x"]})");
  EXPECT_TRUE(is_under_way(node.send("self", "1")));
  EXPECT_TRUE(is_under_way(node.send("self", raw_json("2"))));
  EXPECT_TRUE(is_under_way(node.send(self, "3")));
  EXPECT_TRUE(is_under_way(node.send(self, raw_json("4"))));
  EXPECT_TRUE(is_under_way(node.send_with("self", [](PayloadWriter& out) { out.append("5"); })));
  EXPECT_TRUE(is_under_way(node.send_with(self, [](PayloadWriter& out) { out.append("6"); })));
  EXPECT_TRUE(is_under_way(send(node, "self", document)));
  EXPECT_TRUE(is_under_way(send(node, self, document)));
  document["a"].PushBack(rapidjson::Value(std::numeric_limits<double>::infinity()), document.GetAllocator());
  EXPECT_EQ(send(node, "self", document), SendVerdict::invalid_json);
  ASSERT_TRUE(inbox_.wait_for(8));
  std::string payloads;
  for (const KeptMessage& message : inbox_.messages()) payloads += message.payload + ' ';
  EXPECT_EQ(payloads, R"(1 2 3 4 5 6 {"a":[1,2.5,"x"]} {"a":[1,2.5,"x"]} )");
}

TEST_F(NodeRuntimeTest, a_target_goes_on_with_the_node_that_comes_after_its_own) {
  Target self;
  {
    NodeRuntime first = start();
    self = first.target("self");
    EXPECT_TRUE(is_under_way(first.send(self, "1")));
    ASSERT_TRUE(first.shutdown());
  }
  NodeRuntime second = start();
  second.on_message([this](const Message& message) { inbox_.put(message); });
  EXPECT_TRUE(is_under_way(second.send(self, "2")));
  ASSERT_TRUE(inbox_.wait_for(1));
  EXPECT_EQ(inbox_.messages().front().payload, "2");
}

TEST_F(NodeRuntimeTest, what_writes_a_message_in_place_may_send_another_or_throw) {
  for (const Threading threading : {Threading::inlined, Threading::caller}) {
    NodeRuntime node = start({.threading = threading});
    ASSERT_TRUE(node.resolve("self"));
    std::string payloads;
    std::atomic<int> count{0};
    node.on_message([&](const Message& message) {
      payloads += message.payload;
      ++count;
    });
    const auto write_and_send = [&node](PayloadWriter& out) {
      out.append("\"outer");
      EXPECT_TRUE(is_under_way(node.send("self", "\"inner\"")));
      out.append("\"");
    };
    EXPECT_TRUE(is_under_way(node.send_with("self", write_and_send)));
    const auto write_and_throw = [](PayloadWriter& out) {
      out.append("\"half");
      throw std::runtime_error("on purpose");
    };
    EXPECT_THROW(node.send_with("self", write_and_throw), std::runtime_error);
    EXPECT_TRUE(is_under_way(node.send("self", "\"after\"")));
    while (count < 3) {
      if (threading == Threading::caller) static_cast<void>(node.poll(10ms));
    }
    static_cast<void>(node.shutdown());
    EXPECT_EQ(payloads, R"("inner""outer""after")");
  }
}

TEST_F(NodeRuntimeTest, names_that_nobody_holds_make_room_for_new_ones) {
  NodeRuntime node = start({.targets_max = 4});
  const Target held = node.target("held");
  // Refused only for as long as all four are held by messages that wait for the PMD's answer.
  for (int i = 0; i < 100; ++i) {
    while (node.send("nobody" + std::to_string(i), "1") == SendVerdict::invalid_target) std::this_thread::yield();
  }
  while (!is_under_way(node.send("self", "1"))) std::this_thread::yield();
}

TEST_F(NodeRuntimeTest, all_that_other_threads_submit_is_accounted_for_at_a_shutdown_amid_it) {
  NodeRuntime node = start();
  std::atomic<std::uint64_t> accepted{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&node, &accepted] {
      for (SendVerdict verdict = SendVerdict::queued; verdict != SendVerdict::shut_down;) {
        verdict = node.send("self", "1");
        if (is_under_way(verdict)) ++accepted;
      }
    });
  }
  while (node.stats().sent.accepted < 1000) std::this_thread::yield();
  ASSERT_TRUE(node.shutdown());
  for (std::thread& thread : threads) thread.join();
  const SendStats sent = node.stats().sent;
  EXPECT_LE(sent.accepted, accepted);
  EXPECT_EQ(sent.accepted, sent.written + sent.dropped());
}

TEST_F(NodeRuntimeTest, what_a_thread_has_sent_before_a_shutdown_is_sent_by_the_shutdown) {
  RawSocket listener = RawSocket::listening();
  PmdTestClient registrar(pmd_.port());
  registrar.send(R"({"type":"register","payload":{"nodeId":"sink","host":"127.0.0.1","port":)" +
                 std::to_string(listener.port()) + "}}");
  for (std::string answer; !registrar.receive(answer);) std::this_thread::yield();

  NodeRuntime node = start();
  constexpr std::size_t kCount = 10'000;  // more than a turn takes over
  for (std::size_t i = 0; i < kCount; ++i) ASSERT_TRUE(is_under_way(node.send("sink", "17")));
  const Result<ShutdownReport> report = node.shutdown();
  ASSERT_TRUE(report);
  EXPECT_EQ(report->discarded_outgoing, 0u);

  const std::string bytes = listener.accept().receive_all();
  std::size_t count = 0;
  for (std::size_t at = 0; at < bytes.size(); ++count) at += 4 + framing::read_header(bytes.data() + at);
  EXPECT_EQ(count, kCount);
}

TEST_F(NodeRuntimeTest, keeps_the_order_of_each_thread_and_loses_nothing_between_them) {
  NodeRuntime node = start({.mailbox = {.max_size = 100'000}});
  node.on_message([this](const Message& message) { inbox_.put(message); });
  constexpr int kThreads = 4;
  constexpr int kEach = 2000;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&node, t] {
      Target self = node.target("self");
      for (int i = 0; i < kEach;) {
        const std::string payload = '[' + std::to_string(t) + ',' + std::to_string(i) + ']';
        const SendVerdict verdict = i % 2 == 0 ? node.send(self, payload) : node.send("self", payload);
        if (is_under_way(verdict)) ++i;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  ASSERT_TRUE(inbox_.wait_for(kThreads * kEach));
  std::array<int, kThreads> next{};
  for (const KeptMessage& message : inbox_.messages()) {
    const rapidjson::Document numbers = *parse_json(message.payload);
    int& expected = next[numbers[0].GetUint64()];
    EXPECT_EQ(numbers[1].GetInt64(), expected);
    ++expected;
  }
}

TEST_F(NodeRuntimeTest, with_conflate_by_a_slow_handler_sees_the_newest_message_of_each_key) {
  NodeRuntime node = start({.conflate_by = "symbol", .threading = Threading::dispatcher});
  std::atomic<bool> may_go_on{false};
  node.on_message([&](const Message& message) {
    may_go_on.wait(false);
    inbox_.put(message);
  });
  const auto waiting = [&node] { return node.stats().mailbox_size; };
  const auto received = [&node] { return node.stats().received.received; };
  const auto send = [&node](const char* json) { EXPECT_EQ(node.send("self", json), SendVerdict::queued); };
  send(R"({"symbol":"X","price":0})");
  while (received() < 1 || waiting() > 0) std::this_thread::yield();  // the handler has it, and is slow
  for (const char* const json :
       {R"({"symbol":"A","price":1})", R"({"symbol":"B","price":1})", "\"no key\"", R"({"symbol":"B","price":2})",
        R"({"symbol":"A","price":2})", "\"no key\"", R"({"symbol":"A","price":3})"}) {
    send(json);
  }
  while (received() < 8) std::this_thread::yield();
  EXPECT_EQ(node.stats().received.conflated, 3u);
  may_go_on = true;
  may_go_on.notify_all();
  ASSERT_TRUE(inbox_.wait_for(5));
  std::vector<std::string> payloads;
  for (const KeptMessage& message : inbox_.messages()) payloads.push_back(message.payload);
  EXPECT_EQ(payloads, (std::vector<std::string>{R"({"symbol":"X","price":0})", R"({"symbol":"A","price":3})",
                                                R"({"symbol":"B","price":2})", "\"no key\"", "\"no key\""}));
}

TEST_F(NodeRuntimeTest, with_a_dispatcher_a_handler_that_blocks_keeps_nobody_from_receiving) {
  NodeRuntime node = start({.threading = Threading::dispatcher});
  std::mutex gate;
  gate.lock();
  node.on_message([&](const Message& message) {
    const std::scoped_lock lock(gate);
    inbox_.put(message);
  });
  for (int i = 0; i < 100; ++i) node.send("self", std::to_string(i));
  while (node.stats().received.received < 100) std::this_thread::yield();
  EXPECT_TRUE(inbox_.messages().empty());
  gate.unlock();
  ASSERT_TRUE(inbox_.wait_for(100));
  EXPECT_EQ(inbox_.messages().back().payload, "99");
  EXPECT_NE(inbox_.threads().front(), std::this_thread::get_id());
}

TEST_F(NodeRuntimeTest, in_caller_mode_handlers_run_on_the_thread_that_polls) {
  NodeRuntime node = start({.threading = Threading::caller});
  EXPECT_GE(node.fd(), 0);
  node.on_message([this](const Message& message) { inbox_.put(message); });
  EXPECT_EQ(node.send("self", "1"), SendVerdict::queued);
  while (inbox_.messages().empty()) ASSERT_TRUE(node.poll(100ms));
  EXPECT_EQ(inbox_.threads().front(), std::this_thread::get_id());
  EXPECT_TRUE(node.shutdown()->is_complete);
  EXPECT_EQ(node.poll(0ms).error(), Errc::shut_down);
}

TEST_F(NodeRuntimeTest, in_caller_mode_poll_waits_for_something_to_do_also_while_it_spins) {
  NodeRuntime node = start({.threading = Threading::caller, .spin = 60s});
  // One that waits has been there; others had something to do.
  bool has_waited = false;
  for (int i = 0; i < 100 && !has_waited; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    ASSERT_TRUE(node.poll(20ms));
    has_waited = std::chrono::steady_clock::now() - begin >= 20ms;
  }
  EXPECT_TRUE(has_waited);
}

TEST_F(NodeRuntimeTest, in_caller_mode_the_descriptor_tells_of_what_is_sent_between_polls) {
  NodeRuntime node = start({.threading = Threading::caller});
  const int fd = node.fd();
  ASSERT_GE(fd, 0);
  // Known by now, and connected, so that sending is all that is left to do.
  node.on_message([this](const Message& message) { inbox_.put(message); });
  EXPECT_EQ(node.send("self", "1"), SendVerdict::queued);
  while (inbox_.messages().empty()) ASSERT_TRUE(node.poll(100ms));
  while (is_readable(fd)) ASSERT_TRUE(node.poll(0ms));
  EXPECT_EQ(node.send("self", "2"), SendVerdict::queued);
  EXPECT_TRUE(is_readable(fd));
}

TEST_F(NodeRuntimeTest, poll_is_refused_to_a_node_with_its_own_thread) {
  NodeRuntime node = start();
  EXPECT_EQ(node.poll(0ms).error(), Errc::invalid_option);
  EXPECT_EQ(node.fd(), -1);
}

TEST_F(NodeRuntimeTest, a_handler_may_shut_the_node_down_in_every_mode) {
  for (const Threading threading : {Threading::inlined, Threading::dispatcher, Threading::caller}) {
    NodeRuntime node = start({.threading = threading});
    node.on_message([&](const Message& message) {
      EXPECT_FALSE(node.shutdown()->is_complete);
      inbox_.put(message);
    });
    node.send("self", "1");
    while (node.is_running()) {
      if (threading == Threading::caller) static_cast<void>(node.poll(10ms));
    }
    EXPECT_TRUE(node.shutdown()->is_complete);
  }
  EXPECT_TRUE(inbox_.wait_for(3));
}

TEST_F(NodeRuntimeTest, the_last_handle_may_go_inside_a_handler) {
  auto holder = std::make_shared<std::optional<NodeRuntime>>(start());
  std::atomic<bool> is_sent{false};
  std::atomic<bool> is_gone{false};
  (*holder)->on_message([holder, &is_sent, &is_gone](const Message&) {
    while (!is_sent) std::this_thread::yield();  // the other thread's call has returned
    holder->reset();
    is_gone = true;
  });
  (*holder)->send("self", "1");
  holder.reset();
  is_sent = true;
  while (!is_gone) std::this_thread::yield();
  while (exists(runtime::ProcessLock::path())) std::this_thread::yield();
}

TEST_F(NodeRuntimeTest, resolves_and_discovers) {
  NodeRuntime node = start();
  const Result<PeerInfo> self = node.resolve("self");
  ASSERT_TRUE(self);
  EXPECT_EQ(self->node_id, node.node_id());
  EXPECT_EQ(self->port, node.port());
  EXPECT_EQ(node.resolve("nobody").error(), Errc::node_not_found);
  EXPECT_TRUE(node.discover()->empty()) << "the others, not itself";
}

TEST_F(NodeRuntimeTest, options_out_of_range_are_refused_with_their_name) {
  for (const NodeOptions& options :
       {NodeOptions{.alias = std::string(257, 'x')}, NodeOptions{.mailbox = {.max_size = 0}},
        NodeOptions{.frame_size_max = 1}, NodeOptions{.connections_max = 0}, NodeOptions{.backend = "magic"},
        NodeOptions{.mailbox = {.max_size = UINT32_MAX}}, NodeOptions{.mailbox = {.bytes_max = 0}},
        NodeOptions{.alias = "\xff"}, NodeOptions{.pmd_idle_exit = 0ms}, NodeOptions{.host = "0.0.0.0"},
        NodeOptions{.advertised_host = std::string(256, 'x')}, NodeOptions{.meta = {{"", "x"}}},
        NodeOptions{.conflate_by = std::string(257, 'x')}, NodeOptions{.conflate_by = "\xff"}}) {
    const Result<NodeRuntime> node = NodeRuntime::start(options);
    ASSERT_FALSE(node);
    EXPECT_EQ(node.error(), Errc::invalid_option);
    EXPECT_STRNE(node.error().doing, "");
  }
  EXPECT_EQ(NodeRuntime::start({.host = "no address"}).error(), Errc::invalid_address);
}

TEST(NodeRuntimeStart, without_a_pmd_and_not_to_start_one_it_fails_and_says_what_to_do) {
  const SilentPort dead;
  const Result<NodeRuntime> node = NodeRuntime::start({.pmd_port = dead.port(),
                                                       .start_pmd = false,
                                                       .start_deadline = 100ms,
                                                       .backend = std::string(chosen_socket_backend().name)});
  ASSERT_FALSE(node);
  EXPECT_EQ(node.error(), Errc::pmd_unreachable);
  EXPECT_NE(node.error().message().find("distflow pmd start"), std::string::npos);
  EXPECT_FALSE(exists(runtime::ProcessLock::path()));
}

}  // namespace
}  // namespace distflow::test
