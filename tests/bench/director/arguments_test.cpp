#include "bench/director/arguments.hpp"

#include <gtest/gtest.h>

namespace distflow::bench {
namespace {

ParsedArguments parse(std::vector<const char*> words) {
  words.insert(words.begin(), "/some/where/distflow-bench");
  return parse_arguments(static_cast<int>(words.size()), words.data());
}

TEST(Arguments, have_defaults_that_are_quick_to_measure) {
  const auto arguments = std::get<Arguments>(parse({"peers"}));
  EXPECT_EQ(arguments.command, Command::peers);
  EXPECT_EQ(arguments.settings.pairs, 10U);
  EXPECT_EQ(arguments.settings.block_s, 0.5);
  EXPECT_EQ(arguments.settings.congestion, "reno");
  EXPECT_EQ(arguments.command_line, "distflow-bench peers");
}

TEST(Arguments, of_latency_say_how_to_measure) {
  const auto arguments =
      std::get<Arguments>(parse({"latency", "--rate", "5000", "--payload", "128", "1024", "--threading", "dispatcher",
                                 "--spin", "--no-pin", "--pairs", "30", "--congestion", "", "--json", "file"}));
  EXPECT_EQ(arguments.command, Command::latency);
  EXPECT_EQ(arguments.rows.rate, 5000U);
  EXPECT_EQ(arguments.rows.payloads, (std::vector<std::uint64_t>{128, 1024}));
  EXPECT_EQ(arguments.rows.mode.threading, "dispatcher");
  EXPECT_EQ(arguments.rows.mode.wait, NodeWait::spinning);
  EXPECT_FALSE(arguments.settings.pins);
  EXPECT_EQ(arguments.settings.pairs, 30U);
  EXPECT_EQ(arguments.settings.congestion, "");
  EXPECT_EQ(arguments.json_path, "file");
}

TEST(Arguments, say_how_nodes_wait_or_leave_it_to_them) {
  const auto wait = [](const std::vector<const char*>& words) {
    return std::get<Arguments>(parse(words)).rows.mode.wait;
  };
  EXPECT_EQ(wait({"throughput"}), NodeWait::usual);
  EXPECT_EQ(wait({"throughput", "--spin"}), NodeWait::spinning);
  EXPECT_EQ(wait({"throughput", "--no-spin"}), NodeWait::blocking);
}

TEST(Arguments, of_compare_are_files) {
  const auto compare = std::get<CompareArguments>(parse({"compare", "old.json", "new.json"}));
  EXPECT_EQ(compare.old_path, "old.json");
  EXPECT_EQ(compare.new_path, "new.json");
}

TEST(Arguments, that_are_wrong_end_the_program) {
  for (const std::vector<const char*>& words : std::vector<std::vector<const char*>>{{},
                                                                                     {"nonsense"},
                                                                                     {"latency", "--threading", "none"},
                                                                                     {"peers", "--pairs", "0"},
                                                                                     {"peers", "--rate", "1"},
                                                                                     {"compare", "a"}}) {
    const ParsedArguments parsed = parse(words);
    ASSERT_TRUE(std::holds_alternative<int>(parsed));
    EXPECT_NE(std::get<int>(parsed), 0);
  }
}

}  // namespace
}  // namespace distflow::bench
