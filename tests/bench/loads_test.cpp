// Each program that measures distflow's parts plays a small block to its end, and leaves no process behind. How fast,
// the director measures.
#include <sys/prctl.h>
#include <sys/wait.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string>

#include <distflow/node_runtime.hpp>

#include "tests/bench/contestants.hpp"

namespace distflow::test {
namespace {

/// Whether the process that stands for this one's lost grandchildren has any child left.
bool has_children() { return ::waitpid(-1, nullptr, WNOHANG) >= 0 || errno != ECHILD; }

/// Processes that lost their parent come to this one, where they are seen.
class Loads : public ::testing::Test {
 protected:
  Loads() { EXPECT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0); }
  ~Loads() override { EXPECT_FALSE(has_children()); }
};

bool has_both_took(const std::string& said) {
  const std::size_t first = said.find("took ");
  return first == 0 && said.find("\ntook ", first) != std::string::npos;
}

Words with(const std::string& role, const Words& options, const Words& more = {}) {
  Words words{role};
  words.insert(words.end(), options.begin(), options.end());
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

/// How many messages a sink says that its one block had: done END_NS COUNT
std::size_t count_told(ChildProcess& sink) {
  const std::size_t begin = sink.out().find("done ");
  while (sink.out().find('\n', begin) == std::string::npos && sink.read_some()) {
  }
  return std::stoul(sink.out().substr(sink.out().rfind(' ')));
}

/// Plays a swarm's block of 100, and holds what it says to the contract.
void expect_echoes(Words options) {
  options.insert(options.begin(), {"swarm", "--connections", "7"});
  const std::string said = drive("run 100\\n", BENCH_SWARM, options);
  ASSERT_TRUE(said.starts_with("took ")) << said;
  EXPECT_EQ(take_times(said.substr(said.find('\n') + 1)), 100U);
}

TEST_F(Loads, a_swarm_gets_its_echoes_from_a_raw_server) {
  const Responder echo(BENCH_RAW_ECHO, {"echo"});
  expect_echoes({"--server", "raw", "--connect", echo.address()});
  expect_echoes({"--server", "raw", "--connect", echo.address(), "--spin", "--payload", "100"});
}

/// Told to end as the director does, a node ends in good order.
void expect_good_end(Responder& responder) {
  responder.process().send_signal(SIGTERM);
  const ProcessResult result = responder.process().wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

TEST_F(Loads, a_node_goes_round_in_every_threading_and_ends_when_it_is_told_to) {
  const Responder broker(BENCH_PMD_LOAD, {"broker"});
  for (const char* threading : {"inlined", "dispatcher", "caller"}) {
    const Words options{"--threading", threading, "--broker", broker.address()};
    Responder echo(BENCH_NODE, with("echo", options));
    for (const char* block : {"run 1000\\n", "pace 1000 20000\\n"}) {
      const std::string said = drive(block, BENCH_NODE, with("ping", options, {"--connect", echo.address()}));
      EXPECT_EQ(take_times(said), 1000U) << threading << ": " << said;
    }
    expect_good_end(echo);
  }
}

TEST_F(Loads, two_nodes_count_what_one_sends_them) {
  const Responder broker(BENCH_PMD_LOAD, {"broker"});
  for (const char* threading : {"inlined", "dispatcher", "caller"}) {
    const Words options{"--broker", broker.address()};
    std::array<Responder, 2> sinks{Responder(BENCH_NODE, with("sink", options, {"--threading", threading})),
                                   Responder(BENCH_NODE, with("sink", options, {"--threading", threading}))};
    const std::string both = sinks[0].address() + ',' + sinks[1].address();
    const std::string said = drive("run 1001\\n", BENCH_NODE, with("source", options, {"--connect", both}));
    EXPECT_TRUE(said.starts_with("sent ")) << threading << ": " << said;
    std::size_t count = 0;
    for (Responder& sink : sinks) {
      ASSERT_TRUE(sink.process().wait_for_output("done "));
      count += count_told(sink.process());
      expect_good_end(sink);
    }
    EXPECT_EQ(count, 1001U) << threading;
  }
}

TEST_F(Loads, threads_of_an_application_send_to_a_sink_that_counts_all_of_theirs) {
  const Responder broker(BENCH_PMD_LOAD, {"broker"});
  const Words options{"--broker", broker.address(), "--threads", "3"};
  Responder sink(BENCH_NODE, with("sink", options, {"--threading", "inlined"}));
  const std::string said = drive("run 1001\\n", BENCH_NODE,
                                 with("source", options, {"--threading", "inlined", "--connect", sink.address()}));
  EXPECT_TRUE(said.starts_with("sent ")) << said;
  ASSERT_TRUE(sink.process().wait_for_output("done "));
  EXPECT_EQ(count_told(sink.process()), 1001U);
  expect_good_end(sink);
}

TEST_F(Loads, requests_are_asked_one_by_one_and_many_at_once) {
  const Responder broker(BENCH_PMD_LOAD, {"broker"});
  for (const Words& way : {Words{}, Words{"--tcp"}}) {
    const Words options = with("--broker", {broker.address()}, way);
    Responder echo(BENCH_MESSAGING, with("echo", options));
    const Words connected = with("--connect", {echo.address()}, options);
    const std::string one_by_one = drive("run 1000\\n", BENCH_MESSAGING, with("ping", connected));
    EXPECT_EQ(take_times(one_by_one), 1000U) << one_by_one;
    const std::string many = drive("run 5000\\nrun 1\\n", BENCH_MESSAGING, with("source", connected));
    EXPECT_TRUE(has_both_took(many)) << many;
    expect_good_end(echo);
  }
}

TEST_F(Loads, each_subscriber_counts_all_that_is_published) {
  const Responder broker(BENCH_PMD_LOAD, {"broker"});
  const Words options{"--published", "--broker", broker.address()};
  std::array<Responder, 2> sinks{Responder(BENCH_MESSAGING, with("sink", options)),
                                 Responder(BENCH_MESSAGING, with("sink", options))};
  const std::string both = sinks[0].address() + ',' + sinks[1].address();
  const std::string said = drive("run 20001\\n", BENCH_MESSAGING, with("source", options, {"--connect", both}));
  EXPECT_TRUE(said.starts_with("sent ")) << said;
  for (Responder& sink : sinks) {
    ASSERT_TRUE(sink.process().wait_for_output("done "));
    EXPECT_EQ(count_told(sink.process()), 20001U);
    expect_good_end(sink);
  }
}

TEST_F(Loads, a_swarm_gets_its_echoes_from_a_node) {
  const Responder broker(BENCH_PMD_LOAD, {"broker"});
  Result<NodeRuntime> node = NodeRuntime::start({.alias = "echo", .pmd_port = broker.port(), .start_pmd = false});
  ASSERT_TRUE(node) << node.error().message();
  node->on_message([&](const Message& message) { node->send(message.from, raw_json(message.payload)); });
  expect_echoes({"--broker", broker.address(), "--connect", "echo"});
  EXPECT_TRUE(node->shutdown());
}

TEST_F(Loads, an_echo_owes_every_answer_however_many_wait_to_be_sent) {
  const Responder broker(BENCH_PMD_LOAD, {"broker"});
  const Responder echo(BENCH_NODE, {"echo", "--broker", broker.address()});
  // Far more than the kernel takes of a node's answers before the swarm, which asks first, reads them.
  const std::string said = drive("run 300\\n", BENCH_SWARM,
                                 {"swarm", "--connections", "300", "--payload", "100000", "--broker", broker.address(),
                                  "--connect", echo.address()});
  EXPECT_TRUE(said.starts_with("took ")) << said;
}

TEST_F(Loads, a_pmd_is_loaded_in_each_way) {
  const Responder broker(BENCH_PMD_LOAD, {"broker"});
  for (const char* work :
       {"resolve_pipelined", "resolve_connection", "register", "heartbeat", "list", "fan_out", "register"}) {
    const std::string said =
        drive("run 101\\nrun 3\\n", BENCH_PMD_LOAD,
              {"solo", "--broker", broker.address(), "--work", work, "--entries", "10", "--watchers", "5"});
    EXPECT_TRUE(has_both_took(said)) << work << ": " << said;
  }
}

TEST_F(Loads, epmd_is_asked) {
  if (run_process("/bin/sh", {"-c", "command -v epmd"}).exit_code != 0) GTEST_SKIP() << "epmd is not installed";
  {
    const Responder broker(BENCH_EPMD_LOAD, {"broker"});
    EXPECT_NE(broker.port(), 4369);
    const std::string said = drive("run 10\\nrun 3\\n", BENCH_EPMD_LOAD, {"solo", "--broker", broker.address()});
    EXPECT_TRUE(has_both_took(said)) << said;
  }
  // What said that epmd was ready may still be about to end.
  while (::waitpid(-1, nullptr, 0) > 0) {
  }
}

TEST_F(Loads, a_node_starts_with_its_pmd_and_both_end) {
  const std::string said = drive("run 2\\nrun 1\\n", BENCH_START, {"solo"});
  EXPECT_TRUE(has_both_took(said)) << said;
}

TEST_F(Loads, parts_do_their_work) {
  for (const char* part :
       {"mailbox_single", "mailbox_runs", "moodycamel_single", "moodycamel_runs", "ring_single", "ring_runs",
        "decode_template", "decode_document", "decode_sax", "pick_least", "pick_round_robin", "pick_sticky"}) {
    const std::string said = drive("run 1000\\nrun 33\\n", BENCH_PARTS, {"solo", "--part", part});
    EXPECT_TRUE(has_both_took(said)) << part << ": " << said;
  }
}

TEST_F(Loads, parts_do_their_work_across_threads) {
  for (const char* part : {"mailbox_runs", "moodycamel_runs", "ring_runs"}) {
    const std::string said = drive("run 1000\\nrun 33\\n", BENCH_PARTS, {"solo", "--part", part, "--across"});
    EXPECT_TRUE(has_both_took(said)) << part << ": " << said;
  }
}

}  // namespace
}  // namespace distflow::test
