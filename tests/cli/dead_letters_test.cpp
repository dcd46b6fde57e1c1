// `distflow dead-letters`: what it shows, what it has a node do, and what it believes.
#include "cli/dead_letters.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "io/clock.hpp"
#include "tests/cli/answering_node.hpp"
#include "tests/cli/programs.hpp"

namespace distflow::test {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

ProcessResult run(std::vector<std::string> words, std::uint16_t port) {
  words.insert(words.begin(), "dead-letters");
  words.insert(words.end(), {"--port", std::to_string(port)});
  return run_process(DISTFLOW_CLI, words);
}

TEST(CliDeadLetters, a_lost_message_is_shown_sent_again_once_and_then_gone) {
  Daemon daemon;
  AnsweringNode answering(daemon.port());
  lose_a_message(answering, "desk", R"({"order":7})");
  const ProcessResult shown = run({"answering"}, daemon.port());
  EXPECT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_THAT(shown.out, StartsWith("1 dead letter of 'answering' (" + answering->node_id() + ")\n"));
  EXPECT_THAT(shown.out, ContainsRegex("[0-9]+s +desk +unresolved +11 +.\"order\":7.\n"));
  const ProcessResult in_vain = run({"answering", "--redrive"}, daemon.port());
  EXPECT_EQ(in_vain.exit_code, 1) << in_vain.out << in_vain.err;
  EXPECT_THAT(in_vain.out, StartsWith("0 sent again by 'answering', 1 kept: "));
  ChildProcess listener(DISTFLOW_CLI,
                        {"listen", "--as", "desk", "--count", "1", "--port", std::to_string(daemon.port())});
  while (listener.err().find("Listening as ") == std::string::npos) ASSERT_TRUE(listener.read_some());
  ProcessResult redriven = run({"answering", "--redrive"}, daemon.port());
  while (redriven.exit_code == 1) {  // the node has not heard of desk yet
    EXPECT_THAT(redriven.out, StartsWith("0 sent again by 'answering', 1 kept: "));
    redriven = run({"answering", "--redrive"}, daemon.port());
  }
  EXPECT_EQ(redriven.exit_code, 0) << redriven.err;
  EXPECT_EQ(redriven.out, "1 sent again by 'answering'\n");
  EXPECT_THAT(listener.wait().out, HasSubstr(R"("payload":{"order":7})"));
  EXPECT_EQ(run({"answering", "--redrive"}, daemon.port()).out, "0 sent again by 'answering'\n");
  EXPECT_THAT(run({"answering"}, daemon.port()).out, StartsWith("0 dead letters of "));
}

TEST(CliDeadLetters, names_and_texts_of_others_are_escaped) {
  Daemon daemon;
  AnsweringNode answering(daemon.port());
  lose_a_message(answering, "d\x1b[31m", "\"\u202e\"");
  for (const char* form : {"--json", "--port"}) {
    std::vector<std::string> words = {"answering"};
    if (std::string(form) == "--json") words.emplace_back(form);
    const std::string out = run(words, daemon.port()).out;
    EXPECT_THAT(out, Not(HasSubstr("\x1b")));
    EXPECT_THAT(out, Not(HasSubstr("\u202e")));
  }
}

TEST(CliDeadLetters, of_a_node_that_is_not_there_or_does_not_tell_the_answer_is_no) {
  Daemon daemon;
  const RegisteredNode plain(daemon.port(), "id-1", "plain");
  EXPECT_EQ(run({"nobody"}, daemon.port()).exit_code, 1);
  const ProcessResult untold = run({"plain"}, daemon.port());
  EXPECT_EQ(untold.exit_code, 1);
  EXPECT_THAT(untold.err, StartsWith("Node 'plain' does not tell its dead letters: "));
  EXPECT_EQ(run({}, daemon.port()).exit_code, 2);
}

TEST(RedriveLetters, where_the_answer_does_not_come_they_may_have_been_sent_and_the_node_is_asked_once) {
  pmd::ToldStats unanswered;
  unanswered.refusal = protocol::kStatsUnanswered;
  for (const Result<pmd::ToldStats>& told :
       {Result<pmd::ToldStats>(Error{Errc::end_of_stream, "asking"}), Result<pmd::ToldStats>(unanswered)}) {
    int asked = 0;
    cli::Arguments arguments;
    arguments.name = "answering";
    const cli::Report report = cli::redrive_letters(arguments, {}, [&](const pmd::StatsQuestion&) {
      ++asked;
      return told;
    });
    EXPECT_EQ(report.exit_code, 1);
    EXPECT_THAT(report.err, StartsWith("It is not known whether node 'answering' has sent its dead letters again: "));
    EXPECT_EQ(asked, 1);
  }
}

/// A node that tells what a test makes up.
std::string read_from(const std::string& json, std::vector<cli::ToldLetter>& letters) {
  const cli::AskOnce ask = [&json](const pmd::StatsQuestion&) {
    pmd::ToldStats told;
    told.json = json;
    return Result<pmd::ToldStats>(told);
  };
  return cli::read_letters(ask, "id", io::system_now() + base::seconds(60), letters);
}

TEST(ReadLetters, what_a_node_tells_is_not_trusted) {
  std::vector<cli::ToldLetter> letters;
  EXPECT_THAT(read_from(R"({"at":1,"node":{}})", letters), HasSubstr("of a version"));
  for (const char* json : {"[]", R"({"dead_letters":[],"next":7})", R"({"dead_letters":[{}]})",
                           R"({"dead_letters":[{"number":-1}]})", R"({"dead_letters":7})"}) {
    letters.clear();
    EXPECT_EQ(read_from(json, letters), "what it tells cannot be read") << json;
  }
  letters.clear();
  EXPECT_EQ(read_from(R"({"dead_letters":[{"number":1,"to":7,"size":"x","text":"t"}],"next":0})", letters), "");
  ASSERT_EQ(letters.size(), 1u);
  EXPECT_EQ(letters[0].to, "");
}

TEST(ReadLetters, what_a_node_says_in_place_of_letters_is_the_reason) {
  std::vector<cli::ToldLetter> letters;
  EXPECT_EQ(read_from(R"({"refused":"it \u001b[31mmust not"})", letters), R"(it \u{1b}[31mmust not)");
  EXPECT_EQ(read_from(R"({"refused":7})", letters), "what it tells cannot be read");
}

TEST(ReadLetters, a_node_that_is_asked_too_often_is_asked_again_for_the_same_part) {
  pmd::ToldStats busy;
  busy.refusal = protocol::kStatsBusy;
  std::vector<std::uint64_t> asked;
  const cli::AskOnce ask = [&](const pmd::StatsQuestion& question) {
    asked.push_back(question.after);
    pmd::ToldStats told;
    if (asked.size() == 2) told = busy;
    if (asked.size() == 1) told.json = R"({"dead_letters":[{"number":1}],"next":1})";
    if (asked.size() == 3) told.json = R"({"dead_letters":[{"number":2}]})";
    return Result<pmd::ToldStats>(told);
  };
  std::vector<cli::ToldLetter> letters;
  EXPECT_EQ(cli::read_letters(ask, "id", io::system_now() + base::seconds(60), letters), "");
  EXPECT_EQ(letters.size(), 2u);
  EXPECT_THAT(asked, ::testing::ElementsAre(0, 1, 1));
  const cli::AskOnce always_busy = [&](const pmd::StatsQuestion&) { return Result<pmd::ToldStats>(busy); };
  EXPECT_EQ(cli::read_letters(always_busy, "id", io::system_now(), letters), protocol::kStatsBusy);
}

TEST(ReportLetters, what_was_read_is_shown_where_that_is_not_all_of_them) {
  cli::Arguments arguments;
  arguments.name = "answering";
  std::vector<cli::ToldLetter> letters(1);
  letters[0].to = "desk";
  const cli::Report report = cli::report_read(arguments, {}, letters, "too slow", 0, cli::Screen{});
  EXPECT_EQ(report.exit_code, 1);
  EXPECT_THAT(report.out, HasSubstr("desk"));
  EXPECT_THAT(report.err, StartsWith("Node 'answering' has more dead letters than these: too slow."));
  EXPECT_THAT(cli::report_read(arguments, {}, {}, "too slow", 0, cli::Screen{}).err,
              StartsWith("Node 'answering' does not tell its dead letters: too slow."));
}

TEST(ReadLetters, a_node_that_tells_without_end_is_left) {
  std::vector<cli::ToldLetter> letters;
  std::uint64_t number = 0;
  const cli::AskOnce ask = [&number](const pmd::StatsQuestion&) {
    pmd::ToldStats told;
    told.json = R"({"dead_letters":[)";
    for (int i = 0; i < 4096; ++i)
      told.json += (i > 0 ? R"(,{"number":)" : R"({"number":)") + std::to_string(++number) + "}";
    told.json += R"(],"next":)" + std::to_string(number) + "}";
    return Result<pmd::ToldStats>(told);
  };
  EXPECT_NE(cli::read_letters(ask, "id", io::system_now() + base::seconds(600), letters), "");
  EXPECT_EQ(letters.size(), cli::kLettersMax);
}

}  // namespace
}  // namespace distflow::test
