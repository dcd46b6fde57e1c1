#include "base/log.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace distflow::base {
namespace {

struct Lines {
  std::vector<std::string> lines;
  void take(LogLevel level, std::string_view line) { lines.push_back(to_string(level) + (": " + std::string(line))); }
  LogSink sink() { return LogSink::to<&Lines::take>(*this); }
};

TEST(Log, writes_what_is_at_least_as_grave_as_its_level) {
  Lines lines;
  const Log log(LogLevel::warn, lines.sink());
  log.write(LogLevel::error, "%s %d", "one", 1);
  log.write(LogLevel::warn, "two");
  log.write(LogLevel::info, "three");
  log.write(LogLevel::debug, "four");
  EXPECT_EQ(lines.lines, (std::vector<std::string>{"error: one 1", "warn: two"}));
  EXPECT_TRUE(log.is_enabled(LogLevel::warn));
  EXPECT_FALSE(log.is_enabled(LogLevel::info));
}

TEST(Log, its_level_may_change_between_two_lines) {
  Lines lines;
  Log log(LogLevel::warn, lines.sink());
  log.write(LogLevel::debug, "one");
  log.set_level(LogLevel::debug);
  log.write(LogLevel::debug, "two");
  log.set_level(LogLevel::error);
  log.write(LogLevel::warn, "three");
  EXPECT_EQ(lines.lines, std::vector<std::string>{"debug: two"});
}

TEST(Log, what_the_level_excludes_is_not_formatted) {
  const Log log(LogLevel::error);
  int written = 0;
  log.write(LogLevel::info, "abc%n", &written);
  EXPECT_EQ(written, 0);
}

TEST(Log, text_from_outside_cannot_begin_a_line_or_speak_to_a_terminal) {
  Lines lines;
  const Log log(LogLevel::info, lines.sink());
  log.write(LogLevel::info, "alias %s", "x\nerror: faked\x1b[2J\x7f\xc3\xa9");
  EXPECT_EQ(lines.lines, (std::vector<std::string>{"info: alias x\\u{a}error: faked\\u{1b}[2J\\u{7f}\xc3\xa9"}));
}

TEST(Log, text_from_outside_is_judged_by_code_points_and_escaped) {
  Lines lines;
  const Log log(LogLevel::info, lines.sink());
  log.write(LogLevel::info, "%s", "csi\u009b31m rlo\u202e ls\u2028 zw\u200b");
  log.write(LogLevel::info, "%s",
            "byte\x9b"
            "31m cut\xe2\x82");
  EXPECT_EQ(lines.lines, (std::vector<std::string>{R"(info: csi\u{9b}31m rlo\u{202e} ls\u{2028} zw\u{200b})",
                                                   R"(info: byte\x9b31m cut\xe2\x82)"}));
}

TEST(Log, a_line_is_cut_between_code_points_and_never_within_an_escape) {
  Lines lines;
  const Log log(LogLevel::info, lines.sink());
  const std::string fill(kLogLineMax - 2, 'a');
  log.write(LogLevel::info, "%s\u20ac", fill.c_str());
  log.write(LogLevel::info, "%s\n%s", fill.c_str(), "b");
  EXPECT_EQ(lines.lines, (std::vector<std::string>{"info: " + fill, "info: " + fill}));
}

TEST(Log, a_line_is_cut_at_its_bound) {
  Lines lines;
  const Log log(LogLevel::info, lines.sink());
  const std::string prefix = "info: ";
  log.write(LogLevel::info, "%s", std::string(kLogLineMax, 'a').c_str());
  log.write(LogLevel::info, "%s", std::string(kLogLineMax + 1, 'b').c_str());
  EXPECT_EQ(lines.lines[0], prefix + std::string(kLogLineMax, 'a'));
  EXPECT_EQ(lines.lines[1], prefix + std::string(kLogLineMax, 'b'));
}

TEST(Log, without_a_sink_lines_go_to_the_standard_error) {
  ::testing::internal::CaptureStderr();
  Log(LogLevel::info).write(LogLevel::warn, "careful");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "distflow: warn: careful\n");
}

TEST(Log, levels_have_names) {
  for (const LogLevel level : {LogLevel::error, LogLevel::warn, LogLevel::info, LogLevel::debug}) {
    EXPECT_EQ(log_level_of(to_string(level)), level);
  }
  EXPECT_EQ(log_level_of("loud"), std::nullopt);
  EXPECT_EQ(log_level_of(""), std::nullopt);
}

TEST(RateLimit, admits_so_many_lines_in_each_interval_and_tells_how_many_it_suppressed) {
  RateLimit limit(2, seconds(1));
  const Instant start{seconds(100)};
  EXPECT_EQ(limit.admit(start), 0U);
  EXPECT_EQ(limit.admit(start), 0U);
  EXPECT_EQ(limit.admit(start + milliseconds(500)), std::nullopt);
  EXPECT_EQ(limit.admit(start + milliseconds(999)), std::nullopt);
  EXPECT_EQ(limit.admit(start + seconds(1)), 2U);
  EXPECT_EQ(limit.admit(start + seconds(1)), 0U);
  EXPECT_EQ(limit.admit(start + seconds(1)), std::nullopt);
  EXPECT_EQ(limit.admit(start + seconds(3600)), 1U);
}

}  // namespace
}  // namespace distflow::base
