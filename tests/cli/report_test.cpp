#include "cli/report.hpp"

#include <gtest/gtest.h>

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

TEST(Report, an_empty_registry_is_said_to_be) { EXPECT_EQ(report_list({}, {}).out, "No nodes registered\n"); }

TEST(Report, a_node_without_an_alias_is_listed_by_its_id) {
  const protocol::NodeInfo node{.node_id = "n1", .alias = {}, .host = "::1", .port = 7, .last_heartbeat_ms = 0};
  EXPECT_EQ(report_list({}, {node}).out,
            "Registered nodes:\n"
            "  - n1\n"
            "    Node ID: n1\n"
            "    Address: [::1]:7\n"
            "    Last heartbeat: 1970-01-01T00:00:00.000Z\n");
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
