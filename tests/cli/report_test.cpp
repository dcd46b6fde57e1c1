#include "cli/report.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>

namespace distflow::cli {
namespace {

TEST(Report, times_are_written_as_javascript_writes_them) {
  EXPECT_EQ(to_iso_time(1795374147959), "2026-11-22T19:02:27.959Z");
  EXPECT_EQ(to_iso_time(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(to_iso_time(-1), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(to_iso_time(951'782'400'000), "2000-02-29T00:00:00.000Z");
  EXPECT_EQ(to_iso_time(253'402'300'799'999), "9999-12-31T23:59:59.999Z");
  EXPECT_EQ(to_iso_time(-62'167'219'200'000), "0000-01-01T00:00:00.000Z");
}

TEST(Report, numbers_that_are_no_time_are_written_as_they_are) {
  EXPECT_EQ(to_iso_time(253'402'300'800'000), "253402300800000");
  EXPECT_EQ(to_iso_time(std::numeric_limits<std::int64_t>::max()), "9223372036854775807");
  EXPECT_EQ(to_iso_time(std::numeric_limits<std::int64_t>::min()), "-9223372036854775808");
}

TEST(Report, an_empty_registry_is_said_to_be) { EXPECT_EQ(report_list({}, {}, 0, {}).out, "No nodes registered\n"); }

TEST(Report, a_node_without_an_alias_is_listed_by_its_id) {
  const protocol::NodeInfo node{.node_id = "n1", .alias = {}, .host = "::1", .port = 7, .last_heartbeat_ms = 0};
  EXPECT_EQ(report_list({}, {node}, 0, {}).out,
            "Registered nodes:\n"
            "  - n1\n"
            "    Node ID: n1\n"
            "    Address: [::1]:7\n"
            "    Last heartbeat: 1970-01-01T00:00:00.000Z\n");
}

TEST(Report, on_a_terminal_the_list_is_a_table_by_name) {
  const Nodes nodes{{.node_id = "n2", .alias = "b", .host = "h", .port = 7, .last_heartbeat_ms = 1000},
                    {.node_id = "n1", .alias = "a", .host = "h", .port = 8, .last_heartbeat_ms = 1000}};
  EXPECT_EQ(report_list({}, nodes, 4000, {.is_terminal = true}).out,
            "NAME  ADDRESS  SEEN  USER  NODE ID  META\n"
            "a     h:8      3s    -     n1\n"
            "b     h:7      3s    -     n2\n");
}

TEST(Report, groups_have_a_column_where_a_node_has_any) {
  const Nodes nodes{{.node_id = "n1", .alias = "a", .host = "h", .port = 8, .last_heartbeat_ms = 1000},
                    {.node_id = "n2",
                     .alias = "b",
                     .host = "h",
                     .port = 7,
                     .last_heartbeat_ms = 1000,
                     .groups = {"workers", "x\ny"},
                     .meta = {{"zone", "c"}}}};
  EXPECT_EQ(report_list({}, nodes, 4000, {.is_terminal = true}).out,
            "NAME  ADDRESS  SEEN  USER  NODE ID  GROUPS           META\n"
            "a     h:8      3s    -     n1\n"
            "b     h:7      3s    -     n2       workers x\\u{a}y  zone=c\n");
}

TEST(Report, of_many_nodes_in_the_way_of_an_end_the_first_are_named_and_all_are_in_the_json) {
  Nodes nodes;
  for (int i = 0; i < 200; ++i) nodes.push_back({.node_id = "n" + std::to_string(i), .host = "h", .port = 7});
  Arguments arguments;
  arguments.is_json = true;
  const Report report = report_kill_refused(arguments, nodes);
  EXPECT_EQ(std::count(report.err.begin(), report.err.end(), '\n'), 23);
  EXPECT_NE(report.err.find("200 nodes are registered"), std::string::npos);
  EXPECT_NE(report.err.find("and 180 more: 'distflow nodes'"), std::string::npos);
  EXPECT_NE(report.out.find("\"n199\""), std::string::npos);
}

TEST(Report, what_listens_and_is_silent_and_a_want_of_descriptors_are_told_from_no_pmd) {
  Arguments arguments;
  arguments.host = "127.0.0.1";
  arguments.port = 7;
  EXPECT_EQ(report_error(arguments, {Errc::pmd_silent, "asking"}).err.find("Something listens at 127.0.0.1:7 and"), 0U);
  EXPECT_EQ(
      report_error(arguments, {std::make_error_code(std::errc::too_many_files_open), "asking"}).err.find("No descr"),
      0U);
  EXPECT_EQ(report_error(arguments, {std::make_error_code(std::errc::connection_refused), "asking"})
                .err.find("No PMD can be reached at 127.0.0.1:7: "),
            0U);
}

TEST(Report, the_places_where_a_missing_program_was_looked_for_are_named) {
  const Report report = report_launch_error({}, {Errc::pmd_not_found, "looking"}, "/one/pmd, and in the PATH /two");
  EXPECT_NE(report.err.find("was not found at /one/pmd, and in the PATH /two."), std::string::npos) << report.err;
}

}  // namespace
}  // namespace distflow::cli
