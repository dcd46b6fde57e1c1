// What nodes tell of themselves, as the page of a PMD reads it.
#include <gtest/gtest.h>

#include <string>

#include "pmd/web/told_figures.hpp"

namespace distflow::pmd {
namespace {

TEST(ToldFigures, all_drops_count_and_only_so_many_reasons_are_named) {
  std::string sent = R"({"accepted":100,"written":7)";
  for (std::size_t i = 0; i < kReasonsMax + 8; ++i) sent += ",\"dropped_r" + std::to_string(i) + "\":1";
  const ToldTraffic traffic = read_traffic(sent + R"(,"dropped_No Letter":2,"dropped_none":0})", "{}");
  EXPECT_EQ(traffic.accepted, 100u);
  EXPECT_EQ(traffic.written, 7u);
  EXPECT_EQ(traffic.not_sent, kReasonsMax + 10);
  EXPECT_NE(traffic.not_sent_json.find("\"r31\":1}"), std::string::npos) << traffic.not_sent_json;
  EXPECT_EQ(traffic.dropped_json, "{}");
}

TEST(ToldFigures, what_nodes_do_not_tell_is_nothing) {
  for (const char* stats : {"[]", "7", R"({"at":1})", R"({"at":1,"node":[]})"})
    EXPECT_FALSE(read_figures(stats)) << stats;
  EXPECT_TRUE(read_figures(R"({"node":{}})"));
  for (const char* count : {"-1", "1.5", "\"1\"", "null", "99999999999999999999", ""}) EXPECT_EQ(read_count(count), 0u);
  EXPECT_EQ(read_count("9223372036854775807"), 9223372036854775807u);
}

TEST(ToldFigures, of_times_that_went_back_nothing_was_timed) {
  const std::string many = R"({"queue_wait":{"buckets":[[8,5]]},"handler":{"buckets":[[8,5],[1000,1]]}})";
  const std::string few = R"({"queue_wait":{"buckets":[[8,2]]},"handler":{"buckets":[]}})";
  EXPECT_EQ(p99_since(few, many).wait, 8u);
  EXPECT_EQ(p99_since(few, many).handler, 1023u);
  EXPECT_FALSE(p99_since(many, few).wait);
  EXPECT_FALSE(p99_since({}, {}).handler);
  EXPECT_EQ(p99_since({}, few).wait, 8u);
}

TEST(ToldFigures, percentiles_are_of_what_was_timed) {
  EXPECT_EQ(latency_json(""), "{}");
  EXPECT_EQ(latency_json(R"({"queue_wait":{"buckets":[]},"handler":[]})"), "{}");
  EXPECT_EQ(
      latency_json(R"({"queue_wait":{"buckets":[[8,1]]},"handler":{"buckets":[[1,1]]}})"),
      R"({"wait":{"p50Ns":8,"p90Ns":8,"p99Ns":8,"p999Ns":8},"handler":{"p50Ns":1,"p90Ns":1,"p99Ns":1,"p999Ns":1}})");
}

}  // namespace
}  // namespace distflow::pmd
