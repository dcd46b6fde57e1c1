#include "runtime/process/option_differences.hpp"

#include <gtest/gtest.h>

namespace distflow::runtime {
namespace {

TEST(OptionDifferences, what_is_wished_for_and_is_otherwise_is_named) {
  const NodeOptions running{.alias = "self", .pmd_host = "127.0.0.1", .pmd_port = 4369};
  EXPECT_EQ(differing_options({}, running), "") << "no wish";
  EXPECT_EQ(differing_options(running, running), "");
  EXPECT_EQ(differing_options({.alias = "other", .port = 7, .threading = Threading::dispatcher}, running),
            "alias, port, threading");
  EXPECT_EQ(differing_options({.mailbox = {.overflow = Overflow::block}, .log = LogVerbosity::debug}, running),
            "mailbox.overflow, log");
  EXPECT_EQ(differing_options({.conflate_by = "symbol"}, running), "conflate_by");
  EXPECT_EQ(differing_options({.conflate_by = "symbol"}, {.conflate_by = "symbol"}), "");
  EXPECT_EQ(differing_options({.conflate_by = [](const Message& message) { return message.from; }}, running),
            "conflate_by");
  EXPECT_EQ(differing_options({.log_sink = [](LogVerbosity, std::string_view) {}}, running), "log_sink");
}

TEST(OptionDifferences, an_option_that_the_running_node_alone_has_is_no_wish_of_the_second) {
  EXPECT_EQ(differing_options({.alias = "self"}, {.alias = "self", .port = 7}), "");
}

}  // namespace
}  // namespace distflow::runtime
