// The system as processes: PMD and nodes that start, die and come back.
#include <dirent.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "base/assert.hpp"
#include "tests/support/process.hpp"
#include "tests/support/reserved_port.hpp"

namespace distflow::test {
namespace {

/// The words of a process, each with a NUL behind it; nothing when it ends meanwhile. A stream would throw then.
std::string command_line_of(const char* pid) {
  std::string words;
  std::FILE* const file = std::fopen((std::string("/proc/") + pid + "/cmdline").c_str(), "r");
  if (file == nullptr) return words;
  std::array<char, 4096> part{};
  while (const std::size_t size = std::fread(part.data(), 1, part.size(), file)) words.append(part.data(), size);
  std::fclose(file);
  return words;
}

/// The processes whose command line is that of a PMD for `port`.
std::vector<pid_t> pmd_processes(std::uint16_t port) {
  const std::string option = std::string("--port\0", 7) + std::to_string(port) + '\0';
  std::vector<pid_t> found;
  DIR* const proc = ::opendir("/proc");
  DF_ASSERT(proc != nullptr);
  while (const dirent* entry = ::readdir(proc)) {
    const std::string words = command_line_of(entry->d_name);
    if (words.find("distflow-pmd") != std::string::npos && words.find(option) != std::string::npos) {
      found.push_back(std::atoi(entry->d_name));
    }
  }
  ::closedir(proc);
  return found;
}

/// The one PMD for `port`, once those that found the port taken have ended; 0 if it does not come to one.
pid_t only_pmd(std::uint16_t port) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (std::chrono::steady_clock::now() < give_up) {
    if (const std::vector<pid_t> pmds = pmd_processes(port); pmds.size() == 1) return pmds.front();
  }
  return 0;
}

/// Sends a signal to a process that is no child of this one, and waits for its end.
void end_process(pid_t pid, int signal) {
  const int handle = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (handle < 0) return;  // it has ended already
  ::kill(pid, signal);
  pollfd entry{.fd = handle, .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&entry, 1, kPatienceMs), 1) << "process " << pid << " does not end";
  ::close(handle);
}

/// A port for the PMD that the nodes of a test start by themselves. Whatever PMD is left is ended with the test.
class PmdPort {
 public:
  PmdPort() = default;
  ~PmdPort() {
    for (const pid_t pid : pmd_processes(number())) end_process(pid, SIGTERM);
  }
  [[nodiscard]] std::string text() const { return port_.text(); }
  [[nodiscard]] std::uint16_t number() const { return port_.number(); }

 private:
  const ReservedPort port_;
};

class NodeProcess {
 public:
  NodeProcess(const PmdPort& port, const std::string& alias, const std::string& to = {})
      : child_(std::make_unique<ChildProcess>(DISTFLOW_TEST_NODE, arguments(port, alias, to),
                                              std::vector<std::string>{"DISTFLOW_PMD=" DISTFLOW_PMD_PROGRAM})) {}

  bool wait_until_ready() {
    const bool is_ready = child_->wait_for_output("ready ");
    if (!is_ready) ADD_FAILURE() << child_->err();
    return is_ready;
  }
  void kill() {
    child_->send_signal(SIGKILL);
    child_->wait();
  }
  /// Ends it in an orderly way, and gives its numbers by their names.
  std::map<std::string, std::uint64_t> end() {
    child_->send_signal(SIGTERM);
    const ProcessResult result = child_->wait();
    EXPECT_EQ(result.exit_code, 0) << result.err;
    std::map<std::string, std::uint64_t> numbers;
    std::istringstream words(result.out.substr(result.out.find("\nsent ")));
    std::uint64_t number = 0;
    for (std::string name; words >> name >> number;) numbers[name] = number;
    return numbers;
  }

 private:
  static std::vector<std::string> arguments(const PmdPort& port, const std::string& alias, const std::string& to) {
    std::vector<std::string> words{"--pmd-port", port.text(), "--alias", alias};
    if (!to.empty()) words.insert(words.end(), {"--to", to});
    return words;
  }
  std::unique_ptr<ChildProcess> child_;
};

/// How many nodes the PMD lists; -1 when none answers.
int registered_nodes(const PmdPort& port) {
  const ProcessResult listed = run_process(DISTFLOW_PROGRAM, {"pmd", "list", "--json", "--port", port.text()});
  if (listed.exit_code != 0) return -1;
  int count = 0;
  for (std::size_t at = listed.out.find("\"nodeId\""); at != std::string::npos;
       at = listed.out.find("\"nodeId\"", at + 1)) {
    ++count;
  }
  return count;
}

bool wait_for_registered(const PmdPort& port, int count) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (registered_nodes(port) != count) {
    if (std::chrono::steady_clock::now() > give_up) return false;
  }
  return true;
}

TEST(System, fifty_nodes_that_start_at_once_without_a_pmd_end_up_with_one) {
  const PmdPort port;
  std::vector<NodeProcess> nodes;
  for (int i = 0; i < 50; ++i) nodes.emplace_back(port, "node" + std::to_string(i));
  for (NodeProcess& node : nodes) ASSERT_TRUE(node.wait_until_ready());
  EXPECT_EQ(registered_nodes(port), 50);
  EXPECT_NE(only_pmd(port.number()), 0);
  for (NodeProcess& node : nodes) node.end();
}

TEST(System, the_pmd_killed_under_traffic_costs_no_message_and_no_peer) {
  const PmdPort port;
  NodeProcess sink(port, "sink");
  ASSERT_TRUE(sink.wait_until_ready());
  NodeProcess source(port, "source", "sink");
  ASSERT_TRUE(source.wait_until_ready());
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(wait_for_registered(port, 2)) << "registered again after the PMD was killed";
    const pid_t pmd = only_pmd(port.number());
    ASSERT_NE(pmd, 0);
    end_process(pmd, SIGKILL);
  }
  ASSERT_TRUE(wait_for_registered(port, 2));

  auto sent = source.end();
  auto received = sink.end();
  EXPECT_GT(sent["sent"], 0u);
  EXPECT_EQ(sent["refused"], 0u);
  EXPECT_EQ(sent["written"], sent["sent"]);
  EXPECT_EQ(received["received"], sent["sent"]);
  EXPECT_EQ(received["out-of-order"], 0u);
  EXPECT_EQ(sent["left"], 0u);
}

TEST(System, a_node_killed_and_restarted_gets_its_alias_back_every_time) {
  const PmdPort port;
  NodeProcess other(port, "other");
  ASSERT_TRUE(other.wait_until_ready());
  const char* rounds = std::getenv("DISTFLOW_RESTARTS");
  for (int i = 0; i < (rounds != nullptr ? std::atoi(rounds) : 200); ++i) {
    NodeProcess node(port, "phoenix");
    ASSERT_TRUE(node.wait_until_ready()) << "restart " << i;
    node.kill();
  }
}

TEST(System, a_pmd_that_was_told_to_end_is_not_started_again) {
  const PmdPort port;
  NodeProcess node(port, "survivor");
  ASSERT_TRUE(node.wait_until_ready());
  const ProcessResult refused = run_process(DISTFLOW_PROGRAM, {"pmd", "kill", "--port", port.text()});
  EXPECT_EQ(refused.exit_code, 1) << "a node is registered";
  EXPECT_NE(refused.err.find("survivor"), std::string::npos);
  const pid_t pmd = only_pmd(port.number());
  ASSERT_NE(pmd, 0);
  EXPECT_EQ(run_process(DISTFLOW_PROGRAM, {"pmd", "kill", "--force", "--port", port.text()}).exit_code, 0);
  end_process(pmd, 0);
  EXPECT_EQ(node.end()["pmd-starts"], 1u) << "its own at the beginning, and none since";
  EXPECT_TRUE(pmd_processes(port.number()).empty());
}

TEST(System, asked_for_squares_another_process_answers_and_says_no_and_is_known_to_be_gone) {
  const PmdPort port;
  const std::vector<std::string> environment{"DISTFLOW_PMD=" DISTFLOW_PMD_PROGRAM};
  const auto ask = [&](std::vector<std::string> words) {
    words.insert(words.end(), {"--pmd-port", port.text()});
    return run_process(DISTFLOW_ASK_PROGRAM, words, environment);
  };
  ChildProcess squares(DISTFLOW_ASK_PROGRAM, {"answer", "--pmd-port", port.text()}, environment);
  ASSERT_TRUE(squares.wait_for_output("answering as squares"));
  EXPECT_EQ(ask({"7", "12", "-3"}).out, "7: 49\n12: 144\n-3: 9\n");
  const ProcessResult denied = ask({"\"seven\"", "{"});
  EXPECT_EQ(denied.exit_code, 1);
  EXPECT_EQ(denied.out, "{: not sent, invalid_json\n\"seven\": denied, may have run\n");
  EXPECT_EQ(ask({"stop"}).exit_code, 0);
  EXPECT_EQ(squares.wait().exit_code, 0);
  EXPECT_EQ(ask({"7"}).out, "7: unresolved, has not run\n");
}

TEST(System, an_example_that_asks_says_how_it_is_used_and_starts_no_node) {
  std::vector<std::string> programs{DISTFLOW_ASK_PROGRAM, DISTFLOW_COROUTINES_PROGRAM};
#ifdef DISTFLOW_ASIO_LOOP_PROGRAM
  programs.emplace_back(DISTFLOW_ASIO_LOOP_PROGRAM);
#endif
  for (const std::string& program : programs) {
    for (const std::vector<std::string>& words : {std::vector<std::string>{}, {"--help"}}) {
      const ProcessResult result = run_process(program, words, {"DISTFLOW_PMD=/no/such/program"});
      EXPECT_EQ(result.exit_code, 2) << program;
      EXPECT_EQ(result.err.find("usage: "), 0U) << program;
    }
  }
}

TEST(System, a_coroutine_waits_for_another_process_and_adds_up_what_it_answers) {
  const PmdPort port;
  const std::vector<std::string> environment{"DISTFLOW_PMD=" DISTFLOW_PMD_PROGRAM};
  ChildProcess coroutines(DISTFLOW_COROUTINES_PROGRAM, {"--pmd-port", port.text(), "1", "2", "3"}, environment);
  ASSERT_TRUE(coroutines.wait_for_output("waiting for squares"));
  const ChildProcess squares(DISTFLOW_ASK_PROGRAM, {"answer", "--pmd-port", port.text()}, environment);
  const ProcessResult result = coroutines.wait();
  EXPECT_EQ(result.out, "waiting for squares\n1: 1, together 1\n2: 4, together 5\n3: 9, together 14\n");
  EXPECT_EQ(result.exit_code, 0);
  const ProcessResult denied =
      run_process(DISTFLOW_COROUTINES_PROGRAM, {"--pmd-port", port.text(), "\"seven\"", "2"}, environment);
  EXPECT_EQ(denied.out, "waiting for squares\n\"seven\": denied\n");
  EXPECT_EQ(denied.exit_code, 1);
}

#ifdef DISTFLOW_ASIO_LOOP_PROGRAM
TEST(System, a_node_and_a_coroutine_of_asio_share_the_thread_of_one_io_context) {
  const PmdPort port;
  const std::vector<std::string> environment{"DISTFLOW_PMD=" DISTFLOW_PMD_PROGRAM};
  ChildProcess asio_loop(DISTFLOW_ASIO_LOOP_PROGRAM, {"--pmd-port", port.text(), "7", "12", "{"}, environment);
  ASSERT_TRUE(asio_loop.wait_for_output("waiting for squares"));
  const ChildProcess squares(DISTFLOW_ASK_PROGRAM, {"answer", "--pmd-port", port.text()}, environment);
  const ProcessResult result = asio_loop.wait();
  EXPECT_EQ(result.out, "waiting for squares\n7: 49\n12: 144\n{: not_sent\n");
  EXPECT_EQ(result.exit_code, 1);
}
#endif

TEST(System, the_jobs_of_a_worker_that_is_killed_are_done_by_the_others) {
  const PmdPort port;
  const std::vector<std::string> environment{"DISTFLOW_PMD=" DISTFLOW_PMD_PROGRAM};
  const std::vector<std::string> work{"work", "--pmd-port", port.text()};
  ChildProcess killed(DISTFLOW_WORKERS_PROGRAM, work, environment);
  ASSERT_TRUE(killed.wait_for_output("works"));
  ChildProcess survivor(DISTFLOW_WORKERS_PROGRAM, work, environment);
  ASSERT_TRUE(survivor.wait_for_output("works"));
  ChildProcess dispatcher(DISTFLOW_WORKERS_PROGRAM, {"2000", "--pmd-port", port.text()}, environment);
  killed.send_signal(SIGKILL);
  const ProcessResult outcome = dispatcher.wait();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  int done = 0;
  std::istringstream lines(outcome.out);
  for (std::string line; std::getline(lines, line);) {
    if (const std::size_t at = line.find(" did "); at != std::string::npos) done += std::stoi(line.substr(at + 5));
  }
  EXPECT_EQ(done, 2000) << outcome.out;
  EXPECT_EQ(survivor.wait().exit_code, 0);
}

TEST(System, a_slow_watcher_of_prices_sees_the_newest_of_each_symbol_and_a_quick_one_sees_all) {
  const PmdPort port;
  const std::vector<std::string> environment{"DISTFLOW_PMD=" DISTFLOW_PMD_PROGRAM};
  ChildProcess quick(DISTFLOW_PRICES_PROGRAM, {"watch", "--pmd-port", port.text()}, environment);
  ASSERT_TRUE(quick.wait_for_output("watching"));
  ChildProcess slow(DISTFLOW_PRICES_PROGRAM, {"watch-slowly", "--pmd-port", port.text()}, environment);
  ASSERT_TRUE(slow.wait_for_output("watching"));
  const ProcessResult feed = run_process(DISTFLOW_PRICES_PROGRAM, {"2", "--pmd-port", port.text()}, environment);
  EXPECT_EQ(feed.exit_code, 0) << feed.err;
  const ProcessResult all = quick.wait();
  const ProcessResult newest = slow.wait();
  for (const ProcessResult* outcome : {&all, &newest}) {
    EXPECT_EQ(outcome->exit_code, 0) << outcome->err;
    for (const char* symbol : {"ABC", "DEF", "GHI"}) {
      const std::string last = std::string(R"({"symbol":")") + symbol + R"(","price":300})";
      EXPECT_NE(outcome->out.find(last), std::string::npos) << outcome->out;
    }
  }
  EXPECT_NE(all.out.find("saw 900 of 900 prices, 0 were conflated"), std::string::npos) << all.out;
  EXPECT_NE(newest.out.find(" of 900 prices"), std::string::npos) << newest.out;
}

TEST(System, ping_hears_every_pong) {
  const PmdPort port;
  const std::vector<std::string> environment{"DISTFLOW_PMD=" DISTFLOW_PMD_PROGRAM};
  ChildProcess pong(DISTFLOW_PONG_PROGRAM, {"--pmd-port", port.text()}, environment);
  ASSERT_TRUE(pong.wait_for_output("pong is ready"));
  const ProcessResult ping =
      run_process(DISTFLOW_PING_PROGRAM, {"--pmd-port", port.text(), "--count", "200"}, environment);
  EXPECT_EQ(ping.exit_code, 0) << ping.out << ping.err;
  EXPECT_NE(ping.out.find("200 PINGs sent, 200 PONGs came"), std::string::npos);
  pong.send_signal(SIGTERM);
  EXPECT_EQ(pong.wait().exit_code, 0);
}

}  // namespace
}  // namespace distflow::test
