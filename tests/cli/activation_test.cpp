// The daemon takes over the listening socket of a service manager, by the variables that systemd sets.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include "tests/support/process.hpp"
#include "tests/support/sockets.hpp"

namespace distflow::test {
namespace {

using ::testing::HasSubstr;

/// What a service manager does: `variables` are set in the process that becomes the daemon, and `fd` is its
/// descriptor 3. In `variables`, $$ is the daemon's process.
std::vector<std::string> under_a_manager(int fd, const std::string& variables,
                                         const std::vector<std::string>& arguments = {}) {
  const std::string passing = fd < 0 ? " 3<&-" : " 3<&" + std::to_string(fd);
  std::vector<std::string> words{"-c", "export " + variables + "; exec \"$0\" \"$@\"" + passing, DISTFLOW_PMD_PROGRAM};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return words;
}

constexpr const char* kGiven = "LISTEN_PID=$$ LISTEN_FDS=1";

/// A descriptor that the daemon's shell inherits. Shells take redirections of one digit only.
int inherited(const RawSocket& socket) {
  EXPECT_LT(socket.fd(), 10);
  EXPECT_EQ(::fcntl(socket.fd(), F_SETFD, 0), 0);
  return socket.fd();
}

ProcessResult run_given(int fd, const std::string& variables) {
  return run_process("/bin/sh", under_a_manager(fd, variables, {"--port", "0"}));
}

class TakeOver : public ::testing::TestWithParam<const char*> {};

TEST_P(TakeOver, a_listening_socket_is_served_whatever_port_the_options_say) {
  RawSocket listener = RawSocket::listening();
  const std::string port = std::to_string(listener.port());
  ChildProcess daemon("/bin/sh",
                      under_a_manager(inherited(listener), kGiven, {"--port", "1", "--backend", GetParam()}));
  ASSERT_TRUE(daemon.wait_for_output("PMD listening on port " + port + "\n")) << daemon.err();
  const ProcessResult status = run_process(DISTFLOW_CLI, {"pmd", "status", "--json", "--port", port});
  EXPECT_EQ(status.exit_code, 0) << status.err;
  EXPECT_THAT(status.out, HasSubstr("\"pid\":" + std::to_string(daemon.pid())));
  daemon.send_signal(SIGTERM);
  EXPECT_EQ(daemon.wait().exit_code, 0);
}

TEST_P(TakeOver, who_connected_before_the_daemon_ran_is_served) {
  RawSocket listener = RawSocket::listening();
  RawSocket client = RawSocket::connected_to(listener.port());
  client.send(std::string("\0\0\0\x0f", 4) + R"({"type":"list"})");
  ChildProcess daemon("/bin/sh", under_a_manager(inherited(listener), kGiven, {"--backend", GetParam()}));
  ASSERT_TRUE(daemon.wait_for_output("PMD listening")) << daemon.err();
  EXPECT_THAT(client.receive(), HasSubstr(R"("nodes":[])"));
  daemon.send_signal(SIGTERM);
  EXPECT_EQ(daemon.wait().exit_code, 0);
}

INSTANTIATE_TEST_SUITE_P(backends, TakeOver, ::testing::Values("epoll", "auto", "uring"),
                         [](const auto& given) { return std::string(given.param); });

TEST(Activation, the_service_manager_keeps_its_socket_when_the_daemon_ends_and_another_takes_it_over) {
  RawSocket listener = RawSocket::listening();
  for (int i = 0; i < 2; ++i) {
    ChildProcess daemon("/bin/sh", under_a_manager(inherited(listener), kGiven));
    ASSERT_TRUE(daemon.wait_for_output("PMD listening on port " + std::to_string(listener.port())));
    daemon.send_signal(SIGTERM);
    EXPECT_EQ(daemon.wait().exit_code, 0);
  }
}

TEST(Activation, what_is_no_listening_tcp_socket_is_refused_and_named) {
  RawSocket bound;
  bound.bind();
  const RawSocket datagrams(::socket(AF_INET, SOCK_DGRAM, 0));
  const RawSocket local(::socket(AF_UNIX, SOCK_STREAM, 0));
  const RawSocket file(::open("/dev/null", O_RDONLY));
  for (const int fd : {-1, inherited(bound), inherited(datagrams), inherited(local), inherited(file)}) {
    SCOPED_TRACE(fd);
    const ProcessResult result = run_given(fd, kGiven);
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.err, HasSubstr("descriptor 3, of LISTEN_FDS, cannot be taken over as a listening TCP socket: "));
  }
}

TEST(Activation, variables_that_cannot_be_followed_are_refused_and_named) {
  RawSocket listener = RawSocket::listening();
  const int fd = inherited(listener);
  for (const char* variables :
       {"LISTEN_PID=$$ LISTEN_FDS=2", "LISTEN_PID=$$ LISTEN_FDS=0", "LISTEN_PID=$$ LISTEN_FDS=-1",
        "LISTEN_PID=$$ LISTEN_FDS=one", "LISTEN_PID=$$", "LISTEN_PID=me LISTEN_FDS=1"}) {
    SCOPED_TRACE(variables);
    const ProcessResult result = run_given(fd, variables);
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.err, HasSubstr("distflow-pmd: LISTEN_FDS"));
  }
}

// As sd_listen_fds(3) has it: without LISTEN_PID, they were said to a program before this one.
TEST(Activation, a_number_of_descriptors_that_is_said_to_nobody_is_not_followed) {
  RawSocket listener = RawSocket::listening();
  for (const char* variables : {"LISTEN_FDS=1", "LISTEN_FDS=nonsense", "LISTEN_FDNAMES=some"}) {
    SCOPED_TRACE(variables);
    ChildProcess daemon("/bin/sh", under_a_manager(inherited(listener), variables, {"--port", "0"}));
    ASSERT_TRUE(daemon.wait_for_output("PMD listening on port ")) << daemon.err();
    EXPECT_THAT(daemon.out(), Not(HasSubstr(" " + std::to_string(listener.port()) + "\n")));
    daemon.send_signal(SIGTERM);
    EXPECT_EQ(daemon.wait().exit_code, 0);
  }
}

TEST(Activation, a_report_to_the_socket_that_is_taken_over_is_refused) {
  RawSocket listener = RawSocket::listening();
  const ProcessResult result =
      run_process("/bin/sh", under_a_manager(inherited(listener), kGiven, {"--ready-fd", "3"}));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("distflow-pmd: --ready-fd 3 is the listening socket of LISTEN_FDS"));
}

// A node that a service manager has started may start a daemon, which inherits the node's environment.
TEST(Activation, variables_of_another_process_are_not_followed_and_a_line_says_so) {
  RawSocket listener = RawSocket::listening();
  ChildProcess daemon("/bin/sh", under_a_manager(inherited(listener), "LISTEN_PID=1 LISTEN_FDS=1", {"--port", "0"}));
  ASSERT_TRUE(daemon.wait_for_output("PMD listening on port "));
  EXPECT_THAT(daemon.out(), Not(HasSubstr(" " + std::to_string(listener.port()) + "\n")));
  daemon.send_signal(SIGTERM);
  const ProcessResult result = daemon.wait();
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("LISTEN_PID is process 1, not this one"));
}

}  // namespace
}  // namespace distflow::test
