// The groups of nodes in a PMD: who is told of them, and what bounds them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "pmd/server/server.hpp"
#include "tests/support/memory_pmd.hpp"
#include "tests/support/over_stores.hpp"
#include "tests/support/pmd_requests.hpp"

namespace distflow::pmd {
namespace {

using namespace test;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string regroup_text(const std::string& node_id, const std::string& join, const std::string& leave = "[]") {
  return request_text("regroup", R"({"nodeId":")" + node_id + R"(","join":)" + join + R"(,"leave":)" + leave + "}");
}
/// `["PREFIX0","PREFIX1",...]`
std::string names(std::size_t count, const std::string& prefix = "g") {
  std::string json = "[";
  for (std::size_t i = 0; i < count; ++i) {
    json += i == 0 ? "\"" : ",\"";
    json += prefix + std::to_string(i) + '"';
  }
  return json + "]";
}
std::string refusal(const std::string& text) {
  return R"({"type":"response","requestId":"r","payload":{"error":")" + text + R"("}})";
}

class PmdGroups : public OverStores {
 protected:
  void SetUp() override { ASSERT_TRUE(pmd.start()); }
  void TearDown() override { EXPECT_TRUE(pmd.server().registry().invariants()); }

  /// Watches, having said hello with those caps; with none at all if they are null.
  MemoryPmd::PeerId watch(const char* caps) {
    const auto watcher = pmd.connect();
    if (caps != nullptr) pmd.ask(watcher, request_text("hello", std::string(R"({"version":1,"caps":)") + caps + "}"));
    pmd.ask(watcher, request_text("watch"));
    return watcher;
  }

  MemoryPmd pmd{{}, store()};
};
DF_OVER_STORES(PmdGroups);

TEST_P(PmdGroups, the_groups_of_a_registration_are_in_every_answer_and_event) {
  const auto watcher = watch(nullptr);
  const auto node = pmd.connect();
  EXPECT_EQ(pmd.ask(node, register_text("id1", "a", R"(,"groups":["workers","topic:prices","workers"])")), kSuccess);
  const auto groups = HasSubstr(R"("groups":["workers","topic:prices"])");
  EXPECT_THAT(pmd.receive(watcher), ElementsAre(groups));
  EXPECT_THAT(pmd.ask(node, request_text("list")), groups);
  EXPECT_THAT(pmd.ask(node, resolve_text("a")), groups);
  EXPECT_THAT(pmd.ask(node, request_text("watch")), groups);
}

TEST_P(PmdGroups, a_node_without_groups_has_no_key_that_older_clients_do_not_know) {
  const auto node = pmd.connect();
  pmd.ask(node, register_text("id1", "a", R"(,"groups":["workers"])"));
  pmd.ask(node, regroup_text("id1", "[]", R"(["workers"])"));
  EXPECT_THAT(pmd.ask(node, request_text("list")), Not(HasSubstr("groups")));
}

TEST_P(PmdGroups, a_change_is_an_update_to_who_knows_it_a_join_to_who_counts_revisions_and_nothing_to_others) {
  const auto node = pmd.connect();
  pmd.ask(node, register_text("id1", "a"));
  const auto knows = watch(R"(["pmd-shutdown","groups"])");
  const auto counts = watch(R"(["pmd-shutdown"])");
  const auto typescript = watch(nullptr);
  EXPECT_EQ(pmd.ask(node, regroup_text("id1", R"(["workers"])")), kSuccess);
  const auto told = AllOf(HasSubstr(R"("groups":["workers"])"), HasSubstr(R"("rev":2})"));
  EXPECT_THAT(pmd.receive(knows), ElementsAre(AllOf(HasSubstr("peer:update"), told)));
  EXPECT_THAT(pmd.receive(counts), ElementsAre(AllOf(HasSubstr("peer:join"), told)));
  EXPECT_THAT(pmd.receive(typescript), IsEmpty());
  // What comes then is for all of them, and behind it.
  pmd.ask(node, regroup_text("id1", R"(["more"])"));
  pmd.ask(node, unregister_text("id1"));
  const auto left = AllOf(HasSubstr("peer:leave"), HasSubstr(R"("rev":4})"));
  EXPECT_THAT(pmd.receive(knows), ElementsAre(HasSubstr("peer:update"), left));
  EXPECT_THAT(pmd.receive(counts), ElementsAre(HasSubstr("peer:join"), left));
  EXPECT_THAT(pmd.receive(typescript), ElementsAre(left));
  EXPECT_EQ(pmd.server().counters().regroups, 2U);
  EXPECT_EQ(pmd.server().counters().joins, 1U);
}

TEST_P(PmdGroups, a_watcher_that_says_hello_later_is_what_it_said_when_it_asked_again) {
  const auto node = pmd.connect();
  pmd.ask(node, register_text("id1", "a"));
  const auto watcher = watch(nullptr);
  pmd.ask(watcher, request_text("hello", R"({"version":1,"caps":["groups"]})"));
  pmd.ask(node, regroup_text("id1", R"(["one"])"));
  EXPECT_THAT(pmd.receive(watcher), IsEmpty());
  pmd.ask(watcher, request_text("watch"));
  pmd.ask(node, regroup_text("id1", R"(["two"])"));
  EXPECT_THAT(pmd.receive(watcher), ElementsAre(HasSubstr("peer:update")));
}

TEST_P(PmdGroups, what_changes_nothing_is_answered_and_no_event) {
  const auto node = pmd.connect();
  pmd.ask(node, register_text("id1", "a", R"(,"groups":["workers"])"));
  const auto watcher = watch(R"(["groups"])");
  EXPECT_EQ(pmd.ask(node, regroup_text("id1", R"(["workers"])", R"(["never"])")), kSuccess);
  EXPECT_EQ(pmd.ask(node, regroup_text("id1", R"(["both"])", R"(["both"])")), kSuccess);
  EXPECT_EQ(pmd.ask(node, request_text("regroup", R"({"nodeId":"id1"})")), kSuccess);
  EXPECT_THAT(pmd.receive(watcher), IsEmpty());
  EXPECT_EQ(pmd.server().counters().regroups, 0U);
}

TEST_P(PmdGroups, only_the_connection_that_a_node_belongs_to_changes_its_groups) {
  const auto node = pmd.connect();
  const auto other = pmd.connect();
  pmd.ask(node, register_text("id1", "a", R"(,"groups":["workers"])"));
  EXPECT_EQ(pmd.ask(other, regroup_text("id1", "[]", R"(["workers"])")), kNotFound);
  EXPECT_EQ(pmd.ask(node, regroup_text("id2", R"(["workers"])")), kNotFound);
  EXPECT_EQ(pmd.ask(node, request_text("regroup", "7")), kNotFound);
  EXPECT_THAT(pmd.ask(node, request_text("list")), HasSubstr(R"("groups":["workers"])"));
}

TEST_P(PmdGroups, a_node_has_at_most_64_groups_of_256_bytes) {
  const auto node = pmd.connect();
  const std::string long_name(256, 'x');
  EXPECT_EQ(pmd.ask(node, register_text("id1", "a", R"(,"groups":)" + names(63))), kSuccess);
  EXPECT_EQ(pmd.ask(node, regroup_text("id1", "[\"" + long_name + "\"]")), kSuccess);
  EXPECT_EQ(pmd.ask(node, regroup_text("id1", R"(["one-more"])")), refusal("Invalid groups: more than 64 of one node"));
  EXPECT_EQ(pmd.ask(node, regroup_text("id1", R"(["one-more"])", R"(["g0"])")), kSuccess);
  const std::string wrong = " is not an array of at most 64 strings of 1 to 256 bytes";
  for (const std::string& join :
       {names(65, "h"), "[\"" + long_name + "x\"]", std::string(R"([""])"), std::string("7")}) {
    EXPECT_EQ(pmd.ask(node, regroup_text("id1", join)), refusal("Invalid groups: join" + wrong)) << join;
    EXPECT_EQ(pmd.ask(node, register_text("id1", "a", R"(,"groups":)" + join)),
              refusal("Invalid registration: groups" + wrong));
  }
  EXPECT_EQ(pmd.server().counters().regroups_invalid, 5U);
  EXPECT_EQ(pmd.server().counters().registrations_invalid, 4U);
}

TEST_P(PmdGroups,
       a_node_that_the_other_bounds_allow_is_registered_where_its_names_need_no_escapes_and_else_up_to_40_KiB) {
  const auto node = pmd.connect();
  const auto many = [](int count, const std::string& name) {
    std::string groups;
    for (int i = 10; i < 10 + count; ++i) groups += (i == 10 ? "\"" : ",\"") + std::to_string(i) + name + '"';
    return "[" + groups + "]";
  };
  std::string meta = R"("caps":["groups"],"meta":{)";
  for (int i = 10; i < 42; ++i) {
    meta +=
        (i == 10 ? "\"" : ",\"") + std::to_string(i) + std::string(254, 'k') + "\":\"" + std::string(256, 'v') + '"';
  }
  meta += "}";
  EXPECT_EQ(pmd.ask(node, register_text(std::string(256, 'n'), std::string(256, 'a'),
                                        R"(,"groups":)" + many(64, std::string(254, 'g')) + "," + meta)),
            kSuccess);
  std::string escaped;
  for (int i = 0; i < 250; ++i) escaped += R"(\u0001)";
  EXPECT_EQ(pmd.ask(node, register_text("id2", "b", R"(,"groups":)" + many(30, escaped))),
            refusal("Invalid registration: the node is longer than 40960 bytes as JSON"));
  EXPECT_EQ(pmd.ask(node, register_text("id2", "b", R"(,"groups":)" + many(20, escaped))), kSuccess);
  EXPECT_EQ(pmd.ask(node, regroup_text("id2", many(30, escaped))),
            refusal("Invalid groups: the node is longer than 40960 bytes as JSON with them"));
  EXPECT_EQ(pmd.ask(node, regroup_text("id2", R"(["small"])")), kSuccess) << "what was refused changed nothing";
  EXPECT_EQ(pmd.server().counters().registrations_invalid, 1U);
  EXPECT_EQ(pmd.server().counters().regroups_invalid, 1U);
}

TEST_P(PmdGroups, no_alias_and_no_node_id_begins_as_a_topic_does) {
  const auto node = pmd.connect();
  EXPECT_EQ(pmd.ask(node, register_text("id1", "topic:prices")),
            refusal("Invalid registration: alias begins with topic:"));
  EXPECT_EQ(pmd.ask(node, register_text("topic:prices", "a")),
            refusal("Invalid registration: nodeId begins with topic:"));
}

TEST_P(PmdGroups, changed_groups_keep_ttl_secret_place_and_names_of_the_node) {
  const auto node = pmd.connect();
  pmd.ask(node, register_text("id1", "a", R"(,"ttl":1000,"secret":"s","meta":{"zone":"b"})"));
  pmd.ask(node, register_text("id2", "b"));
  pmd.advance(base::milliseconds(900));
  pmd.ask(node, regroup_text("id1", R"(["workers"])"));
  pmd.advance(base::milliseconds(900));
  EXPECT_THAT(pmd.ask(node, request_text("list")), ::testing::ContainsRegex(R"("id1","alias":"a".*"zone":"b".*"id2")"));
  const auto next = pmd.connect();
  EXPECT_EQ(pmd.ask(next, register_text("id1", "a", R"(,"secret":"s")")), kSuccess);
}

TEST_P(PmdGroups, groups_count_for_the_memory_that_one_connection_may_take) {
  ServerOptions options;
  options.registry.owner_bytes_max = 8192;
  MemoryPmd small(options, store());
  ASSERT_TRUE(small.start());
  const auto node = small.connect();
  small.ask(node, register_text("id1", "a"));
  small.ask(node, register_text("id2", "b"));
  EXPECT_EQ(small.ask(node, regroup_text("id1", names(64, std::string(120, 'x')))),
            refusal("Too many nodes on one connection"));
  EXPECT_EQ(small.server().counters().registrations_over_share, 1U);
  EXPECT_THAT(small.ask(node, request_text("list")), Not(HasSubstr("groups")));
  EXPECT_TRUE(small.server().registry().invariants());
}

TEST_P(PmdGroups, a_watcher_that_does_not_read_is_sent_what_is_for_it_when_it_does) {
  const auto node = pmd.connect();
  pmd.ask(node, register_text("id1", "a"));
  const auto typescript = watch(nullptr);
  const auto knows = watch(R"(["groups"])");
  pmd.network().set_window(typescript, 0);
  for (const char* group : {"one", "two", "three"})
    pmd.ask(node, regroup_text("id1", "[\"" + std::string(group) + "\"]"));
  pmd.ask(node, unregister_text("id1"));
  pmd.network().set_window(typescript, 1 << 20);
  pmd.turn();
  EXPECT_THAT(pmd.receive(typescript), ElementsAre(HasSubstr("peer:leave")));
  EXPECT_EQ(pmd.receive(knows).size(), 4U);
}

}  // namespace
}  // namespace distflow::pmd
