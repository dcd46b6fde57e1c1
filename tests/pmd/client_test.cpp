// The client against PMDs that follow a script, on loopback and in one thread.
#include "pmd/client/client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <list>
#include <string>
#include <vector>

#include "pmd/server/server.hpp"
#include "tests/support/backends.hpp"
#include "tests/support/fake_pmd.hpp"
#include "tests/support/loop.hpp"
#include "tests/support/node_json.hpp"
#include "tests/support/sockets.hpp"

namespace distflow::pmd {
namespace {

using protocol::NodeInfo;
using protocol::Request;
using protocol::RequestType;
using test::FakePmd;
using test::turn_some;
using test::turn_until;
using ::testing::ElementsAre;

NodeInfo node(std::string id) {
  return {.node_id = id, .alias = "alias-of-" + id, .host = "127.0.0.1", .port = 4000, .last_heartbeat_ms = 7};
}

protocol::Registration registration(std::string id) { return {.node = node(std::move(id)), .ttl_ms = 60'000}; }

/// Writes down what it is told.
class Witness : public ClientObserver {
 public:
  void on_registered() override { note("registered"); }
  AfterRefusal on_registration_refused(const Error& error, std::string_view text, const NodeInfo* holder) override {
    refusal = error;
    if (holder != nullptr) note("held by " + holder->node_id);
    note("refused: " + std::string(text));
    if (when_refused) when_refused();
    return after_refusal;
  }
  void on_registration_lost(const Error& why, const NodeInfo* holder) override {
    refusal = why;
    note("lost to " + (holder == nullptr ? "nobody" : holder->node_id));
  }
  void on_snapshot(std::vector<NodeInfo> nodes) override {
    std::string text = "snapshot:";
    for (const NodeInfo& each : nodes) text += " " + each.node_id;
    note(text);
  }
  void on_join(const NodeInfo& each) override { note("join " + each.node_id); }
  void on_leave(const NodeInfo& each) override { note("leave " + each.node_id); }
  void on_disconnected(const Error& why) override {
    last_error = why;
    note("disconnected");
  }
  void on_pmd_shutdown() override { note("pmd shutdown"); }
  void on_unreachable(const Error& why, std::uint32_t attempts) override {
    last_error = why;
    note("unreachable " + std::to_string(attempts));
    if (when_unreachable) when_unreachable();
  }
  void on_closed() override {
    note("closed");
    is_closed = true;
  }

  [[nodiscard]] std::size_t count(std::string_view what) const {
    return static_cast<std::size_t>(std::count(notes.begin(), notes.end(), what));
  }
  [[nodiscard]] bool has(std::string_view what) const { return count(what) > 0; }

  std::vector<std::string> notes;
  AfterRefusal after_refusal = AfterRefusal::give_up;
  std::function<void()> when_refused;
  std::function<void()> when_unreachable;
  Error last_error;
  Error refusal;
  bool is_closed = false;

 private:
  void note(std::string text) { notes.push_back(std::move(text)); }
};

/// Something that is no PMD: answers what comes first on a connection as told, and ends the connection.
class Stranger {
 public:
  explicit Stranger(std::function<std::string(std::string_view)> answer) : answer_(std::move(answer)) {}

  [[nodiscard]] std::uint16_t port() const { return listener_.port(); }

  void step() {
    if (test::is_readable(listener_.fd())) streams_.push_back(listener_.accept());
    for (auto stream = streams_.begin(); stream != streams_.end();) {
      if (!test::is_readable(stream->fd())) {
        ++stream;
        continue;
      }
      stream->send(answer_(stream->receive()));
      stream = streams_.erase(stream);
    }
  }

 private:
  std::function<std::string(std::string_view)> answer_;
  test::RawSocket listener_ = test::RawSocket::listening();
  std::list<test::RawSocket> streams_;
};

class PmdClient : public ::testing::Test {
 protected:
  PmdClient() {
    options.backoff = {.first = base::milliseconds(2), .last = base::milliseconds(8)};
    options.seed = 1;
  }
  ~PmdClient() override {
    if (client && !witness.is_closed) close();
    pmd.hang_up();
    pmd.stop_listening();
    turn_until(reactor, [&] { return reactor.backend().handle_count() == 0; });
  }

  void start() {
    if (options.port == ClientOptions{}.port) {
      pmd.listen();
      options.port = pmd.port();
    }
    client = std::make_unique<Client>(ClientParts{reactor, resolver, stream_setup, chunks, out}, witness, options);
    client->start();
  }
  void start_in_session() {
    start();
    ASSERT_TRUE(until([&] { return client->is_in_session(); }));
  }
  void close(Unregister unregister = Unregister::no) {
    client->close(unregister);
    EXPECT_TRUE(until([&] { return witness.is_closed; }));
    EXPECT_EQ(witness.notes.back(), "closed");
  }

  template <class Condition>
  bool until(Condition condition) {
    return turn_until(reactor, condition);
  }
  bool until_told(std::string_view what, std::size_t count = 1) {
    return until([&] { return witness.count(what) >= count; });
  }
  bool until_asked(RequestType type, std::size_t count = 1) {
    return until([&] { return pmd.count(type) >= count; });
  }
  /// For which the test has given an answer of its own.
  void answer_all_but(RequestType type, std::function<void(const Request&)> answer) {
    pmd.script = [this, type, answer = std::move(answer)](const Request& request) {
      request.type == type ? answer(request) : pmd.answer_like_typescript(request);
    };
  }
  static void say_nothing(const Request&) {}

  base::ChunkPool chunks{{.chunk_size = 64 * 1024, .chunk_count_max = 64}};
  io::Reactor reactor{test::make_socket_backend(chunks), {}};
  io::Resolver resolver{reactor};
  stream::StreamSetup stream_setup;
  transport::OutBuffer out{chunks};
  FakePmd pmd{reactor, chunks, out};
  Witness witness;
  ClientOptions options;
  std::unique_ptr<Client> client;
};

/// Keeps the one answer to a request.
template <class T>
struct Answered {
  std::optional<Result<T>> result;
  std::size_t count = 0;

  auto callback() {
    return [this](Result<T> given) {
      result.emplace(std::move(given));
      ++count;
    };
  }
};

TEST_F(PmdClient, an_answer_with_stats_says_whether_it_has_been_queued) {
  start_in_session();
  EXPECT_TRUE(client->answer_stats(1, "{}"));
  pmd.hang_up();
  pmd.stop_listening();
  ASSERT_TRUE(until([&] { return !client->is_in_session(); }));
  EXPECT_FALSE(client->answer_stats(2, "{}"));
}

TEST_F(PmdClient, hello_register_and_watch_are_asked_without_waiting_for_an_answer) {
  options.registration = registration("n1");
  options.is_watching = true;
  pmd.script = say_nothing;
  start();
  ASSERT_TRUE(until([&] { return pmd.requests.size() == 3; }));
  EXPECT_THAT(pmd.requests, ElementsAre(RequestType::hello, RequestType::register_node, RequestType::watch));
}

TEST_F(PmdClient, a_pmd_that_knows_no_hello_is_as_good) {
  options.registration = registration("n1");
  start();
  EXPECT_TRUE(until_told("registered"));
  EXPECT_TRUE(client->is_in_session());
  EXPECT_TRUE(client->is_registered());
}

TEST_F(PmdClient, point_5_a_list_after_the_watch_is_merged_with_what_was_told_meanwhile) {
  options.is_watching = true;
  pmd.nodes = {node("a"), node("b")};
  answer_all_but(RequestType::list, [&](const Request& request) {
    const std::string stale = pmd.list_answer(request.raw_request_id);
    pmd.send(protocol::peer_event(protocol::EventKind::join, node("c"), 0));
    pmd.send(protocol::peer_event(protocol::EventKind::leave, node("a"), 0));
    pmd.send(stale);
    pmd.send(protocol::peer_event(protocol::EventKind::join, node("d"), 0));
  });
  start();
  ASSERT_TRUE(until_told("join d"));
  EXPECT_THAT(witness.notes, ElementsAre("snapshot: b c", "join d"));
}

TEST_F(PmdClient, a_watch_that_is_answered_with_nodes_needs_no_list) {
  options.is_watching = true;
  pmd.nodes = {node("a")};
  answer_all_but(RequestType::watch, [&](const Request& request) {
    pmd.send(protocol::peer_event(protocol::EventKind::join, node("a"), 5));
    pmd.answer_watch(request, 5);
    pmd.send(protocol::peer_event(protocol::EventKind::join, node("b"), 6));
    pmd.send(protocol::peer_event(protocol::EventKind::leave, node("a"), 7));
  });
  start();
  ASSERT_TRUE(until_told("leave a"));
  EXPECT_THAT(witness.notes, ElementsAre("snapshot: a", "join b", "leave a"));
  EXPECT_EQ(pmd.count(RequestType::list), 0U);
}

TEST_F(PmdClient, an_event_missed_leads_to_a_new_snapshot) {
  options.is_watching = true;
  answer_all_but(RequestType::watch, [&](const Request& request) {
    if (pmd.count(RequestType::watch) == 1) {
      pmd.answer_watch(request, 5);
      pmd.send(protocol::peer_event(protocol::EventKind::join, node("b"), 7));
    } else {
      pmd.nodes = {node("a"), node("b")};
      pmd.answer_watch(request, 7);
      pmd.send(protocol::peer_event(protocol::EventKind::join, node("c"), 8));
    }
  });
  start();
  ASSERT_TRUE(until_told("join c"));
  EXPECT_THAT(witness.notes, ElementsAre("snapshot:", "snapshot: a b", "join c"));
}

TEST_F(PmdClient, after_a_loss_it_registers_and_watches_again) {
  options.registration = registration("n1");
  options.is_watching = true;
  start();
  ASSERT_TRUE(until_told("registered") && until_told("snapshot:"));
  pmd.hang_up();
  ASSERT_TRUE(until_told("registered", 2) && until_told("snapshot:", 2));
  EXPECT_EQ(witness.count("disconnected"), 1U);
  EXPECT_EQ(pmd.connection_count, 2U);
}

TEST_F(PmdClient, attempts_that_fail_are_counted_until_one_succeeds) {
  const test::SilentPort silent;
  options.port = silent.port();
  start();
  ASSERT_TRUE(until_told("unreachable 3"));
  EXPECT_EQ(witness.last_error.code, std::error_code(ECONNREFUSED, std::generic_category()));
}

TEST_F(PmdClient, retry_now_dials_without_waiting_for_the_backoff) {
  pmd.listen();
  options.port = pmd.port();
  options.backoff = {.first = base::seconds(3600), .last = base::seconds(3600)};
  pmd.stop_listening();
  ASSERT_TRUE(until([&] { return !pmd.is_listening(); }));
  witness.when_unreachable = [&] {
    pmd.listen();
    client->retry_now();
  };
  start();
  EXPECT_TRUE(until([&] { return client->is_in_session(); }));
  EXPECT_THAT(witness.notes, ElementsAre("unreachable 1"));
}

TEST_F(PmdClient, a_refused_registration_is_not_repeated_when_the_owner_gives_up) {
  options.registration = registration("n1");
  answer_all_but(RequestType::register_node, [&](const Request& request) {
    if (request.registration.node.alias == "other") return pmd.answer_like_typescript(request);
    pmd.send(protocol::error_response(request.raw_request_id, protocol::alias_in_use("alias-of-n1")));
  });
  start();
  ASSERT_TRUE(until_told("refused: Alias 'alias-of-n1' already in use"));
  EXPECT_EQ(witness.refusal, Errc::alias_in_use);
  pmd.hang_up();
  ASSERT_TRUE(until_asked(RequestType::hello, 2));
  turn_some(reactor);
  EXPECT_EQ(pmd.count(RequestType::register_node), 1U);

  protocol::Registration other = registration("n1");
  other.node.alias = "other";
  client->set_registration(other);
  EXPECT_TRUE(until_told("registered"));
}

TEST_F(PmdClient, a_refused_registration_is_repeated_when_the_owner_says_so) {
  options.registration = registration("n1");
  witness.after_refusal = AfterRefusal::retry;
  answer_all_but(RequestType::register_node, [&](const Request& request) {
    if (pmd.count(RequestType::register_node) > 2) return pmd.answer_like_typescript(request);
    pmd.send(protocol::error_response(request.raw_request_id, "Registry is full"));
  });
  start();
  ASSERT_TRUE(until_told("registered"));
  EXPECT_THAT(witness.notes, ElementsAre("refused: Registry is full", "refused: Registry is full", "registered"));
  EXPECT_EQ(witness.refusal, Errc::registration_refused);
}

TEST_F(PmdClient, another_registration_set_when_the_first_is_refused_takes_its_place) {
  options.registration = registration("n1");
  answer_all_but(RequestType::register_node, [&](const Request& request) {
    if (request.registration.node.node_id == "n2") return pmd.answer_like_typescript(request);
    pmd.send(protocol::error_response(request.raw_request_id, "no"));
  });
  witness.when_refused = [&] { client->set_registration(registration("n2")); };
  start();
  ASSERT_TRUE(until_told("registered"));
  EXPECT_TRUE(client->is_registered());
}

TEST_F(PmdClient, a_heartbeat_that_meets_no_entry_registers_again) {
  options.registration = registration("n1");
  options.heartbeat_interval = base::milliseconds(2);
  answer_all_but(RequestType::heartbeat, [&](const Request& request) {
    if (pmd.count(RequestType::heartbeat) != 2) return pmd.answer_like_typescript(request);
    pmd.send(protocol::error_response(request.raw_request_id, protocol::kNodeNotFound));
  });
  start();
  ASSERT_TRUE(until_told("registered", 2));
  EXPECT_EQ(pmd.count(RequestType::heartbeat), 2U);
  EXPECT_EQ(pmd.connection_count, 1U);
}

TEST_F(PmdClient, the_registration_asks_to_be_told_of_the_pmds_end) {
  options.registration = registration("n1");
  bool asks = false;
  answer_all_but(RequestType::register_node, [&](const Request& request) {
    asks = request.registration.node.has_cap("pmd-shutdown");
    pmd.answer_like_typescript(request);
    pmd.send(protocol::pmd_shutdown_event());
  });
  start();
  ASSERT_TRUE(until_told("pmd shutdown"));
  EXPECT_TRUE(asks);
}

TEST_F(PmdClient, a_request_made_before_there_is_a_session_waits_for_one) {
  pmd.nodes = {node("a")};
  Answered<NodeInfo> found;
  start();
  client->resolve("alias-of-a", found.callback());
  EXPECT_FALSE(found.result);
  ASSERT_TRUE(until([&] { return found.result.has_value(); }));
  ASSERT_TRUE(*found.result);
  EXPECT_EQ((**found.result).node_id, "a");
}

TEST_F(PmdClient, each_kind_of_request_gets_its_answer) {
  pmd.nodes = {node("a"), node("b")};
  start_in_session();
  Answered<NodeInfo> found;
  Answered<NodeInfo> missing;
  Answered<std::vector<NodeInfo>> listed;
  Answered<protocol::Hello> greeted;
  Answered<void> ended;
  client->resolve("b", found.callback());
  client->resolve("c", missing.callback());
  client->list(listed.callback());
  client->hello(greeted.callback());
  client->shutdown_pmd(protocol::Force::no, ended.callback());
  ASSERT_TRUE(until([&] { return ended.count == 1; }));
  EXPECT_EQ(**found.result, node("b"));
  EXPECT_EQ(missing.result->error(), Errc::node_not_found);
  EXPECT_EQ(**listed.result, pmd.nodes);
  EXPECT_EQ(greeted.result->error(), Errc::refused);
  EXPECT_TRUE(*ended.result);
}

TEST_F(PmdClient, the_secret_of_a_registration_is_the_same_in_each_and_no_other_clients) {
  std::vector<std::string> secrets;
  pmd.script = [&](const Request& request) {
    if (request.type == RequestType::register_node) secrets.push_back(request.registration.secret);
    pmd.answer_like_typescript(request);
  };
  options.registration = registration("n1");
  start();
  ASSERT_TRUE(until_told("registered"));
  pmd.hang_up();
  ASSERT_TRUE(until([&] { return secrets.size() == 2; }));
  client->set_registration(registration("n1"));
  ASSERT_TRUE(until([&] { return secrets.size() == 3; }));
  EXPECT_EQ(secrets[0].size(), 32U);
  EXPECT_EQ(secrets[1], secrets[0]);
  EXPECT_EQ(secrets[2], secrets[0]);
}

TEST_F(PmdClient, a_registration_that_the_pmd_says_is_lost_is_told_of_and_made_again) {
  options.registration = registration("n1");
  start();
  ASSERT_TRUE(until_told("registered"));
  pmd.send(protocol::registration_lost_event("another", protocol::LossReason::expired, nullptr));
  pmd.send(protocol::registration_lost_event("n1", protocol::LossReason::expired, nullptr));
  ASSERT_TRUE(until_told("lost to nobody"));
  EXPECT_EQ(witness.refusal, Errc::timed_out);
  ASSERT_TRUE(until([&] { return witness.count("registered") == 2; }));
  const NodeInfo twin = node("n1");
  pmd.send(protocol::registration_lost_event("n1", protocol::LossReason::replaced, &twin));
  ASSERT_TRUE(until_told("lost to n1"));
  ASSERT_TRUE(until([&] { return witness.count("registered") == 3; }));
}

TEST_F(PmdClient, a_node_whose_alias_was_taken_while_it_was_away_is_told_once_who_has_it) {
  bool is_taken = false;
  pmd.script = [&](const Request& request) {
    if (!is_taken || request.type != RequestType::register_node) return pmd.answer_like_typescript(request);
    NodeInfo holder = node("thief");
    holder.alias = "alias-of-n1";
    pmd.send(protocol::name_in_use_response(request.raw_request_id, protocol::alias_in_use("alias-of-n1"), holder));
  };
  witness.after_refusal = AfterRefusal::retry;
  options.registration = registration("n1");
  start();
  ASSERT_TRUE(until_told("registered"));
  is_taken = true;
  pmd.hang_up();
  ASSERT_TRUE(until([&] { return witness.count("refused: Alias 'alias-of-n1' already in use") == 3; }));
  EXPECT_EQ(witness.count("lost to thief"), 1U);
  EXPECT_EQ(witness.refusal, Errc::alias_in_use);
  is_taken = false;
  ASSERT_TRUE(until([&] { return witness.count("registered") == 2; }));
}

TEST_F(PmdClient, unregister_ends_the_registration_for_good) {
  options.registration = registration("n1");
  options.heartbeat_interval = base::milliseconds(1);
  start();
  ASSERT_TRUE(until_told("registered"));
  Answered<void> gone;
  Answered<void> gone_already;
  client->unregister(gone.callback());
  client->unregister(gone_already.callback());
  ASSERT_TRUE(until([&] { return gone.count + gone_already.count == 2; }));
  EXPECT_TRUE(*gone.result);
  EXPECT_EQ(gone_already.result->error(), Errc::node_not_found);
  pmd.hang_up();
  ASSERT_TRUE(until_asked(RequestType::hello, 2));
  EXPECT_EQ(pmd.count(RequestType::register_node), 1U);
}

TEST_F(PmdClient, names_that_no_node_can_have_are_not_asked_for) {
  start_in_session();
  for (const std::string& name : {std::string(), std::string(100'000, 'x'), std::string("\xff\xfe")}) {
    Answered<NodeInfo> found;
    client->resolve(name, found.callback());
    ASSERT_TRUE(until([&] { return found.count == 1; }));
    EXPECT_EQ(found.result->error(), Errc::node_not_found);
  }
  EXPECT_EQ(pmd.count(RequestType::resolve), 0U);
}

TEST_F(PmdClient, a_request_without_an_answer_times_out_and_the_session_goes_on) {
  options.request_timeout = base::milliseconds(20);
  answer_all_but(RequestType::resolve, say_nothing);
  start_in_session();
  Answered<NodeInfo> found;
  client->resolve("a", found.callback());
  ASSERT_TRUE(until([&] { return found.count == 1; }));
  EXPECT_EQ(found.result->error(), Errc::timed_out);
  EXPECT_TRUE(client->is_in_session());
}

TEST_F(PmdClient, a_heartbeat_without_an_answer_ends_the_session) {
  options.registration = registration("n1");
  options.request_timeout = base::milliseconds(20);
  options.heartbeat_interval = base::milliseconds(1);
  answer_all_but(RequestType::heartbeat, say_nothing);
  start();
  ASSERT_TRUE(until_told("disconnected"));
  EXPECT_EQ(witness.last_error, Errc::timed_out);
  EXPECT_TRUE(until_told("registered", 2));
}

TEST_F(PmdClient, requests_beyond_the_bound_fail_at_once) {
  start_in_session();
  options.request_count_max = 2;
  pmd.script = say_nothing;
  close();
  witness.is_closed = false;
  start();
  std::vector<Answered<NodeInfo>> answers(4);
  for (Answered<NodeInfo>& each : answers) client->resolve("a", each.callback());
  turn_some(reactor);
  std::size_t refused = 0;
  for (const Answered<NodeInfo>& each : answers) refused += each.result && each.result->error() == Errc::queue_full;
  EXPECT_EQ(refused, 2U);
  close();
  for (const Answered<NodeInfo>& each : answers) EXPECT_EQ(each.count, 1U);
}

TEST_F(PmdClient, across_a_loss_a_question_is_repeated_and_an_order_fails) {
  pmd.nodes = {node("a")};
  pmd.script = [&](const Request& request) {
    if (request.type == RequestType::shutdown) return pmd.hang_up();
    if (request.type == RequestType::list && pmd.connection_count == 1) return;
    pmd.answer_like_typescript(request);
  };
  start_in_session();
  Answered<std::vector<NodeInfo>> question;
  Answered<void> order;
  client->list(question.callback());
  client->shutdown_pmd(protocol::Force::no, order.callback());
  ASSERT_TRUE(until([&] { return question.count + order.count == 2; }));
  EXPECT_EQ((**question.result).size(), 1U);
  EXPECT_EQ(order.result->error(), Errc::end_of_stream);
  EXPECT_EQ(pmd.connection_count, 2U);
}

TEST_F(PmdClient, across_a_loss_a_question_for_stats_is_repeated_and_to_send_letters_again_is_not) {
  std::vector<protocol::StatsKind> asked;
  answer_all_but(RequestType::stats, [&](const Request& request) {
    asked.push_back(request.part.what);
    if (pmd.connection_count == 1) return pmd.hang_up();
    pmd.send(protocol::error_response(request.raw_request_id, protocol::kStatsUntold));
  });
  start_in_session();
  Answered<ToldStats> order;
  Answered<ToldStats> question;
  client->stats("a", 0, order.callback(), protocol::StatsKind::redrive);
  client->stats("a", 0, question.callback(), protocol::StatsKind::dead_letters);
  ASSERT_TRUE(until([&] { return question.count + order.count == 2; }));
  ASSERT_FALSE(*order.result);
  EXPECT_EQ(order.result->error(), Errc::end_of_stream);
  EXPECT_EQ((**question.result).refusal, protocol::kStatsUntold);
  EXPECT_EQ(std::count(asked.begin(), asked.end(), protocol::StatsKind::redrive), 1);
}

TEST_F(PmdClient, an_answer_that_comes_too_late_meets_nothing) {
  options.request_timeout = base::milliseconds(10);
  std::string late;
  answer_all_but(RequestType::resolve, [&](const Request& request) {
    if (late.empty()) {
      late = protocol::node_response(request.raw_request_id, protocol::node_json(node("late")));
    } else {
      pmd.send(late);
      pmd.send(protocol::node_response(request.raw_request_id, protocol::node_json(node("prompt"))));
    }
  });
  start_in_session();
  Answered<NodeInfo> first;
  client->resolve("a", first.callback());
  ASSERT_TRUE(until([&] { return first.count == 1; }));
  Answered<NodeInfo> second;
  client->resolve("a", second.callback());
  ASSERT_TRUE(until([&] { return second.count == 1; }));
  EXPECT_EQ((**second.result).node_id, "prompt");
  EXPECT_EQ(first.count, 1U);
}

TEST_F(PmdClient, a_hello_without_an_answer_fails_the_attempt) {
  options.request_timeout = base::milliseconds(20);
  pmd.script = say_nothing;
  start();
  ASSERT_TRUE(until_told("unreachable 1"));
  EXPECT_EQ(witness.last_error, Errc::pmd_silent);
}

TEST_F(PmdClient, point_15_an_erlang_epmd_is_recognised) {
  std::string port_number(4, '\0');
  Stranger epmd([&](std::string_view asked) {
    return asked == std::string_view("\0\1n", 3) ? port_number + "name rabbit at port 25672\n" : std::string();
  });
  framing::write_header(port_number.data(), epmd.port());
  options.port = epmd.port();
  start();
  ASSERT_TRUE(until([&] { return epmd.step(), witness.has("unreachable 1"); }));
  EXPECT_EQ(witness.last_error, Errc::erlang_epmd);
}

TEST_F(PmdClient, an_erlang_epmd_without_nodes_is_recognised_by_its_port_number) {
  std::string port_number(4, '\0');
  Stranger epmd([&](std::string_view asked) { return asked.size() == 3 ? port_number : std::string(); });
  framing::write_header(port_number.data(), epmd.port());
  options.port = epmd.port();
  start();
  ASSERT_TRUE(until([&] { return epmd.step(), witness.has("unreachable 1"); }));
  EXPECT_EQ(witness.last_error, Errc::erlang_epmd);
}

TEST_F(PmdClient, an_erlang_epmd_is_recognised_at_every_attempt) {
  Stranger epmd([](std::string_view asked) {
    return asked.size() == 3 ? std::string("\0\0\x11\x11name rabbit at port 25672\n", 30) : std::string();
  });
  options.port = epmd.port();
  start();
  ASSERT_TRUE(until([&] { return epmd.step(), witness.has("unreachable 3"); }));
  EXPECT_EQ(witness.last_error, Errc::erlang_epmd);
}

TEST_F(PmdClient, what_answers_in_another_protocol_is_no_pmd) {
  const std::string json_of_another = std::string("\0\0\0\2", 4) + "[]";
  for (const std::string& answer : {std::string("HTTP/1.1 400 Bad Request\r\n\r\n"), json_of_another}) {
    Stranger stranger([&](std::string_view) { return answer; });
    Witness observer;
    options.port = stranger.port();
    Client other({reactor, resolver, stream_setup, chunks, out}, observer, options);
    other.start();
    ASSERT_TRUE(until([&] { return stranger.step(), observer.has("unreachable 1"); }));
    EXPECT_EQ(observer.last_error, Errc::not_a_pmd);
    other.close();
    ASSERT_TRUE(until([&] { return stranger.step(), observer.is_closed; }));
  }
}

TEST_F(PmdClient, what_hangs_up_without_an_answer_is_unreachable) {
  Stranger stranger([](std::string_view) { return std::string(); });
  options.port = stranger.port();
  start();
  ASSERT_TRUE(until([&] { return stranger.step(), witness.has("unreachable 2"); }));
  EXPECT_EQ(witness.last_error, Errc::end_of_stream);
}

TEST_F(PmdClient, with_our_pmd_nodes_see_each_other_come_and_go_and_learn_of_its_end) {
  const base::Log log(base::LogLevel::error);
  ServerOptions server_options;
  server_options.port = 0;
  Server server(reactor, stream_setup, log, server_options);
  ASSERT_TRUE(server.start());
  options.port = server.port();
  options.registration = registration("n1");
  options.is_watching = true;
  start();
  ASSERT_TRUE(until_told("registered") && until_told("snapshot: n1"));

  Witness other_witness;
  options.registration = registration("n2");
  Client other({reactor, resolver, stream_setup, chunks, out}, other_witness, options);
  other.start();
  ASSERT_TRUE(until_told("join n2") && until([&] { return other_witness.has("snapshot: n1 n2"); }));
  other.close(Unregister::yes);
  ASSERT_TRUE(until_told("leave n2") && until([&] { return other_witness.is_closed; }));
  EXPECT_FALSE(other.is_registered());

  Answered<void> refused;
  client->shutdown_pmd(protocol::Force::no, refused.callback());
  ASSERT_TRUE(until([&] { return refused.count == 1; }));
  EXPECT_EQ(refused.result->error(), Errc::refused);
  client->shutdown_pmd(protocol::Force::yes, [](const Result<void>& told) { EXPECT_TRUE(told); });
  ASSERT_TRUE(until_told("disconnected") && until([&] { return server.is_finished(); }));
  EXPECT_EQ(witness.count("pmd shutdown"), 1U);
  EXPECT_EQ(witness.count("leave n1"), 0U);
}

TEST_F(PmdClient, close_unregisters_first_when_asked_to) {
  options.registration = registration("n1");
  start();
  ASSERT_TRUE(until_told("registered"));
  close(Unregister::yes);
  EXPECT_EQ(pmd.requests.back(), RequestType::unregister);
}

TEST_F(PmdClient, close_ends_although_the_unregister_is_not_answered) {
  options.registration = registration("n1");
  options.close_timeout = base::milliseconds(20);
  options.request_timeout = base::seconds(3600);
  answer_all_but(RequestType::unregister, say_nothing);
  start();
  ASSERT_TRUE(until_told("registered"));
  close(Unregister::yes);
  EXPECT_EQ(pmd.count(RequestType::unregister), 1U);
}

TEST_F(PmdClient, close_ends_at_every_turn_of_a_sessions_beginning) {
  options.registration = registration("n1");
  options.is_watching = true;
  pmd.listen();
  options.port = pmd.port();
  for (int turns = 0; turns < 12; ++turns) {
    witness = {};
    start();
    turn_some(reactor, turns);
    close(turns % 2 == 0 ? Unregister::yes : Unregister::no);
    client.reset();
  }
}

TEST_F(PmdClient, close_ends_while_it_waits_to_dial_and_while_it_probes) {
  options.backoff = {.first = base::seconds(3600), .last = base::seconds(3600)};
  Stranger stranger([](std::string_view) { return std::string(); });
  options.port = stranger.port();
  for (int steps = 0; steps < 30; ++steps) {
    witness = {};
    start();
    for (int i = 0; i < steps; ++i) {
      turn_some(reactor, 1);
      stranger.step();
    }
    close();
    client.reset();
  }
}

TEST_F(PmdClient, close_cancels_requests_before_its_own_end) {
  pmd.script = say_nothing;
  start();
  Answered<NodeInfo> found;
  client->resolve("a", found.callback());
  close();
  EXPECT_EQ(found.count, 1U);
  EXPECT_EQ(found.result->error(), Errc::canceled);
}

TEST_F(PmdClient, a_client_may_be_closed_by_what_it_tells) {
  options.registration = registration("n1");
  witness.when_refused = [&] { client->close(); };
  answer_all_but(RequestType::register_node,
                 [&](const Request& request) { pmd.send(protocol::error_response(request.raw_request_id, "no")); });
  start();
  EXPECT_TRUE(until([&] { return witness.is_closed; }));
}

}  // namespace
}  // namespace distflow::pmd
