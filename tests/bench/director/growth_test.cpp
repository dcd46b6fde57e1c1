#include "bench/director/growth.hpp"

#include <gtest/gtest.h>

namespace distflow::bench {
namespace {

RowPlan point(std::uint64_t x) {
  RowPlan plan;
  plan.point = {.growth = "curve", .x_name = "connections", .x = x};
  return plan;
}

Row measured(double value) {
  Row row{.name = "a point", .unit = "messages/s"};
  row.entries.push_back({.name = "ours", .values = {value}, .memory_bytes = 4096});
  row.entries.push_back({.name = "lost", .values = {std::nullopt}});
  return row;
}

TEST(Growth, points_of_a_curve_become_one_row) {
  GrowthRows growth;
  growth.note(point(1), measured(100));
  growth.note(point(10), measured(900));
  const std::vector<Row> rows = growth.rows();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].name, "curve");
  EXPECT_EQ(rows[0].kind, Kind::growth);
  EXPECT_EQ(rows[0].unit, "messages/s");
  EXPECT_EQ(rows[0].x_name, "connections");
  ASSERT_EQ(rows[0].growth.size(), 1U);
  EXPECT_EQ(rows[0].growth[0].name, "ours");
  EXPECT_EQ(rows[0].growth[0].points, (std::vector<Growth::Point>{{1, 100}, {10, 900}}));
  EXPECT_EQ(rows[0].growth[0].memory, (std::vector<Growth::Point>{{1, 4096}, {10, 4096}}));
}

TEST(Growth, a_single_point_is_no_curve) {
  GrowthRows growth;
  growth.note(point(1), measured(100));
  EXPECT_TRUE(growth.rows().empty());
}

TEST(Growth, rows_that_are_no_points_are_left_alone) {
  GrowthRows growth;
  growth.note({}, measured(100));
  growth.note({}, measured(100));
  EXPECT_TRUE(growth.rows().empty());
}

}  // namespace
}  // namespace distflow::bench
