#include "bench/director/rows.hpp"

#include <gtest/gtest.h>
#include <rapidjson/document.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <string>

#include "bench/director/memory_rows.hpp"
#include "bench/director/messaging_rows.hpp"
#include "bench/director/part_rows.hpp"

namespace distflow::bench {
namespace {

const Catalogue& catalogue() {
  static const Catalogue instance({.folder = "/programs", .pins = true, .congestion = "reno"});
  return instance;
}

const RowPlan& named(const Rows& rows, const std::string& name) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const RowPlan& row) { return row.name == name; });
  EXPECT_NE(found, rows.end()) << name;
  return *found;
}

bool has_all(const std::vector<std::string>& words, const std::vector<std::string>& wanted) {
  return std::search(words.begin(), words.end(), wanted.begin(), wanted.end()) != words.end();
}

Rows all_rows() {
  Rows rows;
  for (const Rows& some :
       {latency_rows(catalogue(), {}), throughput_rows(catalogue(), {}),
        connection_rows(catalogue(), {}, {1, 10, 100, 1000, 10'000}), backend_rows(catalogue()),
        message_rows(catalogue()), memory_rows(catalogue()), messaging_rows(catalogue()), pmd_rows(catalogue()),
        start_rows(catalogue()), mailbox_rows(catalogue()), pick_rows(catalogue()), wake_rows(catalogue())}) {
    rows.insert(rows.end(), some.begin(), some.end());
  }
  return rows;
}

TEST(Rows, every_ratio_is_of_contestants_of_its_row_and_no_two_have_one_name) {
  for (const RowPlan& row : all_rows()) {
    std::set<std::string> names;
    for (const Seat& seat : row.seats) EXPECT_TRUE(names.insert(seat.contestant.name).second) << row.name;
    for (const RatioPlan& ratio : row.ratios) {
      EXPECT_TRUE(names.count(ratio.of)) << row.name << ": " << ratio.of;
      EXPECT_TRUE(ratio.to_value || names.count(ratio.to)) << row.name << ": " << ratio.to;
    }
  }
}

/// The contestants of each row that a results file may have.
std::map<std::string, std::set<std::string>> names_in_files() {
  Rows rows = all_rows();
  for (const RowPlan& row : latency_rows(catalogue(), {.rate = 50'000})) rows.push_back(row);
  std::map<std::string, std::set<std::string>> names;
  for (const RowPlan& row : rows) {
    for (const Seat& seat : row.seats) {
      names[row.name].insert(seat.contestant.name);
      if (row.point) names[row.point->growth].insert(seat.contestant.name);
    }
  }
  return names;
}

TEST(Rows, and_contestants_of_the_example_that_the_pages_tests_use_are_those_of_the_director) {
  std::ifstream file(DISTFLOW_REPORT_SAMPLE);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  rapidjson::Document example;
  ASSERT_FALSE(example.Parse(text.c_str()).HasParseError());
  std::map<std::string, std::set<std::string>> names = names_in_files();
  for (const auto& row : example["rows"].GetArray()) {
    ASSERT_TRUE(names.count(row["name"].GetString())) << row["name"].GetString();
    for (const auto& entry : row["entries"].GetArray()) {
      EXPECT_TRUE(names[row["name"].GetString()].count(entry["name"].GetString())) << entry["name"].GetString();
    }
  }
}

TEST(Rows, contestants_that_are_compared_do_the_same_work_with_the_same_payload_and_congestion_control) {
  for (const RowPlan& row : message_rows(catalogue())) {
    for (const Seat& seat : row.seats) {
      EXPECT_EQ(seat.contestant.work, row.seats.front().contestant.work) << row.name;
      EXPECT_EQ(seat.contestant.common_options, row.seats.front().contestant.common_options) << row.name;
      EXPECT_TRUE(has_all(seat.contestant.common_options, {"--payload", std::to_string(row.payload)}));
      EXPECT_TRUE(has_all(seat.contestant.common_options, {"--congestion", "reno"}));
    }
  }
}

TEST(Rows, of_requests_and_topics_all_do_the_same_work_and_are_told_so_at_both_ends) {
  for (const RowPlan& row : messaging_rows(catalogue())) {
    for (const Seat& seat : row.seats) {
      const ContestantDescription& contestant = seat.contestant;
      EXPECT_EQ(contestant.work, row.seats.front().contestant.work) << row.name;
      EXPECT_EQ(contestant.responder_count, row.seats.front().contestant.responder_count) << row.name;
      EXPECT_EQ(contestant.is_to_all, row.name.starts_with("publish")) << row.name;
      EXPECT_EQ(contestant.common_options, row.seats.front().contestant.common_options) << row.name;
      for (const char* option : {"--tcp", "--requests", "--routed", "--published"}) {
        EXPECT_EQ(has_all(contestant.driver.options, {option}), has_all(contestant.responder->options, {option}))
            << row.name << ": " << contestant.name << ' ' << option;
      }
    }
  }
}

TEST(Rows, a_node_that_spins_or_does_not_is_told_so_at_both_ends) {
  for (const auto& [wait, option] :
       {std::pair(NodeWait::spinning, "--spin"), std::pair(NodeWait::blocking, "--no-spin")}) {
    const Seat seat = catalogue().node({.wait = wait}, Work::round_trip, 128);
    EXPECT_TRUE(has_all(seat.contestant.driver.options, {option}));
    EXPECT_TRUE(has_all(seat.contestant.responder->options, {option}));
    EXPECT_TRUE(seat.contestant.broker);
  }
}

TEST(Rows, a_node_over_tcp_is_told_so_at_both_ends_and_has_a_name_of_its_own) {
  const NodeMode tcp{.is_over_tcp = true};
  const Seat seat = catalogue().node(tcp, Work::round_trip, 128);
  EXPECT_TRUE(has_all(seat.contestant.driver.options, {"--tcp"}));
  EXPECT_TRUE(has_all(seat.contestant.responder->options, {"--tcp"}));
  EXPECT_EQ(Catalogue::name_of(tcp), "distflow, inlined, TCP");
}

TEST(Rows, what_is_held_against_a_limit_goes_over_tcp_as_the_limit_does_but_for_copies_of_large_payloads) {
  for (const RowPlan& row : message_rows(catalogue())) {
    for (const RatioPlan& ratio : row.ratios) {
      const auto is_named = [&](const Seat& seat) { return seat.contestant.name == ratio.to; };
      const auto to = std::find_if(row.seats.begin(), row.seats.end(), is_named);
      const bool is_limit = to != row.seats.end() && to->side == Side::limit;
      if (!ratio.target || !is_limit || row.name.starts_with("echo")) continue;
      if (ratio.to == Catalogue::kCopiedStream) continue;  // both ways, as the test of large payloads says
      EXPECT_TRUE(ratio.of.ends_with(", TCP")) << row.name << ": " << ratio.of << " / " << ratio.to;
    }
  }
}

TEST(Rows, one_way_to_a_node_has_a_source_that_turns_its_own_node) {
  const Seat seat = catalogue().node({.threading = "dispatcher"}, Work::one_way, 128);
  EXPECT_TRUE(has_all(seat.contestant.responder->options, {"--threading", "dispatcher"}));
  EXPECT_TRUE(has_all(seat.contestant.driver.options, {"--threading", "caller"}));
}

TEST(Rows, several_sources_or_sinks_are_of_the_node_only) {
  const Rows rows = throughput_rows(catalogue(), {.sources = 3, .sinks = 2});
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].name, "one way, 128 B, 3 to 2");
  EXPECT_EQ(rows[0].seats[0].contestant.driver_count, 3U);
  EXPECT_EQ(rows[0].seats[0].contestant.responder_count, 2U);
  EXPECT_EQ(rows[0].seats[1].contestant.driver_count, 1U);
}

/// The targets of a row's ratios to `to`, by the contestant that has them.
std::map<std::string, double> targets_against(const std::string& to, const RowPlan& row) {
  std::map<std::string, double> targets;
  for (const RatioPlan& ratio : row.ratios) {
    if (ratio.to == to && ratio.target) targets[ratio.of] = ratio.target->value;
  }
  return targets;
}

TEST(Rows, large_payloads_are_held_both_ways_against_a_stream_that_copies_them_once_and_against_libzmq) {
  const Rows rows = message_rows(catalogue());
  const std::string memory = "distflow, inlined";
  const std::string tcp = "distflow, inlined, TCP";
  using Targets = std::map<std::string, double>;
  const std::map<std::string, double> least{
      {"one way, 64 KiB", 0.9}, {"one way, 1 MiB", 0.8}, {"one way, 15 MiB", 0.8}};
  for (const auto& [name, value] : least) {
    const RowPlan& row = named(rows, name);
    EXPECT_EQ(targets_against(Catalogue::kCopiedStream, row), (Targets{{memory, value}, {tcp, value}})) << name;
    EXPECT_EQ(targets_against(Catalogue::kZmq, row), (Targets{{memory, 2}, {tcp, 2}})) << name;
  }
}

TEST(Rows, both_directions_at_once_are_a_source_whose_every_message_is_answered) {
  const Rows rows = message_rows(catalogue());
  for (const char* const name : {"both directions at once, 128 B", "both directions at once, 64 KiB"}) {
    for (const Seat& seat : named(rows, name).seats) {
      EXPECT_EQ(seat.contestant.work, Work::both_ways);
      EXPECT_TRUE(has_all(seat.contestant.driver.options, {"--threading", "caller"}));
      EXPECT_TRUE(has_all(seat.contestant.driver.options, {"--answered"}));
    }
  }
}

TEST(Rows, a_slow_receiver_works_on_each_message_and_several_nodes_send_or_receive_at_once) {
  const Rows rows = message_rows(catalogue());
  const RowPlan& slow = named(rows, "one way, 128 B, to a receiver of 1000 ns a message");
  for (const Seat& seat : slow.seats) EXPECT_TRUE(has_all(seat.contestant.responder->options, {"--work", "1000"}));
  EXPECT_EQ(named(rows, "one way, 128 B, 8 to 1").seats[0].contestant.driver_count, 8U);
  EXPECT_EQ(named(rows, "one way, 128 B, 1 to 8").seats[0].contestant.responder_count, 8U);
}

TEST(Rows, from_threads_of_an_application_are_held_against_the_loops_own_thread_however_many_they_are) {
  const Rows rows = message_rows(catalogue());
  for (const char* const from : {"1 thread", "2 threads", "4 threads"}) {
    const RowPlan& row = named(rows, std::string("one way, 128 B, from ") + from + " of the application");
    const std::map<std::string, double> expected{{"distflow, inlined", 0.5}};
    EXPECT_EQ(targets_against("distflow, on the loop's own thread", row), expected) << from;
    EXPECT_TRUE(has_all(row.seats.back().contestant.driver.options, {"--threading", "caller"})) << from;
  }
}

TEST(Rows, from_threads_of_an_application_have_as_many_at_both_ends_and_a_place_of_the_systems_choice) {
  const Rows rows = message_rows(catalogue());
  for (const std::string threads : {"1", "2", "4"}) {
    const RowPlan& row = named(
        rows, "one way, 128 B, from " + threads + (threads == "1" ? " thread" : " threads") + " of the application");
    EXPECT_EQ(row.seats.size(), 4U);
    for (const Seat& seat : row.seats) {
      const ContestantDescription& contestant = seat.contestant;
      EXPECT_FALSE(contestant.pins);
      EXPECT_EQ(has_all(contestant.driver.options, {"--checked"}), seat.side == Side::ours) << contestant.name;
      if (has_all(contestant.driver.options, {"--threading", "caller"})) continue;  // the loop's own thread
      EXPECT_TRUE(has_all(contestant.driver.options, {"--threads", threads})) << contestant.name;
      EXPECT_TRUE(has_all(contestant.responder->options, {"--threads", threads})) << contestant.name;
    }
  }
}

TEST(Rows, an_open_loop_has_the_interval_of_its_rate) {
  const Rows rows = latency_rows(catalogue(), {.payloads = {128, 1024}, .rate = 20'000});
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].name, "round trip, open loop of 20000/s, 128 B");
  EXPECT_EQ(rows[1].name, "round trip, open loop of 20000/s, 1 KiB");
  EXPECT_EQ(rows[0].block.interval_ns, 50'000U);
  const ContestantDescription& node = rows[0].seats[0].contestant;
  EXPECT_TRUE(has_all(node.driver.options, {"--threading", "caller"}));
  EXPECT_TRUE(has_all(node.responder->options, {"--threading", "inlined"}));
}

TEST(Rows, beside_aeron_need_it_and_both_ends_of_ours_spin_and_share_memory) {
  const Rows rows = memory_rows(catalogue());
  ASSERT_EQ(rows.size(), 3U);
  std::set<Value> values;
  for (const RowPlan& row : rows) {
    values.insert(row.value);
    EXPECT_EQ(row.needs, Catalogue::kAeron);
    EXPECT_EQ(row.better(), Better::lower);
    ASSERT_EQ(row.seats.size(), 2U) << row.name;
    const ContestantDescription& ours = row.seats[0].contestant;
    const ContestantDescription& aeron = row.seats[1].contestant;
    EXPECT_EQ(ours.common_options, aeron.common_options);
    EXPECT_EQ(ours.pins, aeron.pins);
    EXPECT_EQ(aeron.broker->program, "/programs/bench_peer_aeron");
    for (const Part& part : {*ours.responder, ours.driver}) {
      EXPECT_TRUE(has_all(part.options, {"--spin"})) << row.name;
      EXPECT_FALSE(has_all(part.options, {"--tcp"})) << row.name;
    }
    ASSERT_EQ(row.ratios.size(), 1U);
    EXPECT_TRUE(row.ratios[0].target->is_met(1.0));
    EXPECT_FALSE(row.ratios[0].target->is_met(1.01));
  }
  EXPECT_EQ(values, (std::set{Value::median_time, Value::p99_time, Value::p999_time}));
  EXPECT_EQ(rows[2].name, "round trip, open loop of 100000/s, p99.9, against Aeron IPC, 128 B");
  EXPECT_EQ(rows[2].block.interval_ns, 10'000U);
}

TEST(Rows, against_limits_leaves_out_peers_and_rows_without_a_limit) {
  const Rows all = message_rows(catalogue());
  const Rows limits = against(Side::limit, all);
  const RowPlan& one_way = named(limits, "one way, 128 B");
  EXPECT_EQ(one_way.seats.size(), 5U);
  EXPECT_GT(named(all, "one way, 128 B").seats.size(), 7U);
  const Rows peers = against(Side::peer, all);
  EXPECT_EQ(peers.size(), 8U);
  for (const Seat& seat : named(peers, "one way, 128 B").seats) EXPECT_NE(seat.side, Side::limit);
}

TEST(Rows, echoes_by_connections_are_points_of_one_curve) {
  std::set<std::uint64_t> counts;
  for (const RowPlan& row : connection_rows(catalogue(), {}, {1, 1000})) {
    EXPECT_EQ(row.point->growth, "echo by connections");
    EXPECT_GE(row.block.first_count, row.point->x);
    counts.insert(row.point->x);
  }
  EXPECT_EQ(counts, (std::set<std::uint64_t>{1, 1000}));
}

TEST(Rows, sizes_read_well) {
  EXPECT_EQ(to_size(128), "128 B");
  EXPECT_EQ(to_size(1024), "1 KiB");
  EXPECT_EQ(to_size(1500), "1500 B");
  EXPECT_EQ(to_size(16 * 1024), "16 KiB");
  EXPECT_EQ(to_size(15 * 1024 * 1024), "15 MiB");
}

}  // namespace
}  // namespace distflow::bench
