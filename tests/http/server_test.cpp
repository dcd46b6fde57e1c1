// The HTTP server on a network in memory: its bounds, its deadlines, and who is refused. Time passes in advance() only.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <vector>

#include "tests/http/server_fixture.hpp"

namespace distflow::http {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

TEST_F(HttpServer, a_request_is_answered_and_its_connection_ends) {
  const PeerId peer = peers->connect();
  const std::string answer = peers->ask(peer, peers->get("/"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\nContent-Length: 6\r\n\r\nhello\n"));
  EXPECT_TRUE(network->is_closed(peer));
  EXPECT_EQ(server->counters().requests, 1u);
}

TEST_F(HttpServer, every_answer_says_what_a_browser_may_do_with_it_and_none_lets_other_pages_read_it) {
  const std::vector<std::string> answers = {
      peers->ask(peers->connect(), peers->get("/")), peers->ask(peers->connect(), "POST / HTTP/1.1\r\n\r\n"),
      peers->ask(peers->connect(), "?\n"), peers->ask(peers->connect(), peers->get("/events"))};
  for (const std::string& answer : answers) {
    EXPECT_THAT(answer, HasSubstr("\r\nContent-Security-Policy: default-src 'none';")) << answer;
    EXPECT_THAT(answer, HasSubstr("frame-ancestors 'none'")) << answer;
    EXPECT_THAT(answer, HasSubstr("\r\nX-Content-Type-Options: nosniff\r\n")) << answer;
    EXPECT_THAT(answer, HasSubstr("\r\nCross-Origin-Resource-Policy: same-origin\r\n")) << answer;
    EXPECT_THAT(answer, Not(HasSubstr("Access-Control"))) << answer;
  }
}

TEST_F(HttpServer, a_request_is_the_same_however_it_is_cut) {
  const std::string whole = peers->get("/");
  for (std::size_t cut = 1; cut < whole.size(); ++cut) {
    const PeerId peer = peers->connect();
    peers->write(peer, whole.substr(0, cut));
    EXPECT_THAT(peers->ask(peer, whole.substr(cut)), StartsWith("HTTP/1.1 200 OK")) << cut;
  }
}

TEST_F(HttpServer, what_may_not_be_answered_reaches_no_handler) {
  const std::string host = "Host: localhost:4370\r\n";
  EXPECT_THAT(peers->ask(peers->connect(), "GET / HTTP/1.1\r\nHost: evil.example:4370\r\n\r\n"),
              StartsWith("HTTP/1.1 421 "));
  EXPECT_THAT(peers->ask(peers->connect(), peers->get("/", "Origin: http://evil.example\r\n")),
              StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(peers->ask(peers->connect(), "POST / HTTP/1.1\r\n" + host + "\r\n"), StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(peers->ask(peers->connect(io::PeerOwner::user(1002)), peers->get("/")), StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(peers->ask(peers->connect(io::PeerOwner()), peers->get("/events")), StartsWith("HTTP/1.1 403 "));
  EXPECT_EQ(server->counters().not_allowed, 5u);
  EXPECT_THAT(peers->ask(peers->connect(), "GET / HTTP/1.1\n\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(peers->ask(peers->connect(), "GET /" + std::string(2 * kHeadSizeMax, 'a')), StartsWith("HTTP/1.1 431 "));
  EXPECT_EQ(server->counters().malformed, 2u);
  EXPECT_EQ(handled, 0);
}

TEST_F(HttpServer, an_answer_of_one_user_opens_nothing_for_another) {
  EXPECT_THAT(peers->ask(peers->connect(), peers->get("/")), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(peers->ask(peers->connect(io::PeerOwner::user(1002)), peers->get("/")), StartsWith("HTTP/1.1 403 "));
}

TEST_F(HttpServer, who_sends_a_byte_now_and_then_is_closed_when_the_time_for_a_request_is_over) {
  const PeerId slow = peers->connect();
  const PeerId silent = peers->connect();
  for (int second = 1; second <= 4; ++second) {
    peers->write(slow, second == 1 ? "GET / HTTP/1.1\r\n" : "X: y\r\n");
    advance(base::seconds(1));
  }
  EXPECT_FALSE(network->is_closed(slow));
  advance(base::seconds(1) + base::milliseconds(2));
  EXPECT_TRUE(network->is_closed(slow));
  EXPECT_TRUE(network->is_closed(silent));
  EXPECT_EQ(server->counters().too_slow, 2u);
  EXPECT_EQ(server->connection_count(), 0u);
}

TEST_F(HttpServer, half_a_request_whose_sender_goes_leaves_nothing_behind) {
  const PeerId peer = peers->connect();
  peers->write(peer, "GET / HT");
  network->end(peer);
  turn();
  EXPECT_TRUE(network->is_closed(peer));
  EXPECT_EQ(server->answer_backlog(), 0u);
  EXPECT_THAT(peers->answer_to("/"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServer, who_does_not_take_its_answer_is_closed) {
  const PeerId peer = peers->connect();
  network->set_window(peer, 10);
  peers->write(peer, peers->get("/"));
  advance(base::seconds(29));
  EXPECT_FALSE(network->is_closed(peer));
  advance(base::seconds(2));
  EXPECT_TRUE(network->is_closed(peer));
  EXPECT_EQ(server->counters().not_taken, 1u);
}

TEST_F(HttpServer, a_refusal_is_kept_for_who_goes_on_sending_and_no_longer_than_that) {
  const PeerId peer = peers->connect();
  EXPECT_THAT(peers->ask(peer, "?\n"), StartsWith("HTTP/1.1 400 "));
  peers->write(peer, std::string(3 * kHeadSizeMax, 'x'));
  EXPECT_FALSE(network->is_closed(peer));
  advance(base::seconds(1) + base::milliseconds(2));
  EXPECT_TRUE(network->is_closed(peer));
  EXPECT_EQ(server->counters().too_slow, 0u);
}

TEST_F(HttpServer, who_has_ended_its_own_direction_is_still_answered) {
  const PeerId peer = peers->connect();
  network->write(peer, peers->get("/"));
  network->end(peer);
  turn();
  EXPECT_THAT(network->take(peer), StartsWith("HTTP/1.1 200 "));
  const PeerId refused = peers->connect();
  network->write(refused, "?\n");
  network->end(refused);
  turn();
  EXPECT_THAT(network->take(refused), StartsWith("HTTP/1.1 400 "));
  EXPECT_TRUE(network->is_closed(refused));
}

TEST_F(HttpServer, a_connection_beyond_the_bound_is_closed_at_once_and_counted) {
  restart({.users = {}, .connection_count_max = 2});
  peers->connect();
  const PeerId second = peers->connect();
  const PeerId third = peers->connect();
  EXPECT_TRUE(network->is_closed(third));
  EXPECT_EQ(server->counters().connections_refused, 1u);
  EXPECT_THAT(peers->ask(second, peers->get("/")), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(peers->ask(peers->connect(), peers->get("/")), StartsWith("HTTP/1.1 200 ")) << "there is room again";
}

TEST_F(HttpServer, a_user_without_a_connection_gets_one_of_a_user_with_more_than_its_share) {
  restart({.users = {1001, 1002}, .connection_count_max = 4});
  const PeerId first = peers->connect(io::PeerOwner::user(1001));
  const PeerId stuck = peers->connect(io::PeerOwner::user(1001));
  network->set_window(stuck, 0);
  peers->write(stuck, peers->get("/"));
  for (int i = 0; i < 2; ++i) peers->connect(io::PeerOwner::user(1001));
  const PeerId root = peers->connect();
  EXPECT_FALSE(network->is_closed(root));
  EXPECT_FALSE(network->is_closed(first)) << "a newer one has no answer, either";
  const PeerId second = peers->connect();
  EXPECT_FALSE(network->is_closed(second));
  EXPECT_EQ(server->counters().displaced, 2u);
  EXPECT_FALSE(network->is_closed(first));
  EXPECT_FALSE(network->is_closed(stuck));
  EXPECT_TRUE(network->is_closed(peers->connect())) << "it has its share";
  EXPECT_TRUE(network->is_closed(peers->connect(io::PeerOwner::user(1001)))) << "so has the other";
  EXPECT_TRUE(network->is_closed(peers->connect(io::PeerOwner::user(1003)))) << "nobody who may ask";
  EXPECT_EQ(server->counters().connections_refused, 3u);
  peers->connect(io::PeerOwner::user(1002));
  EXPECT_EQ(server->counters().displaced, 3u);
  EXPECT_THAT(peers->ask(root, peers->get("/")), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServer, a_user_without_a_stream_gets_one_of_a_user_with_more_than_its_share) {
  restart({.users = {1001}, .stream_count_max = 2});
  const auto stream_of = [this](std::uint32_t user) {
    const PeerId peer = peers->connect(io::PeerOwner::user(user));
    EXPECT_THAT(peers->ask(peer, peers->get("/events")), StartsWith("HTTP/1.1 "));
    return peer;
  };
  const PeerId first = stream_of(1001);
  const PeerId second = stream_of(1001);
  const PeerId root = stream_of(0);
  EXPECT_FALSE(network->is_closed(first));
  EXPECT_TRUE(network->is_closed(second));
  EXPECT_FALSE(network->is_closed(root));
  EXPECT_EQ(server->stream_count(), 2u);
  EXPECT_EQ(server->counters().answers_displaced, 1u);
  stream_of(1001);
  stream_of(0);
  EXPECT_EQ(server->counters().streams_refused, 2u) << "each has its share";
  push("data: 1\n\n");
  EXPECT_THAT(network->take(root), HasSubstr("data: 1"));
}

TEST_F(HttpServer, a_request_whose_sender_has_ended_takes_no_stream_of_another) {
  restart({.users = {1001}, .stream_count_max = 2, .answer_backlog_max = 1});
  for (int i = 0; i < 2; ++i) peers->ask(peers->connect(io::PeerOwner::user(1001)), peers->get("/events"));
  ASSERT_EQ(server->stream_count(), 2u);
  const PeerId stuck = begin_stuck("/");
  turn();
  const PeerId root = peers->connect();
  peers->write(root, peers->get("/events"));
  network->end(root);
  turn();
  network->set_window(stuck, 1000000);
  turn();
  EXPECT_EQ(server->counters().gone, 1u);
  EXPECT_EQ(server->counters().answers_displaced, 0u);
  EXPECT_EQ(server->stream_count(), 2u);
}

TEST_F(HttpServer, closing_ends_whatever_is_under_way) {
  peers->connect();
  stream();
  const PeerId stuck = peers->connect();
  network->set_window(stuck, 0);
  peers->write(stuck, peers->get("/"));
  EXPECT_EQ(server->connection_count(), 3u);
}

TEST_F(HttpServer, what_comes_behind_a_request_changes_nothing_however_it_is_cut) {
  const PeerId together = peers->connect();
  EXPECT_THAT(peers->ask(together, peers->get("/") + "x"), StartsWith("HTTP/1.1 200 "));
  const PeerId apart = peers->connect();
  network->set_window(apart, 0);
  peers->write(apart, peers->get("/"));
  peers->write(apart, "x\n y");
  network->set_window(apart, 1000);
  turn();
  EXPECT_THAT(network->take(apart), StartsWith("HTTP/1.1 200 "));
  EXPECT_FALSE(network->is_closed(together)) << "it may go on sending, which would take the answer back";
  advance(base::seconds(1) + base::milliseconds(2));
  EXPECT_TRUE(network->is_closed(together));
  EXPECT_TRUE(network->is_closed(apart));
  EXPECT_EQ(handled, 2);
}

TEST_F(HttpServer, a_request_that_is_refused_for_its_body_is_answered_however_much_of_the_body_has_come) {
  const std::string sent(200'000, 'x');
  const std::string length = "Content-Length: " + std::to_string(sent.size()) + "\r\n";
  const PeerId peer = peers->connect();
  EXPECT_THAT(peers->ask(peer, peers->get("/", length) + sent), StartsWith("HTTP/1.1 413 "));
  EXPECT_FALSE(network->is_closed(peer));
}

TEST_F(HttpServer, head_is_refused_without_a_body) {
  const std::string answer = peers->ask(peers->connect(), "HEAD / HTTP/1.1\r\nHost: localhost:4370\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST_F(HttpServer, localhost_is_its_name_only_where_nobody_else_can_have_the_address_that_browsers_try_first) {
  EXPECT_THAT(peers->answer_to("/"), StartsWith("HTTP/1.1 200 ")) << "it has ::1";
  restart_without_ipv6(EADDRNOTAVAIL);
  EXPECT_THAT(peers->answer_to("/"), StartsWith("HTTP/1.1 200 ")) << "nobody can have ::1";
  restart_without_ipv6(EADDRINUSE);
  EXPECT_THAT(peers->answer_to("/"), StartsWith("HTTP/1.1 421 ")) << "somebody else has ::1";
  EXPECT_THAT(peers->answer_to("/"), EndsWith("Ask for http://127.0.0.1:4370/\n"));
  const std::string by_number = "GET / HTTP/1.1\r\nHost: 127.0.0.1:4370\r\n\r\n";
  EXPECT_THAT(peers->ask(peers->connect(), by_number), StartsWith("HTTP/1.1 200 "));
  advance(base::seconds(2));
  EXPECT_THAT(peers->answer_to("/"), StartsWith("HTTP/1.1 421 ")) << "somebody still has ::1";
  network->refuse_listening(io::Address::Family::ipv6, 0);
  advance(base::seconds(2));
  EXPECT_THAT(peers->answer_to("/"), StartsWith("HTTP/1.1 200 ")) << "::1 was let go";
}

TEST_F(HttpServer, who_is_refused_because_the_system_tells_no_users_is_told_so) {
  const PeerId peer = peers->connect(io::PeerOwner::unknown(io::OwnerStatus::cannot_ask));
  EXPECT_THAT(network->take(peer),
              AllOf(StartsWith("HTTP/1.1 403 "), HasSubstr("does not tell whose a connection is")));
}

TEST_F(HttpServer, what_a_browser_keeps_of_who_had_the_address_before_is_cleared) {
  // An update of a service worker asks for its script, which this server does not have.
  EXPECT_THAT(peers->answer_to("/", "Origin: http://evil\r\n"), HasSubstr("\r\nClear-Site-Data: \"storage\"\r\n"));
  EXPECT_THAT(peers->answer_to("/"), Not(HasSubstr("Clear-Site-Data"))) << "no page of its own";
}

TEST_F(HttpServer, users_who_may_not_ask_leave_room_for_the_others) {
  std::vector<PeerId> strangers;
  for (int i = 0; i < 256; ++i) strangers.push_back(peers->connect(io::PeerOwner::user(1002)));
  EXPECT_THAT(peers->answer_to("/"), StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(server->counters().not_allowed, 256u);
  EXPECT_EQ(server->connection_count(), Server::kStrangersMax);
  EXPECT_THAT(network->take(strangers.front()), StartsWith("HTTP/1.1 403 ")) << "without having sent anything";
  advance(base::seconds(1) + base::milliseconds(2));
  EXPECT_EQ(server->connection_count(), 0u);
}

TEST_F(HttpServer, an_owner_whom_the_system_could_not_tell_at_first_is_asked_for_again) {
  const PeerId peer = peers->connect(io::PeerOwner::unknown(io::OwnerStatus::no_answer));
  network->set_owner(peer, io::PeerOwner::user(0));
  EXPECT_THAT(peers->ask(peer, peers->get("/")), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServer, each_connection_is_counted_once_by_what_became_of_it) {
  restart({.users = {}, .stream_count_max = 1});
  peers->answer_to("/");
  peers->ask(peers->connect(), "?\n");
  peers->answer_to("/", "Origin: http://evil.example\r\n");
  peers->connect(io::PeerOwner::user(1002));
  stream();
  stream();
  network->end(peers->connect());
  network->reset(peers->connect());
  peers->connect();
  advance(base::seconds(6));
  const HttpCounters& counters = server->counters();
  EXPECT_EQ(counters.connections_accepted, 9u);
  EXPECT_EQ(counters.requests, 2u);
  EXPECT_EQ(counters.malformed, 1u);
  EXPECT_EQ(counters.not_allowed, 2u);
  EXPECT_EQ(counters.streams_refused, 1u);
  EXPECT_EQ(counters.gone, 2u);
  EXPECT_EQ(counters.too_slow, 1u);
}

}  // namespace
}  // namespace distflow::http
