// `distflow pmd start`: one PMD in the background, whoever else starts one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/cli/programs.hpp"
#include "tests/support/reserved_port.hpp"
#include "tests/support/sockets.hpp"

namespace distflow::test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

bool ends_with_a_kill(std::uint16_t port) { return run_cli({"kill", "--force"}, port).exit_code == 0; }

// The test reads the starter's output to its end: a daemon that had inherited it would hang the test.
TEST(CliStart, leaves_a_pmd_in_the_background_and_says_which_port) {
  const ReservedPort reserved;
  const std::uint16_t port = reserved.number();
  const ProcessResult started = run_cli({"start"}, port);
  EXPECT_EQ(started.exit_code, 0) << started.err;
  EXPECT_THAT(started.out, HasSubstr("PMD started on port " + std::to_string(port)));
  EXPECT_EQ(run_cli({"status"}, port).exit_code, 0);
  EXPECT_TRUE(ends_with_a_kill(port));
}

TEST(CliStart, says_no_when_one_is_running_already) {
  Daemon daemon;
  const ProcessResult result = run_cli({"start"}, daemon.port());
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("running already at 127.0.0.1:" + std::to_string(daemon.port())));
}

TEST(CliStart, a_port_is_free_again_once_kill_has_returned) {
  const ReservedPort reserved;
  const std::uint16_t port = reserved.number();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(run_cli({"start"}, port).exit_code, 0);
    EXPECT_TRUE(ends_with_a_kill(port));
  }
}

TEST(CliStart, point_16_of_many_started_at_once_one_survives) {
  const ReservedPort reserved;
  const std::uint16_t port = reserved.number();
  std::vector<std::unique_ptr<ChildProcess>> starters;
  for (int i = 0; i < 8; ++i) {
    starters.push_back(std::make_unique<ChildProcess>(
        DISTFLOW_CLI, std::vector<std::string>{"pmd", "start", "--port", std::to_string(port)}));
  }
  int started = 0;
  int running_already = 0;
  for (const auto& starter : starters) {
    const int exit_code = starter->wait().exit_code;
    started += exit_code == 0;
    running_already += exit_code == 1;
  }
  EXPECT_EQ(started, 1);
  EXPECT_EQ(running_already, 7);
  EXPECT_TRUE(ends_with_a_kill(port));
}

TEST(CliStart, passes_its_options_to_the_daemon) {
  const ReservedPort reserved;
  const std::uint16_t port = reserved.number();
  ASSERT_EQ(run_cli({"start", "--idle-exit", "0.001", "--ttl", "5", "--log-level", "error"}, port).exit_code, 0);
  int exit_code = 0;
  for (int i = 0; i < 1000 && exit_code == 0; ++i) exit_code = run_cli({"status"}, port).exit_code;
  EXPECT_EQ(exit_code, 3);
}

TEST(CliStart, starts_a_pmd_with_its_page_and_says_where_it_is) {
  const ReservedPort reserved;
  const ReservedPort page;
  const std::uint16_t port = reserved.number();
  const std::string web_port = page.text();
  const std::string remedy = " --web-port " + web_port + "' by hand";
  EXPECT_THAT(run_cli({"start", "--web-port", web_port}, port, {"DISTFLOW_PMD=/bin/true"}).err, HasSubstr(remedy));
  if (!DISTFLOW_TEST_HAS_WEB) GTEST_SKIP() << "this build has no HTTP server";
  const ProcessResult started = run_cli({"start", "--web-port", web_port}, port);
  EXPECT_THAT(started.out, HasSubstr("Its page: http://127.0.0.1:" + web_port + "/\n"));
  RawSocket viewer = RawSocket::connected_to(page.number());
  viewer.send("GET /health HTTP/1.1\r\nHost: 127.0.0.1:" + web_port + "\r\n\r\n");
  EXPECT_THAT(viewer.receive(), StartsWith("HTTP/1.1 "));
  EXPECT_TRUE(ends_with_a_kill(port));
}

TEST(CliStart, names_no_page_at_a_port_that_another_program_holds) {
  if (!DISTFLOW_TEST_HAS_WEB) GTEST_SKIP() << "this build has no HTTP server";
  const ReservedPort reserved;
  const RawSocket holder = RawSocket::listening();
  const ProcessResult started = run_cli({"start", "--web-port", std::to_string(holder.port())}, reserved.number());
  EXPECT_EQ(started.exit_code, 0);
  EXPECT_EQ(started.out.find("page"), std::string::npos) << started.out;
  EXPECT_THAT(started.err, StartsWith("It does not serve its page yet, and tries again each second: "));
  EXPECT_TRUE(ends_with_a_kill(reserved.number()));
}

TEST(CliStart, says_what_to_do_when_there_is_no_daemon_to_start) {
  const ReservedPort reserved;
  const std::uint16_t port = reserved.number();
  const ProcessResult missing = run_cli({"start"}, port, {"DISTFLOW_PMD=/no/such/program"});
  EXPECT_EQ(missing.exit_code, 3);
  EXPECT_THAT(missing.err, HasSubstr("was not found at DISTFLOW_PMD=/no/such/program."));

  const ProcessResult useless = run_cli({"start"}, port, {"DISTFLOW_PMD=/bin/true"});
  EXPECT_EQ(useless.exit_code, 3);
  EXPECT_THAT(useless.err, HasSubstr("'distflow-pmd --port " + std::to_string(port) + "' by hand"));
}

}  // namespace
}  // namespace distflow::test
