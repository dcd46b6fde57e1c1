// The option --web-port of the program distflow-pmd, over real sockets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <string>

#include "tests/support/node_frames.hpp"
#include "tests/support/process.hpp"
#include "tests/support/reserved_port.hpp"
#include "tests/support/sockets.hpp"

namespace distflow::pmd {
namespace {

using namespace test;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// The answer to a GET, whoever it is for: a system that does not say who asks gets 403.
std::string get(std::uint16_t port, const std::string& path) {
  RawSocket socket = RawSocket::connected_to(port);
  socket.send("GET " + path + " HTTP/1.1\r\nHost: localhost:" + std::to_string(port) + "\r\n\r\n");
  return socket.receive_all();
}

TEST(DaemonPage, it_says_where_it_answers_and_ends_with_a_viewer_connected) {
  ChildProcess daemon(DISTFLOW_PMD_PROGRAM, {"--port", "0", "--web-port", "0"});
  const std::string before = "HTTP at http://127.0.0.1:";
  ASSERT_TRUE(daemon.wait_for_output(before));
  ASSERT_TRUE(daemon.wait_for_output("/\n"));
  const auto port =
      static_cast<std::uint16_t>(std::stoi(daemon.out().substr(daemon.out().find(before) + before.size())));
  EXPECT_THAT(get(port, "/health"), ::testing::AnyOf(StartsWith("HTTP/1.1 200 OK\r\n"), StartsWith("HTTP/1.1 403 ")));
  RawSocket viewer = RawSocket::connected_to(port);
  viewer.send("GET /events HTTP/1.1\r\nHost: localhost:" + std::to_string(port) + "\r\n\r\n");
  EXPECT_THAT(viewer.receive(), StartsWith("HTTP/1.1 "));
  RawSocket silent = RawSocket::connected_to(port);
  daemon.send_signal(SIGTERM);
  EXPECT_EQ(daemon.wait().exit_code, 0);
}

TEST(DaemonPage, a_port_that_another_has_keeps_no_node_from_being_served_and_the_page_comes_when_it_is_free) {
  const ReservedPort reserved;
  const std::uint16_t port = reserved.number();
  RawSocket holder = RawSocket::listening_at(port);
  ChildProcess daemon(DISTFLOW_PMD_PROGRAM, {"--port", "0", "--web-port", std::to_string(port)});
  ASSERT_TRUE(daemon.wait_for_output("PMD listening on port "));
  holder.close();
  ASSERT_TRUE(daemon.wait_for_output("HTTP at http://127.0.0.1:" + std::to_string(port) + "/\n"));
  daemon.send_signal(SIGTERM);
  const ProcessResult result = daemon.wait();
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("--web-port " + std::to_string(port) + " is in use"));
}

TEST(DaemonPage, the_port_of_the_pmd_is_none_for_the_page) {
  const std::string port = "4370";  // nobody listens at it
  ChildProcess daemon(DISTFLOW_PMD_PROGRAM, {"--port", port, "--web-port", port});
  const ProcessResult result = daemon.wait();
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("--web-port " + port + " is the port of the PMD (--port): choose another"));
}

/// The payload of the answer to a request for the page.
std::string ask_for_page(std::uint16_t pmd_port, std::uint16_t web_port) {
  RawSocket client = RawSocket::connected_to(pmd_port);
  client.send(frame_of(R"({"type":"web","payload":{"port":)" + std::to_string(web_port) + "}}"));
  const std::string answer = client.receive();
  return answer.substr(std::min(answer.size(), answer.find(R"("payload":)")));
}

TEST(DaemonPage, one_that_runs_opens_its_page_when_its_user_asks_and_ends_with_it) {
#ifndef __linux__
  GTEST_SKIP() << "the system does not say who asks";
#endif
  const std::string before = "PMD listening on port ";
  ChildProcess daemon(DISTFLOW_PMD_PROGRAM, {"--port", "0"});
  ASSERT_TRUE(daemon.wait_for_output("\n"));
  const auto pmd_port = static_cast<std::uint16_t>(std::stoi(daemon.out().substr(before.size())));
  const ReservedPort reserved;
  const std::uint16_t port = reserved.number();
  RawSocket holder = RawSocket::listening_at(port);
  EXPECT_EQ(ask_for_page(pmd_port, port), R"("payload":{"error":"Port )" + std::to_string(port) + R"( is in use"}})");
  EXPECT_THAT(ask_for_page(pmd_port, pmd_port), HasSubstr(" is in use"));
  holder.close();
  const std::string opened = R"("payload":{"success":true,"port":)" + std::to_string(port) + "}}";
  EXPECT_EQ(ask_for_page(pmd_port, port), opened);
  EXPECT_EQ(ask_for_page(pmd_port, 1), opened) << "it has one already";
  EXPECT_THAT(get(port, "/health"), StartsWith("HTTP/1.1 200 OK\r\n"));
  RawSocket viewer = RawSocket::connected_to(port);
  viewer.send("GET /events HTTP/1.1\r\nHost: localhost:" + std::to_string(port) + "\r\n\r\n");
  EXPECT_THAT(viewer.receive(), StartsWith("HTTP/1.1 "));
  daemon.send_signal(SIGTERM);
  const ProcessResult result = daemon.wait();
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, HasSubstr("HTTP at http://127.0.0.1:" + std::to_string(port) + "/\n"));
}

TEST(DaemonPage, a_daemon_without_its_port_ends_when_it_is_told_to) {
  RawSocket holder = RawSocket::listening();
  ChildProcess daemon(DISTFLOW_PMD_PROGRAM, {"--port", "0", "--web-port", std::to_string(holder.port())});
  ASSERT_TRUE(daemon.wait_for_output("PMD listening on port "));
  daemon.send_signal(SIGTERM);
  EXPECT_EQ(daemon.wait().exit_code, 0);
}

}  // namespace
}  // namespace distflow::pmd
