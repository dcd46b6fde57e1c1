// `distflow web`: the address of the PMD's page, which it sees to that there is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/cli/programs.hpp"
#include "tests/support/reserved_port.hpp"
#include "tests/support/sockets.hpp"

namespace distflow::test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

ProcessResult run(std::vector<std::string> words, std::uint16_t port,
                  const std::vector<std::string>& environment = {}) {
  words.insert(words.begin(), "web");
  words.insert(words.end(), {"--port", std::to_string(port)});
  return run_process(DISTFLOW_CLI, words, environment);
}
std::string address_of(const std::string& web_port) { return "http://127.0.0.1:" + web_port + "/\n"; }

/// Whether the page answers at the address.
bool is_page_at(const ReservedPort& page) {
  RawSocket viewer = RawSocket::connected_to(page.number());
  viewer.send("GET /health HTTP/1.1\r\nHost: 127.0.0.1:" + page.text() + "\r\n\r\n");
  return viewer.receive().starts_with("HTTP/1.1 200 OK\r\n");
}

/// Only Linux says who asks, and only a build with the HTTP server has a page.
class CliWeb : public ::testing::Test {
 protected:
  void SetUp() override {
#ifndef __linux__
    GTEST_SKIP() << "the system does not say who asks";
#endif
    if (!DISTFLOW_TEST_HAS_WEB) GTEST_SKIP() << "this build has no HTTP server";
  }
};

TEST_F(CliWeb, a_pmd_that_runs_without_a_page_opens_it_and_is_asked_for_it_again) {
  Daemon daemon;
  const ReservedPort page;
  const ProcessResult opened = run({"--web-port", page.text()}, daemon.port());
  EXPECT_EQ(opened.exit_code, 0) << opened.err;
  EXPECT_EQ(opened.out, address_of(page.text()));
  EXPECT_TRUE(is_page_at(page));
  EXPECT_EQ(run({}, daemon.port()).out, opened.out) << "the one that there is";
}

TEST_F(CliWeb, a_page_that_there_is_already_is_given_with_its_own_port) {
  Daemon daemon({"--web-port", "0"});
  const ReservedPort other;
  const ProcessResult given = run({"--web-port", other.text()}, daemon.port());
  EXPECT_EQ(given.exit_code, 0) << given.err;
  EXPECT_THAT(given.out, StartsWith("http://127.0.0.1:"));
  EXPECT_NE(given.out, address_of(other.text()));
}

TEST_F(CliWeb, without_a_pmd_one_is_started_with_its_page) {
  const ReservedPort pmd;
  const ReservedPort page;
  const ProcessResult started = run({"--web-port", page.text()}, pmd.number());
  EXPECT_EQ(started.exit_code, 0) << started.err;
  EXPECT_EQ(started.out, address_of(page.text()));
  EXPECT_TRUE(is_page_at(page));
  EXPECT_EQ(run_cli({"kill"}, pmd.number()).exit_code, 0);
}

TEST_F(CliWeb, a_port_that_another_has_is_no_address) {
  Daemon daemon;
  const RawSocket holder = RawSocket::listening();
  const std::string port = std::to_string(holder.port());
  const ProcessResult refused = run({"--web-port", port}, daemon.port());
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_EQ(refused.out, "");
  EXPECT_THAT(refused.err, StartsWith("The PMD serves no page: Port " + port + " is in use.\n"));
  EXPECT_THAT(refused.err, HasSubstr("--web-port"));
  const ReservedPort pmd;
  const ProcessResult started = run({"--web-port", port}, pmd.number());
  EXPECT_EQ(started.exit_code, 1);
  EXPECT_EQ(started.out, "");
  EXPECT_THAT(started.err, HasSubstr("It goes on without one."));
  EXPECT_EQ(run_cli({"kill"}, pmd.number()).exit_code, 0);
}

TEST(CliWebOfOthers, a_pmd_of_another_make_is_named_and_how_to_end_it) {
  FakePmdThread peer;
  peer.pmd.script = [&](const protocol::Request& request) {
    if (request.type != protocol::RequestType::web) return peer.pmd.answer_like_typescript(request);
    peer.pmd.send(protocol::error_response(request.raw_request_id, protocol::kUnknownMessageType));
  };
  peer.start();
  const std::string place = " --port " + std::to_string(peer.pmd.port());
  const ProcessResult result = run({}, peer.pmd.port());
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("is of another make or version"));
  EXPECT_THAT(result.err, HasSubstr("'distflow pmd kill --force" + place + "'"));
  EXPECT_THAT(result.err, HasSubstr("'distflow web" + place + "'"));
}

TEST(CliWebOfOthers, without_a_daemon_to_start_and_with_ports_that_are_none_there_is_no_address) {
  const ReservedPort pmd;
  const ProcessResult missing = run({}, pmd.number(), {"DISTFLOW_PMD=/no/such/program"});
  EXPECT_EQ(missing.exit_code, 3);
  EXPECT_THAT(missing.err, HasSubstr("was not found at DISTFLOW_PMD=/no/such/program."));
  for (const char* port : {"0", "70000", "x"}) EXPECT_EQ(run({"--web-port", port}, pmd.number()).exit_code, 2) << port;
}

}  // namespace
}  // namespace distflow::test
