// `distflow metrics`: each line is of the text format of Prometheus, whatever nodes call themselves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "cli/metrics.hpp"
#include "runtime/counters/counter_table.hpp"
#include "tests/cli/answering_node.hpp"
#include "tests/cli/programs.hpp"

namespace distflow::test {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

ProcessResult run(std::vector<std::string> words, std::uint16_t port) {
  words.insert(words.begin(), "metrics");
  words.insert(words.end(), {"--port", std::to_string(port)});
  return run_process(DISTFLOW_CLI, words);
}

/// The text, read by the grammar of the format.
struct Metrics {
  std::map<std::string, std::string> types;                          // by family
  std::map<std::string, std::map<std::string, std::string>> values;  // by name, then by labels as they stand there
  std::string wrong;                                                 // the first line that is none

  [[nodiscard]] std::string value(const std::string& name, const std::string& labels = {}) const {
    const auto of_name = values.find(name);
    if (of_name == values.end()) return "no such metric";
    const auto found = of_name->second.find(labels);
    return found == of_name->second.end() ? "no such sample" : found->second;
  }
};

constexpr std::string_view kNameBytes = "abcdefghijklmnopqrstuvwxyz_";

/// Where the labels that begin at `at` end; npos when they are none.
std::size_t end_of_labels(const std::string& line, std::size_t at) {
  do {
    ++at;  // the brace or the comma
    const std::size_t equals = line.find_first_not_of(kNameBytes, at);
    if (equals == at || equals == std::string::npos || line.compare(equals, 2, "=\"") != 0) return std::string::npos;
    for (at = equals + 2; at < line.size() && line[at] != '"'; ++at) {
      if (line[at] != '\\') continue;
      if (++at == line.size() || std::string_view("\\\"n").find(line[at]) == std::string_view::npos)
        return std::string::npos;
    }
    ++at;
  } while (at < line.size() && line[at] == ',');
  return at < line.size() && line[at] == '}' ? at : std::string::npos;
}

bool read_sample(const std::string& line, Metrics& metrics) {
  std::size_t at = line.find_first_not_of(kNameBytes);
  if (at == 0 || at == std::string::npos) return false;
  const std::string name = line.substr(0, at);
  std::string labels;
  if (line[at] == '{') {
    const std::size_t end = end_of_labels(line, at);
    if (end == std::string::npos) return false;
    labels = line.substr(at + 1, end - at - 1);
    at = end + 1;
  }
  const std::string value = line.substr(std::min(line.size(), at + 1));
  const bool is_number = !value.empty() && value.find_first_not_of("0123456789.") == std::string::npos;
  std::string family = name;
  for (const std::string_view suffix : {"_bucket", "_sum", "_count"}) {
    if (name.ends_with(suffix) && metrics.types.contains(name.substr(0, name.size() - suffix.size())))
      family.resize(name.size() - suffix.size());
  }
  return line[at] == ' ' && is_number && metrics.types.contains(family) &&
         metrics.values[name].emplace(labels, value).second;
}

Metrics read_metrics(const std::string& text) {
  Metrics metrics;
  std::set<std::string> helps;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line) && metrics.wrong.empty();) {
    std::istringstream words(line);
    std::string first, what, name, type;
    words >> first >> what >> name >> type;
    bool is_right = false;
    if (first != "#") {
      is_right = read_sample(line, metrics);
    } else if (what == "HELP") {
      is_right = !type.empty() && helps.insert(name).second;
    } else {
      is_right = what == "TYPE" && helps.contains(name) && metrics.types.emplace(name, type).second;
      is_right &= type == (name.ends_with("_total") ? "counter" : name.ends_with("_seconds") ? type : "gauge");
    }
    if (!is_right) metrics.wrong = line;
  }
  return metrics;
}

TEST(CliMetrics, each_node_that_tells_has_a_sample_of_each_counter_and_who_does_not_is_named) {
  Daemon daemon;
  AnsweringNode answering(daemon.port());
  const RegisteredNode plain(daemon.port(), "id-1", "plain");
  lose_a_message(answering);
  const ProcessResult result = run({}, daemon.port());
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.err, StartsWith("Node 'plain' is left out: "));
  const Metrics metrics = read_metrics(result.out);
  EXPECT_EQ(metrics.wrong, "");
  EXPECT_EQ(metrics.value("distflow_pmd_nodes"), "2");
  EXPECT_EQ(metrics.types.at("distflow_pmd_start_time_seconds"), "gauge");
  EXPECT_EQ(metrics.types.at("distflow_queue_wait_seconds"), "histogram");
  const std::string labels = "node=\"" + answering->node_id() + R"(",alias="answering")";
  EXPECT_EQ(metrics.value("distflow_sent_dropped_unresolved_total", labels), "1");
  EXPECT_EQ(metrics.value("distflow_is_registered", labels), "1");
  EXPECT_EQ(metrics.value("distflow_asks_asked_total", labels), "0");
  EXPECT_EQ(metrics.value("distflow_handler_seconds_count", labels), "0");
  std::size_t of_node = 0;
  for (const auto& [name, samples] : metrics.values) of_node += samples.contains(labels) ? 1U : 0U;
  const std::size_t histogram_parts = 2 * 2;  // sum and count
  EXPECT_EQ(of_node, runtime::kSendCounters.size() + runtime::kReceiveCounters.size() + runtime::kAskCounters.size() +
                         runtime::kNodeCounters.size() + histogram_parts);
}

TEST(CliMetrics, with_a_name_it_is_that_node_alone) {
  Daemon daemon;
  AnsweringNode answering(daemon.port());
  const RegisteredNode plain(daemon.port(), "id-1", "plain");
  const ProcessResult one = run({"answering"}, daemon.port());
  EXPECT_EQ(one.exit_code, 0);
  EXPECT_EQ(one.err, "");
  const Metrics metrics = read_metrics(one.out);
  EXPECT_EQ(metrics.wrong, "");
  EXPECT_EQ(metrics.values.at("distflow_wakes_total").size(), 1u);
  EXPECT_FALSE(metrics.types.contains("distflow_pmd_nodes"));

  const ProcessResult untold = run({"plain"}, daemon.port());
  EXPECT_EQ(untold.exit_code, 1);
  EXPECT_EQ(untold.out, "");
  EXPECT_THAT(untold.err, StartsWith("Node 'plain' does not tell its counters: "));
  const ProcessResult absent = run({"nobody"}, daemon.port());
  EXPECT_EQ(absent.exit_code, 1);
  EXPECT_THAT(absent.err, StartsWith("Alias 'nobody' not found"));
}

TEST(CliMetrics, where_nodes_are_and_none_tells_the_answer_is_no) {
  Daemon daemon;
  EXPECT_EQ(run({}, daemon.port()).exit_code, 0) << "there is no node";
  const RegisteredNode plain(daemon.port(), "id-1", "plain");
  const ProcessResult result = run({}, daemon.port());
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, HasSubstr("distflow_pmd_nodes 1\n"));
  EXPECT_THAT(result.err, StartsWith("Node 'plain' is left out: "));
}

TEST(CliMetrics, without_a_pmd_or_with_words_that_are_none_nothing_is_printed) {
  const SilentPort silent;
  const ProcessResult unreachable = run({}, silent.port());
  EXPECT_EQ(unreachable.exit_code, 3);
  EXPECT_EQ(unreachable.out, "");
  EXPECT_THAT(unreachable.err, HasSubstr("No PMD can be reached at "));
  for (const std::vector<std::string>& words : {std::vector<std::string>{"--json"}, {""}, {"one", "two"}}) {
    const ProcessResult wrong = run(words, silent.port());
    EXPECT_EQ(wrong.exit_code, 2) << words.front();
    EXPECT_EQ(wrong.out.find("distflow_"), std::string::npos);
  }
}

TEST(CliMetrics, names_of_others_are_no_labels_of_their_own_and_what_is_not_told_has_no_sample) {
  std::vector<cli::NodeCounts> nodes(5);
  nodes[0].node = {.node_id = "id-0", .alias = "a\"} 1\nevil_total 2\\", .host = "h", .port = 1};
  nodes[0].json =
      R"({"wakes":7,"sent":{"accepted":9,"written":-1},"is_registered":false,"asks":{"asked":3,"late":-1},"malformed":"x"})";
  nodes[1].node = {.node_id = "id-1", .host = "h", .port = 1};
  nodes[1].json = "{}";
  nodes[1].latency.emplace().handler.add_to(0, 2, 30);
  nodes[2].node = {.node_id = "id-2", .host = "h", .port = 1};
  nodes[2].why_untold = "it has left";
  nodes[3].node = {.node_id = "\x01", .host = "h", .port = 1};
  nodes[4].node = {.node_id = R"(\u{1})", .host = "h", .port = 1};
  nodes[3].json = nodes[4].json = R"({"cpu_us":5})";
  const Metrics metrics = read_metrics(cli::metrics_text(std::nullopt, nodes));
  EXPECT_EQ(metrics.wrong, "");
  EXPECT_FALSE(metrics.values.contains("evil_total"));
  const std::string hostile = R"(node="id-0",alias="a\"} 1\\u{a}evil_total 2\\\\")";
  const std::string plain = R"(node="id-1",alias="")";
  EXPECT_EQ(metrics.values.at("distflow_sent_accepted_total"), (std::map<std::string, std::string>{{hostile, "9"}}));
  EXPECT_FALSE(metrics.values.contains("distflow_sent_written_total"));
  EXPECT_EQ(metrics.values.at("distflow_cpu_us_total").size(), 2U) << "two names that look alike are told apart";
  EXPECT_EQ(metrics.values.at("distflow_wakes_total"), (std::map<std::string, std::string>{{hostile, "7"}}));
  EXPECT_EQ(metrics.value("distflow_is_registered", hostile), "0");
  EXPECT_EQ(metrics.value("distflow_asks_asked_total", hostile), "3");
  EXPECT_FALSE(metrics.values.contains("distflow_asks_late_total"));
  EXPECT_FALSE(metrics.values.contains("distflow_malformed_total"));
  EXPECT_EQ(metrics.value("distflow_handler_seconds_count", plain), "2");
  EXPECT_EQ(metrics.value("distflow_handler_seconds_bucket", plain + R"(,le="+Inf")"), "2");
  EXPECT_EQ(metrics.value("distflow_handler_seconds_sum", plain), "0.000000030");
}

}  // namespace
}  // namespace distflow::test
