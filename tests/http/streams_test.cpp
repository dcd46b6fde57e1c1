// The HTTP server's streams of events, and the bounds on the work of a turn and on what is not taken.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/http/server_fixture.hpp"

namespace distflow::http {
namespace {

using ::testing::EndsWith;
using ::testing::StartsWith;

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

TEST_F(HttpServer, a_stream_that_is_not_read_is_closed_when_the_feed_has_no_more_room_and_the_others_go_on) {
  restart({.users = {}, .event_backlog_max = std::size_t{256} * 1024});
  const PeerId stuck = stream();
  const PeerId reader = stream();
  network->take(reader);
  network->set_window(stuck, 0);
  const std::string text(10'000, 'x');
  for (int i = 0; i < 20; ++i) {
    push(text);
    EXPECT_EQ(network->take(reader), text);
  }
  EXPECT_FALSE(network->is_closed(stuck));
  for (int i = 0; i < 20; ++i) push(text);
  EXPECT_TRUE(network->is_closed(stuck));
  EXPECT_FALSE(network->is_closed(reader));
  EXPECT_EQ(server->counters().slow_readers, 1u);
}

TEST_F(HttpServer, all_events_of_a_turn_reach_a_reader_in_one_send) {
  const PeerId reader = stream();
  network->take(reader);
  std::string all;
  for (int i = 0; i < 1000; ++i) {
    const std::string event = "data: " + std::to_string(i) + std::string(100, 'x') + "\n\n";
    server->push_to_streams(event);
    all += event;
  }
  one_turn();
  one_turn();  // what is begun in a turn is sent in the next
  EXPECT_EQ(network->take(reader), all);
}

TEST_F(HttpServer, a_single_event_may_be_longer_than_all_that_the_feed_keeps) {
  restart({.users = {}, .event_backlog_max = std::size_t{128} * 1024});
  const PeerId reader = stream();
  network->take(reader);
  const std::string large(1'000'000, 'x');
  push(large);
  EXPECT_EQ(network->take(reader), large);
  push("data: 1\n\n");
  EXPECT_EQ(network->take(reader), "data: 1\n\n");
  EXPECT_EQ(server->counters().slow_readers, 0u);
}

TEST_F(HttpServer, a_turn_gives_events_to_some_streams_and_the_next_ones_to_the_others) {
  std::vector<PeerId> readers;
  for (int i = 0; i < 100; ++i) readers.push_back(stream());
  for (const PeerId reader : readers) network->take(reader);
  server->push_to_streams("data: 1\n\n");
  const auto count_told = [&] {
    return static_cast<std::size_t>(
        std::ranges::count_if(readers, [&](PeerId reader) { return !network->take(reader).empty(); }));
  };
  one_turn();
  for (std::size_t left = readers.size(); left > 0;) {
    one_turn();
    const std::size_t told = count_told();
    ASSERT_GT(told, 0u);
    ASSERT_LE(told, Server::kGiftsPerTurn);
    left -= told;
  }
}

TEST_F(HttpServer, the_first_event_after_a_quiet_time_leaves_at_once_and_what_comes_then_ten_times_a_second) {
  const PeerId reader = stream();
  network->take(reader);
  advance(base::seconds(10));
  server->push_to_streams("data: 1\n\n");
  turn();
  EXPECT_EQ(network->take(reader), "data: 1\n\n");
  for (const char* const event : {"data: 2\n\n", "data: 3\n\n"}) {
    server->push_to_streams(event);
    turn();
  }
  advance(Server::kRoundInterval - base::milliseconds(1));
  EXPECT_EQ(network->take(reader), "");
  advance(base::milliseconds(2));
  EXPECT_EQ(network->take(reader), "data: 2\n\ndata: 3\n\n");
  advance(kRound);
  server->push_to_streams("data: 4\n\n");
  turn();
  EXPECT_EQ(network->take(reader), "data: 4\n\n") << "it was quiet for a whole interval";
  EXPECT_EQ(server->counters().rounds, 3u);
  EXPECT_EQ(server->counters().gifts, 3u);
}

TEST_F(HttpServer, changes_in_many_turns_cost_each_of_few_streams_ten_sends_a_second) {
  constexpr std::uint64_t kStreams = 30;
  for (std::uint64_t i = 0; i < kStreams; ++i) stream();
  for (int i = 0; i < 1000; ++i) {
    server->push_to_streams("data: 1\n\n");
    one_turn();
    network->advance(base::milliseconds(1));
  }
  advance(kRound);
  EXPECT_GE(server->counters().gifts, 9 * kStreams);
  EXPECT_LE(server->counters().gifts, 11 * kStreams);
  EXPECT_LE(server->counters().rounds, 11u);
}

TEST_F(HttpServer, changes_in_many_turns_cost_many_streams_together_no_more_sends_a_second_than_few) {
  constexpr std::uint64_t kStreams = 100;
  for (std::uint64_t i = 0; i < kStreams; ++i) stream();
  for (int i = 0; i < 3000; ++i) {
    server->push_to_streams("data: 1\n\n");
    one_turn();
    network->advance(base::milliseconds(1));
  }
  const auto rounds = static_cast<std::uint64_t>(base::seconds(3) / (Server::kRoundIntervalPerStream * int{kStreams}));
  EXPECT_GE(server->counters().rounds, rounds);
  EXPECT_LE(server->counters().rounds, rounds + 1);
  EXPECT_LE(server->counters().gifts, (rounds + 1) * kStreams);
}

TEST_F(HttpServer, a_burst_larger_than_the_feed_is_handed_on_while_it_comes) {
  restart({.users = {}, .event_backlog_max = std::size_t{1} << 20});
  const PeerId reader = stream();
  network->take(reader);
  const std::string event = std::string(std::size_t{64} * 1024 - 2, 'x') + "\n\n";
  std::size_t told = 0;
  for (int i = 0; i < 64; ++i) {
    server->push_to_streams(event);
    one_turn();
    told += network->take(reader).size();
  }
  EXPECT_FALSE(network->is_closed(reader));
  advance(kRound);
  EXPECT_EQ(told + network->take(reader).size(), 64 * event.size());
  EXPECT_EQ(server->counters().slow_readers, 0u);
}

TEST_F(HttpServer, what_one_send_has_no_room_for_does_not_wait_for_the_next_round) {
  const PeerId reader = stream();
  network->take(reader);
  const std::string event = std::string(std::size_t{64} * 1024 - 2, 'x') + "\n\n";
  for (int i = 0; i < 32; ++i) server->push_to_streams(event);
  for (int i = 0; i < 4; ++i) turn();
  EXPECT_EQ(network->take(reader).size(), 32 * event.size());
  EXPECT_EQ(server->counters().rounds, 1u);
}

TEST_F(HttpServer, a_stream_that_waits_for_its_turn_and_whose_events_are_no_longer_kept_is_closed) {
  restart({.users = {}, .event_backlog_max = std::size_t{128} * 1024});
  std::vector<PeerId> readers;
  for (int i = 0; i < 100; ++i) readers.push_back(stream());
  server->push_to_streams("data: 1\n\n");
  one_turn();
  for (int i = 0; i < 3; ++i) server->push_to_streams(std::string(std::size_t{64} * 1024, 'x'));
  for (int i = 0; i < 100; ++i) one_turn();
  EXPECT_EQ(server->counters().rounds, 1u) << "less has come than would begin another round";
  EXPECT_EQ(server->counters().slow_readers, 100u - Server::kGiftsPerTurn);
}

TEST_F(HttpServer, without_a_stream_no_round_is_awaited) {
  const PeerId reader = stream();
  server->push_to_streams("data: 1\n\n");
  turn();
  EXPECT_NE(reactor->timers().next_deadline(), base::kNever);
  server->push_to_streams("data: of nobody, when its round is due\n\n");
  network->end(reader);
  turn();
  EXPECT_EQ(reactor->timers().next_deadline(), base::kNever);
  const PeerId next = stream();
  network->take(next);
  server->push_to_streams("data: 2\n\n");
  turn();
  EXPECT_EQ(network->take(next), "data: 2\n\n");
}

TEST_F(HttpServer, a_reader_that_goes_on_sending_behind_its_request_is_closed) {
  const PeerId reader = stream();
  peers->write(reader, std::string(2 * kHeadSizeMax, 'x'));
  EXPECT_TRUE(network->is_closed(reader));
  EXPECT_EQ(server->counters().too_talkative, 1u);
}

TEST_F(HttpServer, a_stream_that_takes_nothing_for_long_is_closed) {
  const PeerId stuck = stream();
  network->set_window(stuck, 0);
  push("data: 1\n\n");
  advance(base::seconds(31));
  EXPECT_TRUE(network->is_closed(stuck));
  EXPECT_EQ(server->counters().not_taken, 1u);
}

TEST_F(HttpServer, a_thousand_viewers_that_never_read_are_bounded_and_leave_room_for_others) {
  std::vector<PeerId> viewers;
  for (int i = 0; i < 1000; ++i) {
    viewers.push_back(network->connect());
    network->set_owner(viewers.back(), io::PeerOwner::user(0));
    network->set_window(viewers.back(), 0);
    network->write(viewers.back(), peers->get("/events"));
    turn();
  }
  EXPECT_EQ(server->stream_count(), 128u);
  EXPECT_EQ(server->connection_count(), 256u);
  EXPECT_EQ(server->counters().connections_refused, 1000u - 256u);
  EXPECT_EQ(server->counters().streams_refused, 128u);
  advance(base::seconds(31));  // who takes nothing of an answer is closed
  EXPECT_EQ(server->connection_count(), 0u);
  EXPECT_THAT(peers->ask(peers->connect(), peers->get("/")), StartsWith("HTTP/1.1 200 "));
}

TEST_F(HttpServer, a_turn_makes_a_bounded_number_of_bytes_of_answers_and_the_others_wait) {
  body = std::string(std::size_t{100} * 1024, 'x');
  std::vector<PeerId> asking;
  for (int i = 0; i < 60; ++i) asking.push_back(peers->connect());
  for (const PeerId peer : asking) network->write(peer, peers->get("/"));
  for (int before = 0; handled < 60; before = handled) {
    one_turn();
    ASSERT_GT(handled, before);
    ASSERT_LE(handled - before, 2 * 6) << "what is left of a turn, and what the next one makes at its end";
  }
  turn();
  for (const PeerId peer : asking) EXPECT_THAT(network->take(peer), EndsWith(body));
  EXPECT_GT(server->counters().requests_delayed, 0u);
}

TEST_F(HttpServer, answers_that_are_not_taken_are_bounded_and_others_wait_until_they_are) {
  restart({.users = {}, .answer_backlog_max = std::size_t{1} << 20});
  body = std::string(std::size_t{256} * 1024, 'x');
  std::vector<PeerId> stuck;
  for (int i = 0; i < 20; ++i) stuck.push_back(begin_stuck("/"));
  EXPECT_EQ(handled, 4);
  EXPECT_LE(server->answer_backlog(), (std::size_t{1} << 20) + 2 * body.size());
  network->set_window(stuck[0], SIZE_MAX);
  turn();
  EXPECT_THAT(network->take(stuck[0]), EndsWith(body));
  EXPECT_EQ(handled, 5);
  EXPECT_EQ(server->counters().requests_delayed, 16u);
}

TEST_F(HttpServer, a_request_that_has_waited_for_long_is_refused_with_503) {
  ServerOptions options;
  options.answer_backlog_max = 1;
  options.limits.answer_time_max = base::seconds(2);
  restart(options);
  begin_stuck("/");
  advance(base::seconds(1));
  begin_stuck("/");
  const PeerId late = peers->begin("/");
  advance(base::seconds(1) + base::milliseconds(2));
  EXPECT_EQ(handled, 2) << "the first answer was given up, and there was room for the second";
  EXPECT_EQ(network->take(late), "");
  advance(base::seconds(1));
  EXPECT_THAT(network->take(late), StartsWith("HTTP/1.1 503 "));
  EXPECT_EQ(server->counters().busy, 1u);
  EXPECT_EQ(handled, 2);
}

TEST_F(HttpServer, who_has_ended_its_direction_gets_an_answer_that_had_to_wait) {
  restart({.users = {}, .answer_backlog_max = 1});
  const PeerId stuck = begin_stuck("/");
  const PeerId waiting = peers->begin("/");
  network->end(waiting);
  turn();
  EXPECT_EQ(network->take(waiting), "");
  network->set_window(stuck, SIZE_MAX);
  turn();
  EXPECT_THAT(network->take(waiting), StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(server->answer_backlog(), 0u);
}

}  // namespace
}  // namespace distflow::http
