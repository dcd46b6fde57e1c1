// `distflow doctor` as a program, on the machine that the test runs on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/cli/programs.hpp"

namespace distflow::test {
namespace {

using ::testing::HasSubstr;

ProcessResult run_doctor(std::uint16_t port, std::vector<std::string> words = {}) {
  words.insert(words.begin(), "doctor");
  words.insert(words.end(), {"--port", std::to_string(port)});
  return run_process(DISTFLOW_CLI, words);
}

TEST(CliDoctor, finds_the_node_that_does_not_accept_and_ends_with_no) {
  Daemon daemon;
  const SilentPort silent;
  const RegisteredNode node(daemon.port(), "id-1", "gone", silent.port());
  const ProcessResult result = run_doctor(daemon.port());
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, HasSubstr("Node gone at 127.0.0.1:" + std::to_string(silent.port()) + " does not accept"));
}

TEST(CliDoctor, reaches_the_node_that_accepts) {
  Daemon daemon;
  const RawSocket listener = RawSocket::listening();
  const RegisteredNode node(daemon.port(), "id-1", "here", listener.port());
  EXPECT_THAT(run_doctor(daemon.port()).out, HasSubstr("1 of 1 nodes accept."));
}

TEST(CliDoctor, finds_what_holds_the_port_of_the_pmd) {
  const StrangerThread epmd(std::string("\0\0\x11\x11name rabbit at port 25672\n", 30));
  const ProcessResult result = run_doctor(epmd.port());
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, HasSubstr("Erlang's epmd answers at 127.0.0.1:" + std::to_string(epmd.port())));
  const StrangerThread stranger("");
  EXPECT_THAT(run_doctor(stranger.port()).out, HasSubstr("Another program than a PMD answers"));
}

TEST(CliDoctor, as_json_is_one_object_with_a_verdict_for_each_check) {
  const SilentPort silent;
  const ProcessResult result = run_doctor(silent.port(), {"--json"});
  EXPECT_TRUE(is_one_json_object(result.out)) << result.out;
  for (const char* name : {"pmd", "addresses", "clock", "locks", "ipv6", "descriptors", "ports", "memory", "uring",
                           "congestion", "load"}) {
    EXPECT_THAT(result.out, HasSubstr(std::string(R"({"name":")") + name + R"(","verdict":")"));
  }
}

}  // namespace
}  // namespace distflow::test
