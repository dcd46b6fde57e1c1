#include "bench/director/results.hpp"

#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <cmath>

namespace distflow::bench {
namespace {

rapidjson::Document parsed(const Results& results) {
  rapidjson::Document document;
  document.Parse(to_json(results).c_str());
  EXPECT_FALSE(document.HasParseError());
  return document;
}

Results sample() {
  Row row{.name = "one way, 128 B", .unit = "messages/s", .payload = 128};
  row.entries.push_back({.name = "ours", .values = {2.0, std::nullopt, 4.0}, .cpu_ns = 612.0, .lost = 5});
  row.entries.push_back({.name = "theirs", .values = {std::nullopt}});
  row.ratios.push_back({.of = "ours",
                        .to = "theirs",
                        .estimate = {.median = 5.4, .low = 5.1, .high = 5.6},
                        .target = Target{.value = 5, .better = Better::higher}});
  row.ratios.push_back({.of = "ours", .to = "itself", .estimate = {.median = 1, .low = 1, .high = 1}});
  return {.circumstances = {.command = "distflow-bench peers",
                            .kernel = "Linux \"quoted\"",
                            .cores = 2,
                            .host = {.system_call_ns = 200, .wake_up_ns = 23'000, .cache_line_ns = 115}},
          .settings = {.pairs = 30},
          .load_while = 1.5,
          .rows = {row}};
}

TEST(Results, say_where_and_how_they_came_about) {
  const rapidjson::Document json = parsed(sample());
  EXPECT_STREQ(json["format"].GetString(), "distflow-bench 1");
  EXPECT_STREQ(json["command"].GetString(), "distflow-bench peers");
  EXPECT_STREQ(json["kernel"].GetString(), "Linux \"quoted\"");
  EXPECT_EQ(json["cores"].GetUint(), 2U);
  EXPECT_EQ(json["settings"]["pairs"].GetUint(), 30U);
  EXPECT_EQ(json["settings"]["block_s"].GetDouble(), 0.5);
  EXPECT_TRUE(json["settings"]["pin"].GetBool());
}

TEST(Results, say_what_the_host_s_basics_cost_and_how_busy_it_was) {
  const rapidjson::Document json = parsed(sample());
  EXPECT_EQ(json["host"]["system_call_ns"].GetDouble(), 200);
  EXPECT_EQ(json["host"]["wake_up_ns"].GetDouble(), 23'000);
  EXPECT_EQ(json["host"]["cache_line_ns"].GetDouble(), 115);
  EXPECT_EQ(json["load_while"].GetDouble(), 1.5);
}

TEST(HostFacts, are_measured) {
  const HostFacts facts = measure_host();
  EXPECT_GT(facts.system_call_ns, 0);
  EXPECT_GT(facts.wake_up_ns, 0);
}

TEST(Results, have_a_value_of_each_round_and_null_for_a_lost_one) {
  const rapidjson::Document json = parsed(sample());
  const auto& row = json["rows"][0];
  EXPECT_STREQ(row["kind"].GetString(), "throughput");
  EXPECT_STREQ(row["better"].GetString(), "higher");
  EXPECT_EQ(row["payload"].GetUint(), 128U);
  const auto& ours = row["entries"][0];
  ASSERT_EQ(ours["values"].Size(), 3U);
  EXPECT_TRUE(ours["values"][1].IsNull());
  EXPECT_EQ(ours["median"].GetDouble(), 3);
  EXPECT_EQ(ours["low"].GetDouble(), 2);
  EXPECT_EQ(ours["high"].GetDouble(), 4);
  EXPECT_EQ(ours["cpu_ns"].GetDouble(), 612);
  EXPECT_EQ(ours["lost"].GetUint(), 5U);
  EXPECT_FALSE(ours.HasMember("latency"));
}

TEST(Results, of_one_who_lost_all_have_no_median) {
  const rapidjson::Document json = parsed(sample());
  const auto& theirs = json["rows"][0]["entries"][1];
  EXPECT_FALSE(theirs.HasMember("median"));
  EXPECT_TRUE(theirs["cpu_ns"].IsNull());
}

TEST(Results, have_a_target_only_where_there_is_one) {
  const rapidjson::Document json = parsed(sample());
  const auto& ratios = json["rows"][0]["ratios"];
  EXPECT_EQ(ratios[0]["target"].GetDouble(), 5);
  EXPECT_STREQ(ratios[0]["sense"].GetString(), "at least");
  EXPECT_TRUE(ratios[0]["met"].GetBool());
  EXPECT_STREQ(ratios[1]["to"].GetString(), "itself");
  EXPECT_FALSE(ratios[1].HasMember("target"));
  EXPECT_FALSE(ratios[1].HasMember("met"));
}

TEST(Results, of_latency_have_percentiles_and_a_curve) {
  Row row{.name = "round trip", .kind = Kind::latency, .unit = "ns", .better = Better::lower};
  Entry entry{.name = "ours", .values = {500.0}};
  for (std::uint64_t ns = 1; ns <= 1000; ++ns) entry.latency.add(ns);
  row.entries.push_back(entry);
  const rapidjson::Document json = parsed({.rows = {row}});
  EXPECT_STREQ(json["rows"][0]["kind"].GetString(), "latency");
  EXPECT_FALSE(json["rows"][0].HasMember("payload"));
  const auto& latency = json["rows"][0]["entries"][0]["latency"];
  EXPECT_EQ(latency["count"].GetUint(), 1000U);
  EXPECT_EQ(latency["p50"].GetUint(), 500U);
  EXPECT_EQ(latency["p99.9"].GetUint(), 999U);
  EXPECT_EQ(latency["max"].GetUint(), 1000U);
  EXPECT_EQ(latency["mean"].GetDouble(), 500.5);
  EXPECT_EQ(latency["curve"][0][0].GetDouble(), 0);
  EXPECT_EQ(latency["curve"][0][1].GetUint(), 1U);
}

TEST(Results, of_growth_have_points_instead_of_values) {
  Row row{.name = "by connections", .kind = Kind::growth, .unit = "messages/s", .x_name = "connections"};
  row.growth.push_back({.name = "ours", .points = {{1, 5.5}, {10, 6.5}}, .memory = {{1, 4096}, {10, 8192}}});
  const rapidjson::Document json = parsed({.rows = {row}});
  EXPECT_STREQ(json["rows"][0]["x_name"].GetString(), "connections");
  const auto& entry = json["rows"][0]["entries"][0];
  EXPECT_EQ(entry["points"][1][0].GetUint(), 10U);
  EXPECT_EQ(entry["points"][1][1].GetDouble(), 6.5);
  EXPECT_EQ(entry["memory"][0][1].GetDouble(), 4096);
  EXPECT_FALSE(entry.HasMember("values"));
}

TEST(Results, what_is_no_number_is_null) {
  Row row{.name = "row"};
  row.entries.push_back({.name = "ours", .values = {NAN, INFINITY}});
  const rapidjson::Document json = parsed({.rows = {row}});
  EXPECT_TRUE(json["rows"][0]["entries"][0]["values"][0].IsNull());
  EXPECT_TRUE(json["rows"][0]["entries"][0]["values"][1].IsNull());
}

}  // namespace
}  // namespace distflow::bench
