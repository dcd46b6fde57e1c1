// What a PMD serves over HTTP, on a network in memory whose time passes when the test says so.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

#include "pmd/web/node_list.hpp"
#include "pmd/web/page_files.hpp"
#include "pmd/web/web.hpp"
#include "tests/support/http_peers.hpp"
#include "tests/support/memory_pmd.hpp"
#include "tests/support/pmd_requests.hpp"

namespace distflow::pmd {
namespace {

using namespace test;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;
using PeerId = MemoryPmd::PeerId;

constexpr std::uint16_t kWebPort = 4370;

std::size_t count_of(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

class WebTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(pmd.start());
    http::ServerOptions options;
    options.port = kWebPort;
    web = std::make_unique<Web>(pmd.reactor(), pmd.server(), options);
    ASSERT_TRUE(web->start());
  }
  void TearDown() override { peers.close(*web); }

  PeerId begin(const std::string& path) { return peers.begin(path); }
  std::string get(const std::string& path, const std::string& status = "200") { return peers.body_of(path, status); }
  PeerId connect_node() {
    const PeerId peer = pmd.network().connect(io::Address::ipv4_loopback(50'000), kDefaultPort);
    pmd.network().set_owner(peer, io::PeerOwner::user(0));
    pmd.turn();
    return peer;
  }
  PeerId add_node(const std::string& id, const std::string& alias) {
    const PeerId node = connect_node();
    EXPECT_THAT(pmd.ask(node, register_text(id, alias)), HasSubstr(R"("success":true)"));
    return node;
  }
  std::string told_to(PeerId peer) { return pmd.network().take(peer); }
  /// What has happened since a viewer was told something reaches it.
  void let_a_round_pass() { pmd.advance(http::Server::kRoundInterval + base::milliseconds(1)); }

  MemoryPmd pmd;
  HttpPeers peers{pmd.network(), kWebPort, [this] { pmd.turn(); }};
  std::unique_ptr<Web> web;
};

TEST_F(WebTest, health_is_ok_until_the_pmd_ends) {
  EXPECT_EQ(get("/health"), "ok\n");
  pmd.server().begin_shutdown();
  EXPECT_EQ(get("/health", "503"), "ending\n");
}

TEST_F(WebTest, metrics_have_every_counter_with_its_type_and_follow_what_happens) {
  EXPECT_THAT(get("/metrics"), HasSubstr("\ndistflow_pmd_joins_total 0\n"));
  add_node("id1", "pong-7");
  const std::string metrics = get("/metrics");
  EXPECT_THAT(metrics, StartsWith("# HELP distflow_pmd_nodes Registered nodes.\n# TYPE distflow_pmd_nodes gauge\n"
                                  "distflow_pmd_nodes 1\n"));
  EXPECT_THAT(metrics, HasSubstr("\n# TYPE distflow_pmd_joins_total counter\ndistflow_pmd_joins_total 1\n"));
  EXPECT_THAT(metrics, HasSubstr("\ndistflow_pmd_connections 1\n"));
  EXPECT_THAT(metrics, HasSubstr("\ndistflow_pmd_handshakes_failed_total 0\n"));
  EXPECT_THAT(metrics, HasSubstr("\ndistflow_pmd_handshakes_refused_total 0\n"));
  EXPECT_THAT(metrics, HasSubstr("\ndistflow_pmd_http_requests_total 1\n"));
  EXPECT_THAT(metrics, HasSubstr("\ndistflow_pmd_http_not_allowed_total 0\n"));
  EXPECT_THAT(metrics, Not(HasSubstr("pong-7"))) << "names would make any number of series";
}

TEST_F(WebTest, nodes_are_listed_in_parts_in_the_order_of_registration) {
  EXPECT_EQ(get("/api/nodes"), "{\"revision\":0,\"count\":0,\"nodes\":[],\"next\":null}\n");
  for (const char* id : {"a", "b/ %", "c"}) add_node(id, std::string("alias ") + id);
  EXPECT_THAT(get("/api/nodes"), AllOf(StartsWith(R"({"revision":3,"count":3,"nodes":[{"nodeId":"a",)"),
                                       HasSubstr(R"("nodeId":"c",)"), EndsWith("],\"next\":null}\n")));
  const std::string first = get("/api/nodes?limit=2");
  EXPECT_THAT(first, AllOf(HasSubstr(R"("nodeId":"b/ %",)"), EndsWith("],\"next\":\"2.b/ %\"}\n")));
  EXPECT_THAT(first, Not(HasSubstr(R"("nodeId":"c")")));
  EXPECT_THAT(get("/api/nodes?after=2.b%2F%20%25&limit=2"),
              AllOf(HasSubstr(R"("nodes":[{"nodeId":"c",)"), EndsWith("],\"next\":null}\n")));
  EXPECT_THAT(get("/api/nodes?after=3.c"), HasSubstr(R"("nodes":[],"next":null)"));
  EXPECT_THAT(get("/api/nodes?after=1.gone", "410"), HasSubstr("begin anew"));
  EXPECT_THAT(get("/api/nodes?after=c", "400"), HasSubstr("after"));
  EXPECT_THAT(get("/api/nodes?after=.c", "400"), HasSubstr("after"));
  EXPECT_THAT(get("/api/nodes?after=%zz", "400"), HasSubstr("400"));
  EXPECT_THAT(get("/api/nodes?limit=%zz", "400"), HasSubstr("400"));
  EXPECT_THAT(get("/api/nodes?limit=0", "400"), HasSubstr("limit"));
  EXPECT_THAT(get("/api/nodes?limit=-1", "400"), HasSubstr("limit"));
}

TEST_F(WebTest, a_node_that_leaves_and_comes_back_between_two_parts_hides_no_other) {
  const PeerId first = add_node("a", "one");
  add_node("b", "two");
  EXPECT_THAT(get("/api/nodes?limit=1"), EndsWith("],\"next\":\"1.a\"}\n"));
  pmd.hang_up(first);
  add_node("a", "one");
  EXPECT_THAT(get("/api/nodes?after=1.a", "410"), HasSubstr("begin anew"));
}

TEST_F(WebTest, a_part_of_the_nodes_is_bounded_and_leads_to_all_of_them) {
  const PeerId node = connect_node();
  for (int i = 0; i < 2500; ++i) pmd.ask(node, register_text("id" + std::to_string(i), ""));
  std::string path = "/api/nodes";
  std::size_t count = 0;
  for (int parts = 0; parts < 20; ++parts) {
    const std::string part = get(path);
    ASSERT_LE(part.size(), kPartSizeMax + 1024);
    count += count_of(part, "\"nodeId\"");
    const std::size_t next = part.rfind("\"next\":\"");
    if (next == std::string::npos) break;
    path = "/api/nodes?after=" + part.substr(next + 8, part.find('"', next + 8) - next - 8);
  }
  EXPECT_EQ(count, 2500u);
}

TEST_F(WebTest, a_viewer_is_told_the_figures_and_who_joins_and_leaves) {
  const PeerId viewer = begin("/events");
  EXPECT_THAT(told_to(viewer),
              AllOf(HasSubstr("\r\nContent-Type: text/event-stream\r\n"),
                    EndsWith("event: figures\ndata: {\"nodes\":0,\"connections\":0,\"revision\":0,\"requests\":0,"
                             "\"joins\":0,\"leaves\":0}\n\n")));
  const PeerId node = add_node("id1", "one");
  EXPECT_THAT(told_to(viewer),
              AllOf(StartsWith("id: 1\nevent: join\ndata: {\"nodeId\":\"id1\",\"alias\":\"one\","), EndsWith("}\n\n")));
  pmd.hang_up(node);
  let_a_round_pass();
  EXPECT_THAT(told_to(viewer), StartsWith("id: 2\nevent: leave\ndata: {\"nodeId\":\"id1\","));
  pmd.advance(base::seconds(1) + base::milliseconds(100));
  EXPECT_THAT(told_to(viewer), StartsWith("event: figures\ndata: {\"nodes\":0,\"connections\":0,\"revision\":2,"));
}

TEST_F(WebTest, a_node_that_is_gone_is_told_of_within_a_tenth_of_a_second_however_much_else_happens) {
  const PeerId node = add_node("id1", "one");
  const PeerId viewer = begin("/events");
  const PeerId other = add_node("id2", "two");
  pmd.hang_up(other);
  told_to(viewer);
  pmd.hang_up(node);
  let_a_round_pass();
  EXPECT_THAT(told_to(viewer), HasSubstr("event: leave\ndata: {\"nodeId\":\"id1\","));
}

TEST_F(WebTest, a_viewer_that_reads_is_told_all_of_a_burst) {
  const PeerId node = connect_node();
  for (int i = 0; i < 1000; ++i) pmd.ask(node, register_text("id" + std::to_string(i), ""));
  const PeerId viewer = begin("/events");
  told_to(viewer);
  pmd.network().end(node);
  std::string told;
  for (int i = 0; i < 50; ++i) {
    pmd.reactor().turn(base::Instant::min());
    pmd.network().advance(base::milliseconds(10));
    told += told_to(viewer);
  }
  EXPECT_EQ(count_of(told, "event: leave\n"), 1000u);
  EXPECT_FALSE(pmd.network().is_closed(viewer));
  EXPECT_EQ(web->http().counters().slow_readers, 0u);
}

TEST_F(WebTest, a_viewer_is_told_of_the_largest_node_and_of_changes_of_it_in_one_turn) {
  const PeerId viewer = begin("/events");
  told_to(viewer);
  const PeerId node = connect_node();
  std::string groups;
  for (int i = 0; i < 60; ++i)
    groups += (i == 0 ? "\"" : ",\"") + std::to_string(100 + i) + std::string(253, 'g') + '"';
  std::string meta;
  for (int i = 0; i < 32; ++i)
    meta += (i == 0 ? "\"" : ",\"") + std::to_string(100 + i) + "\":\"" + std::string(250, 'm') + '"';
  const std::string extra = ",\"groups\":[" + groups + "],\"meta\":{" + meta + "}";
  EXPECT_THAT(pmd.ask(node, register_text("id1", "one", extra)), HasSubstr(R"("success":true)"));
  pmd.network().write(node, framed(R"({"type":"regroup","payload":{"nodeId":"id1","join":["a"]},"requestId":1})") +
                                framed(R"({"type":"regroup","payload":{"nodeId":"id1","join":["b"]},"requestId":2})"));
  pmd.turn();
  let_a_round_pass();
  const std::string told = told_to(viewer);
  EXPECT_EQ(count_of(told, "event: update\n"), 2u);
  EXPECT_GT(told.size(), 64u * 1024);
  EXPECT_FALSE(pmd.network().is_closed(viewer));
}

TEST_F(WebTest, viewers_do_not_keep_a_pmd_that_nobody_needs) {
  ServerOptions ends_when_idle;
  ends_when_idle.idle_exit = base::seconds(10);
  MemoryPmd idle(ends_when_idle);
  ASSERT_TRUE(idle.start());
  http::ServerOptions options;
  options.port = kWebPort;
  Web page(idle.reactor(), idle.server(), options);
  ASSERT_TRUE(page.start());
  HttpPeers viewers(idle.network(), kWebPort, [&] { idle.turn(); });
  viewers.begin("/events");
  idle.advance(base::seconds(11));
  EXPECT_TRUE(idle.server().is_finished());
  viewers.close(page);
}

TEST_F(WebTest, figures_are_told_when_they_have_changed_and_a_comment_keeps_a_quiet_stream_alive) {
  const PeerId viewer = begin("/events");
  pmd.advance(base::milliseconds(1100));
  told_to(viewer);
  pmd.advance(base::seconds(10));
  EXPECT_THAT(told_to(viewer), IsEmpty());
  pmd.advance(base::seconds(6));
  EXPECT_EQ(told_to(viewer), ":\n\n");
}

TEST_F(WebTest, while_nobody_looks_no_timer_runs) {
  EXPECT_EQ(pmd.reactor().timers().next_deadline(), base::kNever);
  const PeerId viewer = begin("/events");
  pmd.advance(base::seconds(2));
  EXPECT_NE(pmd.reactor().timers().next_deadline(), base::kNever);
  pmd.hang_up(viewer);
  EXPECT_EQ(pmd.reactor().timers().next_deadline(), base::kNever);
}

TEST_F(WebTest, a_name_of_a_stranger_ends_no_line_and_begins_no_event) {
  const PeerId viewer = begin("/events");
  told_to(viewer);
  add_node("id1", R"(<img onerror>\n\nevent: leave\r\ndata: {}\n\n)");
  const std::string told = told_to(viewer);
  EXPECT_THAT(told, HasSubstr(R"("alias":"<img onerror>\n\nevent: leave\r\ndata: {}\n\n")"));
  EXPECT_EQ(told.find("\n\n"), told.size() - 2);
  EXPECT_THAT(get("/api/nodes"), HasSubstr(R"("alias":"<img onerror>\n\nevent: leave)"));
}

TEST_F(WebTest, the_page_is_a_few_small_files_without_anything_from_elsewhere) {
  std::size_t size = 0;
  for (const PageFile& file : page_files()) {
    const std::string answer = pmd.network().take(begin(std::string(file.path)));
    EXPECT_THAT(answer, HasSubstr("\r\nContent-Type: " + std::string(file.content_type) + "\r\n"));
    EXPECT_THAT(answer, EndsWith("\r\n\r\n" + std::string(file.text)));
    EXPECT_THAT(answer, Not(HasSubstr("://"))) << file.path;
    EXPECT_THAT(answer, Not(HasSubstr("innerHTML"))) << file.path;
    size += file.text.size();
  }
  EXPECT_LE(size, 60u * 1024);
}

TEST_F(WebTest, another_path_is_not_found_and_nothing_changes_the_registry) {
  add_node("id1", "one");
  for (const char* path : {"/index.html", "/nodes", "/api/nodes/", "/../health", "/shutdown", "/quitquitquit"}) {
    EXPECT_THAT(get(path, "404"), HasSubstr("404")) << path;
  }
  EXPECT_EQ(pmd.server().registry().revision(), 1u);
  EXPECT_TRUE(pmd.server().is_serving());
}

}  // namespace
}  // namespace distflow::pmd
