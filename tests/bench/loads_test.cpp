// Each program that measures distflow's parts plays a small block to its end, and leaves no process behind. How fast,
// the director measures.
#include <sys/prctl.h>
#include <sys/wait.h>

#include <cerrno>

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

TEST_F(Loads, a_swarm_gets_its_echoes_from_a_node) {
  const Responder broker(BENCH_PMD_LOAD, {"broker"});
  Result<NodeRuntime> node = NodeRuntime::start({.alias = "echo", .pmd_port = broker.port(), .start_pmd = false});
  ASSERT_TRUE(node) << node.error().message();
  node->on_message([&](const Message& message) { node->send(message.from, raw_json(message.payload)); });
  expect_echoes({"--broker", broker.address(), "--connect", "echo"});
  EXPECT_TRUE(node->shutdown());
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
  for (const char* part : {"mailbox_single", "mailbox_runs", "moodycamel_single", "moodycamel_runs", "ring_single",
                           "ring_runs", "decode_template", "decode_document", "decode_sax"}) {
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
