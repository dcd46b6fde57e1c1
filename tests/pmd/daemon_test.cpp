// The program distflow-pmd as a process: options, readiness, signals, exit codes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/memory_pmd.hpp"
#include "tests/support/pmd_requests.hpp"
#include "tests/support/process.hpp"
#include "tests/support/reserved_port.hpp"
#include "tests/support/sockets.hpp"

namespace distflow::pmd {
namespace {

using namespace test;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class RunningDaemon {
 public:
  explicit RunningDaemon(std::vector<std::string> arguments = {}, const std::vector<std::string>& environment = {})
      : process(DISTFLOW_PMD_PROGRAM, with_port(arguments), environment) {
    EXPECT_TRUE(process.wait_for_output("\n"));
    const std::string before = "PMD listening on port ";
    EXPECT_THAT(process.out(), StartsWith(before));
    port = static_cast<std::uint16_t>(std::stoi(process.out().substr(before.size())));
  }

  ProcessResult end() {
    process.send_signal(SIGTERM);
    return process.wait();
  }

  ChildProcess process;
  std::uint16_t port = 0;

 private:
  static std::vector<std::string> with_port(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--port", "0"});
    return arguments;
  }
};

/// Waits for as many bytes as `frame` has in a frame, and gives them without its header.
std::string receive_like(RawSocket& socket, std::string_view frame) {
  std::string bytes;
  while (bytes.size() < frame.size() + framing::kHeaderSize) {
    const std::string more = socket.receive();
    if (more.empty()) break;
    bytes += more;
  }
  return bytes.substr(std::min(bytes.size(), framing::kHeaderSize));
}

ProcessResult run_daemon(const std::vector<std::string>& arguments) {
  return run_process(DISTFLOW_PMD_PROGRAM, arguments);
}

TEST(Daemon, it_says_where_it_listens_and_is_ready_when_it_says_so) {
  RunningDaemon daemon;
  RawSocket node = RawSocket::connected_to(daemon.port);
  node.send(framed(request_text("list")));
  EXPECT_EQ(receive_like(node, kNoNodes), kNoNodes);
}

TEST(Daemon, a_port_that_is_taken_and_answered_by_nobody_is_tried_again) {
  const ReservedPort port;
  RawSocket holder = RawSocket::listening_at(port.number());
  ChildProcess daemon(DISTFLOW_PMD_PROGRAM, {"--port", port.text()});
  RawSocket question = holder.accept();  // the daemon has found the port taken, and asks who has it
  holder.close();
  question.close();
  EXPECT_TRUE(daemon.wait_for_output("PMD listening"));
  daemon.send_signal(SIGTERM);
  EXPECT_EQ(daemon.wait().exit_code, 0);
}

TEST(Daemon, readiness_is_written_to_the_descriptor_given) {
  ChildProcess daemon(DISTFLOW_PMD_PROGRAM, {"--port", "0", "--ready-fd", "2"});
  while (daemon.err().find('\n') == std::string::npos) ASSERT_TRUE(daemon.read_some());
  EXPECT_EQ("PMD listening on port " + daemon.err().substr(6), daemon.out());
  EXPECT_THAT(daemon.err(), StartsWith("ready "));
}

TEST(Daemon, sigterm_and_sigint_end_it_cleanly_with_nodes_connected) {
  for (const int signal : {SIGTERM, SIGINT}) {
    RunningDaemon daemon;
    RawSocket node = RawSocket::connected_to(daemon.port);
    node.send(framed(register_text("id1", "pong", R"(,"caps":["pmd-shutdown"])")));
    EXPECT_EQ(receive_like(node, kSuccess), kSuccess);
    daemon.process.send_signal(signal);
    const std::string farewell = R"({"type":"event","payload":{"event":"pmd:shutdown"}})";
    EXPECT_EQ(receive_like(node, farewell), farewell);
    const ProcessResult result = daemon.process.wait();
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_EQ(result.err, "");
  }
}

TEST(Daemon, a_second_one_on_the_port_says_so_and_what_to_do) {
  RunningDaemon daemon;
  const std::string port = std::to_string(daemon.port);
  const ProcessResult result = run_daemon({"--port", port, "--ready-fd", "1"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.out, "in-use " + port + "\n");
  EXPECT_THAT(result.err,
              HasSubstr("port " + port + " is in use. If a PMD runs there already, there is nothing to do"));
  // Who asks for a page has not got what is wanted when another PMD runs.
  EXPECT_THAT(run_daemon({"--port", port, "--web-port", "1"}).err,
              HasSubstr("If a PMD runs there already, end it first, with `distflow pmd kill --force --port " + port));
}

TEST(Daemon, point_15_erlangs_epmd_on_the_port_is_recognised_and_named) {
  RawSocket epmd = RawSocket::listening();
  const std::uint16_t port = epmd.port();
  std::thread serving([&] {
    // It hangs up on what is no request of its own: the daemon first asks whether a PMD has the port.
    for (int answered = 0; answered < 2;) {
      RawSocket asking = epmd.accept();
      if (asking.receive() != std::string("\0\1n", 3)) continue;
      const std::string answer = {0, 0, static_cast<char>(port >> 8), static_cast<char>(port & 0xff)};
      asking.send(answer + "name rabbit at port 25672\n");
      ++answered;
    }
  });
  const ProcessResult result = run_daemon({"--port", std::to_string(port)});
  serving.join();
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("Erlang's epmd"));
  EXPECT_THAT(result.err, HasSubstr("distflow-pmd --port " + std::to_string(port + 1)));
}

TEST(Daemon, wrong_usage_is_told_from_other_failures) {
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{{"--port", "65536"},
                                                                                         {"--port", "x"},
                                                                                         {"--no-such-option"},
                                                                                         {"--host", "example.org"},
                                                                                         {"--ttl", "0"},
                                                                                         {"--log-level", "loud"},
                                                                                         {"--connections-max", "0"}}) {
    EXPECT_EQ(run_daemon(arguments).exit_code, 2) << arguments[0];
  }
  EXPECT_EQ(run_daemon({"--help"}).exit_code, 0);
}

TEST(Daemon, an_option_that_there_is_none_of_is_named_with_the_one_that_may_be_meant) {
  EXPECT_EQ(run_daemon({"--prot", "0"}).err,
            "Unknown option '--prot'. Did you mean '--port'?\nRun 'distflow-pmd --help' to see what there is.\n");
  EXPECT_THAT(run_daemon({"start"}).err, HasSubstr("Unexpected argument 'start'."));
}

TEST(Daemon, a_backend_that_there_is_none_of_is_wrong_usage_and_the_names_of_all_are_given) {
  const ProcessResult result = run_daemon({"--port", "0", "--backend", "fastest"});
  EXPECT_EQ(result.exit_code, 2);
  for (const char* word : {"--backend", "fastest", "auto", "epoll", "kqueue", "uring"}) {
    EXPECT_THAT(result.err, HasSubstr(word));
  }
}

TEST(Daemon, the_backend_of_its_options_goes_before_that_of_its_environment) {
  const std::vector<std::string> environment{"DISTFLOW_IO=fastest"};
  const ProcessResult by_environment = RunningDaemon({}, environment).end();
  EXPECT_EQ(by_environment.exit_code, 0);
  EXPECT_THAT(by_environment.err, HasSubstr("DISTFLOW_IO"));
  const ProcessResult by_option = RunningDaemon({"--backend", "epoll"}, environment).end();
  EXPECT_EQ(by_option.exit_code, 0);
  EXPECT_EQ(by_option.err, "");
}

TEST(Daemon, an_address_that_is_not_this_machines_is_a_failure) {
  const ProcessResult result = run_daemon({"--port", "0", "--host", "192.0.2.1"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("192.0.2.1"));
}

/// A lower soft limit of descriptors for what is started meanwhile.
class FewDescriptors {
 public:
  explicit FewDescriptors(rlim_t count) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit few{count, before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  }
  FewDescriptors(const FewDescriptors&) = delete;
  FewDescriptors& operator=(const FewDescriptors&) = delete;
  ~FewDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST(Daemon, it_serves_more_connections_than_the_soft_limit_of_its_starter_has_descriptors) {
  std::optional<FewDescriptors> few(24);
  const RunningDaemon daemon;
  few.reset();
  std::vector<RawSocket> nodes;
  for (int i = 0; i < 64; ++i) {
    RawSocket& node = nodes.emplace_back(RawSocket::connected_to(daemon.port));
    node.send(framed(request_text("list")));
    ASSERT_EQ(receive_like(node, kNoNodes), kNoNodes) << i;
  }
}

TEST(Daemon, ttl_and_idle_exit_take_fractions_of_seconds) {
  RunningDaemon daemon({"--ttl", "0.05", "--idle-exit", "0.05"});
  RawSocket node = RawSocket::connected_to(daemon.port);
  node.send(framed(register_text("id1", "pong")) + framed(request_text("watch")) + framed(heartbeat_text("id1")));
  std::string all;
  while (all.find("peer:leave") == std::string::npos) {
    const std::string more = node.receive();
    ASSERT_FALSE(more.empty()) << all;
    all += more;
  }
  node.close();
  EXPECT_EQ(daemon.process.wait().exit_code, 0);
}

}  // namespace
}  // namespace distflow::pmd
