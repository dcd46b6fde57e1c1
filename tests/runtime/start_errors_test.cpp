// What start() says when a node does not start: which of the reasons it is, and the places and names.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>
#include <type_traits>
#include <vector>

#include <distflow/node_runtime.hpp>

#include "runtime/node/pmd_starter.hpp"
#include "tests/support/backends.hpp"
#include "tests/support/child.hpp"
#include "tests/support/cluster.hpp"
#include "tests/support/sockets.hpp"

namespace distflow::test {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

using Started = Result<NodeRuntime, StartError>;

static_assert(std::is_trivially_copyable_v<Error>, "each call may give one");

Started start_at(std::uint16_t pmd_port, NodeOptions options = {}) {
  options.pmd_host = "127.0.0.1";
  options.pmd_port = pmd_port;
  options.backend = std::string(chosen_socket_backend().name);
  return NodeRuntime::start(options);
}

std::string at(std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); }

TEST(StartErrors, where_nothing_listens_it_names_the_place_and_what_the_system_says) {
  const SilentPort nobody;
  const Started node = start_at(nobody.port(), {.start_pmd = false, .start_deadline = 1s});
  ASSERT_FALSE(node);
  EXPECT_EQ(node.error(), Errc::pmd_unreachable);
  EXPECT_THAT(node.error().message(),
              AllOf(HasSubstr("looking for a PMD: no PMD answers"), HasSubstr("distflow pmd start"),
                    HasSubstr("(PMD at " + at(nobody.port()) + "; the last attempt: connecting: Connection refused"),
                    HasSubstr("start_pmd is off")));
}

TEST(StartErrors, what_listens_and_does_not_speak_is_told_from_no_pmd) {
  const RawSocket silent = RawSocket::listening();
  const Started node = start_at(silent.port(), {.start_deadline = 1s});
  ASSERT_FALSE(node);
  EXPECT_EQ(node.error(), Errc::pmd_silent);
  EXPECT_THAT(node.error().message(), AllOf(HasSubstr("something listens there and does not answer"),
                                            HasSubstr("(PMD at " + at(silent.port()) + ")")));
}

TEST(StartErrors, what_speaks_another_protocol_is_named_with_its_place) {
  SocketCluster cluster;
  RawSocket stranger = RawSocket::listening();
  TestNode& node = cluster.add_node_without_waiting({.pmd_port = stranger.port(), .start_deadline = 1h});
  RawSocket connection;
  turn_some(cluster.reactor());
  connection = stranger.accept();
  ASSERT_TRUE(connection.send("220 mail.example ESMTP\r\n"));
  ASSERT_TRUE(cluster.turn_until([&] { return node.started.has_value(); }));
  EXPECT_EQ(node.started->error(), Errc::not_a_pmd);
  EXPECT_THAT(node.started->error().message(), HasSubstr("(PMD at " + at(stranger.port()) + ")"));
}

// Every number of descriptors that is too small for some step of the start: creating the loop, listening, connecting.
TEST(StartErrors, without_descriptors_it_says_so_wherever_they_run_out) {
  const SilentPort nobody;
  std::array<int, 2> enough{};  // the child writes there that it had enough
  ASSERT_EQ(::pipe2(enough.data(), O_NONBLOCK), 0);
  rlim_t more = 0;
  for (char byte = 0; more < 64 && ::read(enough[0], &byte, 1) < 0; ++more) {
    EXPECT_TRUE(passes_in_child([&] {
      const int first_free = ::dup(0);
      ::close(first_free);
      const rlimit few{static_cast<rlim_t>(first_free) + more, static_cast<rlim_t>(first_free) + more};
      ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
      const Started node = start_at(nobody.port(), {.start_pmd = false, .start_deadline = 1s});
      ASSERT_FALSE(node);
      if (node.error() == Errc::pmd_unreachable) {
        ASSERT_EQ(::write(enough[1], "y", 1), 1);
        return;
      }
      EXPECT_EQ(node.error().code, std::errc::too_many_files_open) << node.error().message();
      EXPECT_THAT(node.error().message(), HasSubstr("ulimit -n"));
    })) << more
        << " descriptors";
  }
  EXPECT_GE(more, 3U) << "the loop's own, the listener, the connection";
  EXPECT_LT(more, 64U);
  ::close(enough[0]);
  ::close(enough[1]);
}

TEST(StartErrors, an_alias_in_use_is_told_with_its_holder) {
  Cluster cluster;
  TestNode& holder = cluster.add_node({.alias = "pong"});
  TestNode& node = cluster.add_node({.alias = "pong"});
  ASSERT_FALSE(*node.started);
  EXPECT_EQ(node.started->error(), Errc::alias_in_use);
  EXPECT_THAT(node.started->error().message(),
              AllOf(HasSubstr("PMD at " + at(cluster.pmd_port())),
                    HasSubstr("alias \"pong\" is held by node " + holder->node_id() + " at " + at(holder->port()))));
}

TEST(StartErrors, a_registration_that_is_refused_is_told_in_the_pmds_words) {
  pmd::ServerOptions small;
  small.registry.entries_max = 1;
  Cluster cluster(small);
  cluster.add_node({.alias = "first"});
  TestNode& node = cluster.add_node({.alias = "second"});
  ASSERT_FALSE(*node.started);
  EXPECT_EQ(node.started->error(), Errc::registration_refused);
  EXPECT_THAT(node.started->error().message(),
              HasSubstr("PMD at " + at(cluster.pmd_port()) + " says: Registry is full"));
}

TEST(StartErrors, a_port_to_listen_on_that_is_taken_is_named) {
  SocketCluster cluster;
  const RawSocket taken = RawSocket::listening();
  TestNode& node = cluster.add_node({.port = taken.port(), .start_deadline = 1ms});
  ASSERT_FALSE(*node.started);
  EXPECT_EQ(node.started->error().code, std::errc::address_in_use);
  EXPECT_THAT(node.started->error().message(), HasSubstr("(" + at(taken.port()) + ")"));
}

/// Has no program to start.
class NoProgram final : public runtime::PmdStarter {
 public:
  explicit NoProgram(Error why) : why_(why) {}
  void start_pmd(std::function<void(Result<runtime::PmdStart>)> on_outcome) override { on_outcome(why_); }

 private:
  const Error why_;
};

class Variable {
 public:
  Variable(const char* name, const char* value) : name_(name) { ::setenv(name, value, 1); }
  ~Variable() { ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* const name_;
};

TEST(StartErrors, a_program_that_is_not_there_is_told_with_where_it_was_looked_for) {
  Cluster cluster;
  cluster.stop_pmd();
  NoProgram starter(Error{Errc::pmd_not_found, "looking for distflow-pmd"});
  {
    const Variable named("DISTFLOW_PMD", "/nowhere/pmd");
    TestNode& node = cluster.add_node({.start_deadline = 1h}, &starter);
    EXPECT_THAT(node.started->error().message(), HasSubstr("(PMD at " + at(cluster.pmd_port()) +
                                                           "; looked for the program at DISTFLOW_PMD=/nowhere/pmd)"));
  }
  TestNode& node = cluster.add_node({.start_deadline = 1h}, &starter);
  EXPECT_EQ(node.started->error(), Errc::pmd_not_found);
  EXPECT_THAT(
      node.started->error().message(),
      AllOf(HasSubstr("/distflow-pmd"), HasSubstr("in the PATH " + std::string(::getenv("PATH")).substr(0, 20))));
  cluster.start_pmd();
}

TEST(StartErrors, a_program_that_may_not_be_executed_is_told_with_its_path) {
  Cluster cluster;
  cluster.stop_pmd();
  NoProgram starter(Error{std::make_error_code(std::errc::permission_denied), "starting distflow-pmd"});
  const Variable named("DISTFLOW_PMD", "/bin/sh");
  TestNode& node = cluster.add_node({.start_deadline = 1h}, &starter);
  EXPECT_EQ(node.started->error().code, std::errc::permission_denied);
  EXPECT_THAT(node.started->error().message(), HasSubstr("; the program is /bin/sh)"));
  cluster.start_pmd();
}

TEST(StartErrors, a_host_of_another_machine_is_told_with_why_no_pmd_is_started_there) {
  SocketCluster cluster;
  NoProgram starter(Error{Errc::pmd_not_started, "not to be asked"});
  // Of no interface: the system refuses to connect there, or nothing answers.
  TestNode& node = cluster.add_node({.pmd_host = "::ffff:0.0.0.1", .start_deadline = 1s}, &starter);
  ASSERT_FALSE(*node.started);
  EXPECT_THAT(node.started->error().message(), HasSubstr("[::ffff:0.0.0.1]:" + std::to_string(cluster.pmd_port())));
}

TEST(StartErrors, names_that_others_have_chosen_are_escaped) {
  const StartError error(Error{Errc::alias_in_use, "registering"}, "node \x1b[31m\u202e");
  EXPECT_THAT(error.message(), AllOf(HasSubstr("(node \\u{1b}[31m\\u{202e})"), Not(HasSubstr("\x1b"))));
}

TEST(StartErrors, they_convert_to_errors_which_say_less) {
  const Result<int, StartError> failed = StartError(Error{Errc::pmd_silent, "asking"}, "PMD at somewhere");
  const Result<int> less = failed;
  EXPECT_EQ(less.error(), Errc::pmd_silent);
  EXPECT_EQ(less.error().message(), Error(failed.error()).message());
  const Result<void, StartError> more = Result<void>(Error{Errc::refused, "asking"});
  EXPECT_EQ(more.error(), Errc::refused);
  EXPECT_EQ(more.error().message(), "asking: refused by the other side");
}

}  // namespace
}  // namespace distflow::test
