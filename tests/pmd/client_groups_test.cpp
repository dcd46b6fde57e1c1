// The groups of a client's registration, against PMDs that follow a script.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "pmd/client/client.hpp"
#include "tests/support/backends.hpp"
#include "tests/support/fake_pmd.hpp"
#include "tests/support/loop.hpp"

namespace distflow::pmd {
namespace {

using protocol::GroupChange;
using protocol::Groups;
using protocol::Request;
using protocol::RequestType;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class GroupWitness : public ClientObserver {
 public:
  void on_registered() override { ++registered; }
  void on_groups_kept(bool are_kept) override { kept.push_back(are_kept); }
  void on_groups_refused(std::string_view text) override { refusals.emplace_back(text); }
  void on_snapshot(std::vector<protocol::NodeInfo>) override { ++snapshots; }
  void on_join(const protocol::NodeInfo& node) override { joins.push_back(node); }
  void on_closed() override { is_closed = true; }

  int registered = 0;
  int snapshots = 0;
  std::vector<bool> kept;
  std::vector<std::string> refusals;
  std::vector<protocol::NodeInfo> joins;
  bool is_closed = false;
};

class ClientGroups : public ::testing::Test {
 protected:
  ClientGroups() {
    options.registration = protocol::Registration{.node = {.node_id = "n1", .host = "127.0.0.1", .port = 4000}};
    options.backoff = {.first = base::milliseconds(1), .last = base::milliseconds(5)};
    pmd.script = [this](const Request& request) { answer(request); };
  }
  ~ClientGroups() override {
    if (!client) return;
    client->close();
    EXPECT_TRUE(until([&] { return witness.is_closed; }));
  }

  /// As our PMD, and writes down what it is told of groups.
  void answer(const Request& request) {
    if (request.type == RequestType::hello) {
      if (!knows_groups) return pmd.answer_like_typescript(request);
      return pmd.send(protocol::hello_response(request.raw_request_id, {.caps = {"groups"}}));
    }
    if (request.type == RequestType::watch) return pmd.answer_watch(request, 5);
    if (request.type == RequestType::register_node) registered.push_back(request.registration.node.groups);
    if (request.type == RequestType::regroup) {
      regroups.push_back(request.groups);
      if (is_holding) return held.emplace_back(request.raw_request_id), void();
      if (refusal_count > 0) {
        --refusal_count;
        return pmd.send(protocol::error_response(request.raw_request_id, "Registry is full"));
      }
    }
    pmd.answer_like_typescript(request);
  }

  void start() {
    pmd.listen();
    options.port = pmd.port();
    client = std::make_unique<Client>(ClientParts{reactor, resolver, stream_setup, chunks, out}, witness, options);
    client->start();
  }
  void start_in_session() {
    start();
    ASSERT_TRUE(until([&] { return client->is_in_session() && client->is_registered(); }));
  }
  template <class Condition>
  bool until(Condition condition) {
    return test::turn_until(reactor, condition);
  }

  base::ChunkPool chunks{{.chunk_size = 64 * 1024, .chunk_count_max = 64}};
  io::Reactor reactor{test::make_socket_backend(chunks), {}};
  io::Resolver resolver{reactor};
  stream::StreamSetup stream_setup;
  transport::OutBuffer out{chunks};
  test::FakePmd pmd{reactor, chunks, out};
  GroupWitness witness;
  ClientOptions options;
  std::unique_ptr<Client> client;

  bool knows_groups = true;
  int refusal_count = 0;
  bool is_holding = false;        // changes are not answered
  std::vector<std::string> held;  // the ids of those
  std::vector<Groups> registered;
  std::vector<GroupChange> regroups;
};

TEST_F(ClientGroups, a_pmd_is_told_what_has_changed_since_it_was_told_last) {
  options.registration->node.groups = {"a"};
  start_in_session();
  client->set_groups({"a", "b"});
  client->set_groups({"b", "c"});
  client->set_groups({"b", "c"});
  ASSERT_TRUE(until([&] { return regroups.size() == 2; }));
  EXPECT_THAT(registered, ElementsAre(Groups{"a"}));
  EXPECT_THAT(regroups, ElementsAre(GroupChange{{"b"}, {}}, GroupChange{{"c"}, {"a"}}));
  EXPECT_THAT(witness.kept, ElementsAre(true));
}

TEST_F(ClientGroups, what_changes_before_the_pmd_has_said_what_it_knows_is_told_then) {
  start();
  ASSERT_TRUE(until([&] { return pmd.connection_count == 1 || client->is_in_session(); }));
  client->set_groups({"a"});
  ASSERT_TRUE(until([&] { return regroups.size() + (registered.empty() ? 0 : registered.back().size()) == 1; }));
}

TEST_F(ClientGroups, a_pmd_that_keeps_no_groups_is_not_asked_for_any) {
  knows_groups = false;
  start_in_session();
  client->set_groups({"a"});
  EXPECT_THAT(witness.kept, ElementsAre(false));
  // The registration of the next session holds them, for whoever is there by then.
  knows_groups = true;
  pmd.hang_up();
  ASSERT_TRUE(until([&] { return registered.size() == 2 && client->is_registered(); }));
  EXPECT_THAT(registered.back(), ElementsAre("a"));
  EXPECT_THAT(regroups, IsEmpty());
  EXPECT_THAT(witness.kept, ElementsAre(false, true));
}

TEST_F(ClientGroups, a_pmd_that_was_started_anew_is_told_all_groups) {
  start_in_session();
  client->set_groups({"a", "b"});
  ASSERT_TRUE(until([&] { return regroups.size() == 1; }));
  pmd.hang_up();
  ASSERT_TRUE(until([&] { return registered.size() == 2 && client->is_registered(); }));
  EXPECT_THAT(registered.back(), ElementsAre("a", "b"));
  EXPECT_EQ(regroups.size(), 1U);
}

TEST_F(ClientGroups, what_was_refused_is_asked_for_again_with_the_next_heartbeat) {
  options.heartbeat_interval = base::milliseconds(5);
  refusal_count = 1;
  start_in_session();
  client->set_groups({"a"});
  client->set_groups({"a", "b"});
  ASSERT_TRUE(until([&] { return regroups.size() == 3; }));
  EXPECT_THAT(regroups, ElementsAre(GroupChange{{"a"}, {}}, GroupChange{{"b"}, {}}, GroupChange{{"a"}, {}}));
  EXPECT_THAT(witness.refusals, ElementsAre("Registry is full"));
}

TEST_F(ClientGroups, an_answer_to_a_change_of_before_a_registration_says_nothing_of_that) {
  start_in_session();
  is_holding = true;
  client->set_groups({"a"});
  ASSERT_TRUE(until([&] { return held.size() == 1; }));
  // As after a registration that has expired: the PMD has not taken the change, and gets all groups with the next.
  client->set_registration({.node = {.node_id = "n1", .host = "127.0.0.1", .port = 4000, .groups = {"a"}}});
  ASSERT_TRUE(until([&] { return registered.size() == 2; }));
  pmd.send(protocol::error_response(held.front(), protocol::kNodeNotFound));
  is_holding = false;
  bool is_answered = false;
  client->resolve("n1", [&](const Result<protocol::NodeInfo>&) { is_answered = true; });
  ASSERT_TRUE(until([&] { return is_answered; }));
  client->set_groups({"b"});
  ASSERT_TRUE(until([&] { return regroups.size() == 2; }));
  client->set_groups({"a", "b"});
  ASSERT_TRUE(until([&] { return regroups.size() == 3; }));
  EXPECT_THAT(regroups, ElementsAre(GroupChange{{"a"}, {}}, GroupChange{{"b"}, {"a"}}, GroupChange{{"a"}, {}}));
  EXPECT_THAT(witness.refusals, IsEmpty());
}

TEST_F(ClientGroups, a_changed_group_of_another_node_is_news_of_that_node) {
  options.is_watching = true;
  start_in_session();
  ASSERT_TRUE(until([&] { return witness.snapshots == 1; }));
  protocol::NodeInfo node{.node_id = "n2", .host = "127.0.0.1", .port = 4001, .groups = {"workers"}};
  pmd.send(protocol::peer_event(protocol::EventKind::update, node, 6));
  ASSERT_TRUE(until([&] { return !witness.joins.empty(); }));
  EXPECT_EQ(witness.joins.front(), node);
}

}  // namespace
}  // namespace distflow::pmd
