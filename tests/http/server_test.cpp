// The HTTP server on a network in memory: its bounds, its deadlines, and who is refused. Time passes in advance() only.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "http/server.hpp"
#include "tests/support/memory_backend.hpp"

namespace distflow::http {
namespace {

using test::MemoryBackend;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using PeerId = MemoryBackend::PeerId;

constexpr std::uint16_t kPort = 4370;

std::string get(const std::string& path, const std::string& headers = {}) {
  return "GET " + path + " HTTP/1.1\r\nHost: localhost:4370\r\n" + headers + "\r\n";
}

class HttpServer : public ::testing::Test, private Handler {
 protected:
  void SetUp() override { start({}); }
  void TearDown() override {
    auto on_closed = [this] { is_closed = true; };
    server->close(base::Delegate<void()>::of(on_closed));
    turn();
    EXPECT_TRUE(is_closed);
    EXPECT_EQ(reactor->backend().handle_count(), 0u);
  }

  void start(ServerOptions options) {
    if (server != nullptr) TearDown();
    server.reset();
    is_closed = false;
    network = new MemoryBackend(chunks);
    reactor = std::make_unique<io::Reactor>(std::unique_ptr<io::Backend>(network), io::ReactorOptions{});
    options.port = kPort;
    Handler& handler = *this;
    server = std::make_unique<Server>(*reactor, handler, std::move(options));
    ASSERT_TRUE(server->start());
  }

  PeerId connect(io::PeerOwner owner = io::PeerOwner::user(0)) {
    const PeerId peer = network->connect();
    network->set_owner(peer, owner);
    turn();
    return peer;
  }
  void write(PeerId peer, std::string_view bytes) {
    network->write(peer, bytes);
    turn();
  }
  std::string ask(PeerId peer, std::string_view bytes) {
    write(peer, bytes);
    return network->take(peer);
  }
  PeerId stream() {
    const PeerId peer = connect();
    write(peer, get("/events"));
    return peer;
  }
  void push(const std::string& text) {
    server->push_to_streams(std::make_shared<const std::string>(text));
    turn();
  }
  void turn() {
    for (int i = 0; i < 8; ++i) reactor->turn(base::Instant::min());
  }
  void advance(base::Duration by) {
    network->advance(by);
    turn();
  }

  std::optional<Response> on_get(const Request& request, const io::PeerOwner&) override {
    ++handled;
    if (request.path == "/events") return std::nullopt;
    return Response{.body = body};
  }
  void on_stream(Exchange& stream) override { stream.push(std::make_shared<const std::string>("data: hello\n\n")); }
  void on_stream_closed() override { ++streams_closed; }

  base::ChunkPool chunks{{.chunk_size = 64 * 1024, .chunk_count_max = 16}};
  MemoryBackend* network = nullptr;  // the reactor's
  std::unique_ptr<io::Reactor> reactor;
  std::unique_ptr<Server> server;
  std::string body = "hello\n";
  int handled = 0;
  int streams_closed = 0;
  bool is_closed = false;
};

TEST_F(HttpServer, a_request_is_answered_and_its_connection_ends) {
  const PeerId peer = connect();
  const std::string answer = ask(peer, get("/"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\nContent-Length: 6\r\n\r\nhello\n"));
  EXPECT_TRUE(network->is_closed(peer));
  EXPECT_EQ(server->counters().requests, 1u);
}

TEST_F(HttpServer, every_answer_says_what_a_browser_may_do_with_it_and_none_lets_other_pages_read_it) {
  const std::vector<std::string> answers = {ask(connect(), get("/")), ask(connect(), "POST / HTTP/1.1\r\n\r\n"),
                                            ask(connect(), "?\n"), ask(connect(), get("/events"))};
  for (const std::string& answer : answers) {
    EXPECT_THAT(answer, HasSubstr("\r\nContent-Security-Policy: default-src 'none';")) << answer;
    EXPECT_THAT(answer, HasSubstr("frame-ancestors 'none'")) << answer;
    EXPECT_THAT(answer, HasSubstr("\r\nX-Content-Type-Options: nosniff\r\n")) << answer;
    EXPECT_THAT(answer, HasSubstr("\r\nCross-Origin-Resource-Policy: same-origin\r\n")) << answer;
    EXPECT_THAT(answer, Not(HasSubstr("Access-Control"))) << answer;
  }
}

TEST_F(HttpServer, a_request_is_the_same_however_it_is_cut) {
  const std::string whole = get("/");
  for (std::size_t cut = 1; cut < whole.size(); ++cut) {
    const PeerId peer = connect();
    write(peer, whole.substr(0, cut));
    EXPECT_THAT(ask(peer, whole.substr(cut)), StartsWith("HTTP/1.1 200 OK")) << cut;
  }
}

TEST_F(HttpServer, what_may_not_be_answered_reaches_no_handler) {
  const std::string host = "Host: localhost:4370\r\n";
  EXPECT_THAT(ask(connect(), "GET / HTTP/1.1\r\nHost: evil.example:4370\r\n\r\n"), StartsWith("HTTP/1.1 421 "));
  EXPECT_THAT(ask(connect(), get("/", "Origin: http://evil.example\r\n")), StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(ask(connect(), "POST / HTTP/1.1\r\n" + host + "\r\n"), StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(ask(connect(io::PeerOwner::user(1002)), get("/")), StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(ask(connect(io::PeerOwner()), get("/events")), StartsWith("HTTP/1.1 403 "));
  EXPECT_EQ(server->counters().not_allowed, 5u);
  EXPECT_THAT(ask(connect(), "GET / HTTP/1.1\n\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(ask(connect(), "GET /" + std::string(2 * kHeadSizeMax, 'a')), StartsWith("HTTP/1.1 431 "));
  EXPECT_EQ(server->counters().malformed, 2u);
  EXPECT_EQ(handled, 0);
}

TEST_F(HttpServer, head_is_refused_without_a_body) {
  const std::string answer = ask(connect(), "HEAD / HTTP/1.1\r\nHost: localhost:4370\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST_F(HttpServer, an_answer_of_one_user_opens_nothing_for_another) {
  EXPECT_THAT(ask(connect(), get("/")), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(ask(connect(io::PeerOwner::user(1002)), get("/")), StartsWith("HTTP/1.1 403 "));
}

TEST_F(HttpServer, who_sends_a_byte_now_and_then_is_closed_when_the_time_for_a_request_is_over) {
  const PeerId slow = connect();
  const PeerId silent = connect();
  for (int second = 1; second <= 4; ++second) {
    write(slow, second == 1 ? "GET / HTTP/1.1\r\n" : "X: y\r\n");
    advance(base::seconds(1));
  }
  EXPECT_FALSE(network->is_closed(slow));
  advance(base::seconds(1) + base::milliseconds(2));
  EXPECT_TRUE(network->is_closed(slow));
  EXPECT_TRUE(network->is_closed(silent));
  EXPECT_EQ(server->counters().too_slow, 2u);
  EXPECT_EQ(server->connection_count(), 0u);
}

TEST_F(HttpServer, who_does_not_take_its_answer_is_closed) {
  const PeerId peer = connect();
  network->set_window(peer, 10);
  write(peer, get("/"));
  advance(base::seconds(29));
  EXPECT_FALSE(network->is_closed(peer));
  advance(base::seconds(2));
  EXPECT_TRUE(network->is_closed(peer));
  EXPECT_EQ(server->counters().too_slow, 1u);
}

TEST_F(HttpServer, a_refusal_is_kept_for_who_goes_on_sending_and_no_longer_than_that) {
  const PeerId peer = connect();
  EXPECT_THAT(ask(peer, "?\n"), StartsWith("HTTP/1.1 400 "));
  write(peer, std::string(3 * kHeadSizeMax, 'x'));
  EXPECT_FALSE(network->is_closed(peer));
  advance(base::seconds(1) + base::milliseconds(2));
  EXPECT_TRUE(network->is_closed(peer));
  EXPECT_EQ(server->counters().too_slow, 0u);
}

TEST_F(HttpServer, who_has_ended_its_own_direction_is_still_answered) {
  const PeerId peer = connect();
  network->write(peer, get("/"));
  network->end(peer);
  turn();
  EXPECT_THAT(network->take(peer), StartsWith("HTTP/1.1 200 "));
  const PeerId refused = connect();
  network->write(refused, "?\n");
  network->end(refused);
  turn();
  EXPECT_THAT(network->take(refused), StartsWith("HTTP/1.1 400 "));
  EXPECT_TRUE(network->is_closed(refused));
}

TEST_F(HttpServer, a_stream_goes_on_until_its_reader_is_gone) {
  const PeerId peer = stream();
  EXPECT_THAT(network->take(peer), EndsWith("\r\n\r\ndata: hello\n\n"));
  advance(base::seconds(3600));
  push("data: 1\n\n");
  EXPECT_EQ(network->take(peer), "data: 1\n\n");
  network->end(peer);
  turn();
  EXPECT_TRUE(network->is_closed(peer));
  EXPECT_EQ(streams_closed, 1);
  EXPECT_EQ(server->stream_count(), 0u);
}

TEST_F(HttpServer, a_stream_that_is_not_read_is_closed_at_its_bound_and_the_others_go_on) {
  const PeerId stuck = stream();
  const PeerId reader = stream();
  network->take(reader);
  network->set_window(stuck, 0);
  const std::string text(1000, 'x');
  for (int i = 0; i < 70; ++i) {
    push(text);
    EXPECT_EQ(network->take(reader), text);
  }
  EXPECT_TRUE(network->is_closed(stuck));
  EXPECT_FALSE(network->is_closed(reader));
  EXPECT_EQ(server->counters().slow_readers, 1u);
}

TEST_F(HttpServer, a_stream_that_takes_nothing_for_long_is_closed) {
  const PeerId stuck = stream();
  network->set_window(stuck, 0);
  push("data: 1\n\n");
  advance(base::seconds(31));
  EXPECT_TRUE(network->is_closed(stuck));
  EXPECT_EQ(server->counters().too_slow, 1u);
}

TEST_F(HttpServer, a_thousand_viewers_that_never_read_are_bounded_and_leave_room_for_others) {
  std::vector<PeerId> viewers;
  for (int i = 0; i < 1000; ++i) {
    viewers.push_back(network->connect());
    network->set_owner(viewers.back(), io::PeerOwner::user(0));
    network->set_window(viewers.back(), 0);
    network->write(viewers.back(), get("/events"));
    turn();
  }
  EXPECT_EQ(server->stream_count(), 128u);
  EXPECT_EQ(server->connection_count(), 256u);
  EXPECT_EQ(server->connections_refused(), 1000u - 256u);
  EXPECT_EQ(server->counters().streams_refused, 128u);
  advance(base::seconds(31));  // who takes nothing of an answer is closed
  EXPECT_EQ(server->connection_count(), 0u);
  EXPECT_THAT(ask(connect(), get("/")), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServer, a_connection_beyond_the_bound_is_closed_at_once_and_counted) {
  start({.port = kPort, .users = {}, .connection_count_max = 2});
  connect();
  const PeerId second = connect();
  const PeerId third = connect();
  EXPECT_TRUE(network->is_closed(third));
  EXPECT_EQ(server->connections_refused(), 1u);
  EXPECT_THAT(ask(second, get("/")), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(ask(connect(), get("/")), StartsWith("HTTP/1.1 200 ")) << "there is room again";
}

TEST_F(HttpServer, closing_ends_whatever_is_under_way) {
  connect();
  stream();
  const PeerId stuck = connect();
  network->set_window(stuck, 0);
  write(stuck, get("/"));
  EXPECT_EQ(server->connection_count(), 3u);
}

}  // namespace
}  // namespace distflow::http
