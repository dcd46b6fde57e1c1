// `distflow listen` and `distflow send`: two terminals that talk.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <vector>

#include "tests/cli/programs.hpp"

namespace distflow::test {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

class Listener {
 public:
  Listener(std::uint16_t port, std::vector<std::string> words) : process_(DISTFLOW_CLI, with_place(port, words)) {
    while (process_.err().find("Listening as ") == std::string::npos && process_.read_some()) {
    }
  }
  ChildProcess& process() { return process_; }
  ProcessResult end() {
    process_.send_signal(SIGTERM);
    return process_.wait();
  }

 private:
  static std::vector<std::string> with_place(std::uint16_t port, std::vector<std::string> words) {
    words.insert(words.begin(), "listen");
    words.insert(words.end(), {"--port", std::to_string(port)});
    return words;
  }
  ChildProcess process_;
};

std::vector<std::string> sending(std::uint16_t port, std::vector<std::string> words) {
  words.insert(words.begin(), "send");
  words.insert(words.end(), {"--port", std::to_string(port)});
  return words;
}

/// `printf INPUT | distflow send NAME -`
ProcessResult send_lines(std::uint16_t port, const std::string& name, const std::string& input,
                         const std::string& options = "") {
  const std::string command =
      "printf '" + input + "' | \"$0\" send " + name + " - " + options + " --port " + std::to_string(port);
  return run_process("/bin/sh", {"-c", command, DISTFLOW_CLI});
}

TEST(CliMessages, what_one_terminal_sends_the_other_prints) {
  Daemon daemon;
  Listener listener(daemon.port(), {"--as", "desk", "--count", "1"});
  const ProcessResult sent = run_process(DISTFLOW_CLI, sending(daemon.port(), {"desk", R"({"hello":[1,2]})"}));
  EXPECT_EQ(sent.exit_code, 0) << sent.err;
  EXPECT_EQ(sent.out + sent.err, "");
  const ProcessResult received = listener.process().wait();
  EXPECT_EQ(received.exit_code, 0);
  EXPECT_TRUE(is_one_json_object(received.out)) << received.out;
  EXPECT_THAT(received.out, HasSubstr(R"("payload":{"hello":[1,2]}})"));
  EXPECT_THAT(received.out, StartsWith(R"({"from":")"));
  EXPECT_THAT(received.err, StartsWith("Listening as 'desk', node "));
}

// As many as its output takes while nobody reads it.
TEST(CliMessages, lines_of_the_standard_input_are_messages_in_their_order) {
  Daemon daemon;
  Listener listener(daemon.port(), {"--as", "desk", "--count", "500"});
  const std::string command =
      "i=0; while [ $i -lt 500 ]; do echo $i; i=$((i+1)); done | \"$0\" send desk - --json --port " +
      std::to_string(daemon.port());
  const ProcessResult sent = run_process("/bin/sh", {"-c", command, DISTFLOW_CLI});
  EXPECT_EQ(sent.exit_code, 0) << sent.err;
  EXPECT_EQ(sent.out, "{\"sent\":500,\"notSent\":{}}\n");
  std::istringstream lines(listener.process().wait().out);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count)
    ASSERT_THAT(line, ::testing::EndsWith("\"payload\":" + std::to_string(count) + "}"));
  EXPECT_EQ(count, 500);
}

TEST(CliMessages, a_payload_of_several_lines_is_printed_on_one) {
  Daemon daemon;
  Listener listener(daemon.port(), {"--as", "desk", "--count", "1"});
  EXPECT_EQ(run_process(DISTFLOW_CLI, sending(daemon.port(), {"desk", "{\n\t\"a\\n\": \"\u202e\"\r\n}"})).exit_code, 0);
  const ProcessResult received = listener.process().wait();
  EXPECT_TRUE(is_one_json_object(received.out)) << received.out;
  EXPECT_THAT(received.out, HasSubstr(R"("payload":{  "a\n": "\u202e"  }})"));
}

TEST(CliMessages, listen_ends_cleanly_when_it_is_told_to) {
  Daemon daemon;
  for (const int signal : {SIGINT, SIGTERM}) {
    Listener listener(daemon.port(), {"--as", "desk"});
    listener.process().send_signal(signal);
    const ProcessResult result = listener.process().wait();
    EXPECT_EQ(result.exit_code, 0);
    EXPECT_EQ(result.signal, 0);
    EXPECT_EQ(run_cli({"resolve", "desk"}, daemon.port()).exit_code, 1) << "it is still registered";
  }
}

TEST(CliMessages, a_name_that_another_has_is_refused_and_says_who_has_it) {
  Daemon daemon;
  const RegisteredNode holder(daemon.port(), "id-1", "desk");
  const ProcessResult result =
      run_process(DISTFLOW_CLI, {"listen", "--as", "desk", "--port", std::to_string(daemon.port())});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("id-1"));
}

TEST(CliMessages, what_is_no_json_is_refused_before_anything_is_started) {
  const SilentPort silent;
  const ProcessResult text = run_process(DISTFLOW_CLI, sending(silent.port(), {"desk", "hello"}));
  EXPECT_EQ(text.exit_code, 2);
  EXPECT_EQ(text.err, "The message is not one JSON value: 'hello'. A text needs its quotes: '\"hello\"'.\n");
  const ProcessResult object = run_process(DISTFLOW_CLI, sending(silent.port(), {"desk", "{a:1}", "--json"}));
  EXPECT_EQ(object.exit_code, 2);
  EXPECT_EQ(object.err, "The message is not one JSON value: '{a:1}'.\n");
  EXPECT_TRUE(is_one_json_object(object.out));
}

TEST(CliMessages, a_line_that_is_no_json_is_named_and_the_others_are_sent) {
  Daemon daemon;
  Listener listener(daemon.port(), {"--as", "desk", "--count", "2"});
  const ProcessResult sent = send_lines(daemon.port(), "desk", R"(1\n\nnope\n2\n)");
  EXPECT_EQ(sent.exit_code, 1);
  EXPECT_THAT(sent.err, StartsWith("Line 3: The message is not one JSON value: 'nope'."));
  EXPECT_THAT(sent.err, HasSubstr("2 sent to 'desk'; not sent:\n  1 invalid_json\n"));
  EXPECT_EQ(listener.process().wait().exit_code, 0);
}

TEST(CliMessages, a_name_that_nobody_has_is_an_answer_of_no) {
  Daemon daemon;
  const ProcessResult result = run_process(DISTFLOW_CLI, sending(daemon.port(), {"nobody", "1"}));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, StartsWith("Alias 'nobody' not found\n"));
  EXPECT_THAT(result.err, HasSubstr("distflow nodes --port " + std::to_string(daemon.port())));
}

TEST(CliMessages, what_cannot_be_delivered_is_counted_by_its_reason) {
  Daemon daemon;
  const SilentPort silent;
  const RegisteredNode absent(daemon.port(), "id-1", "absent", silent.port());
  const ProcessResult text = run_process(DISTFLOW_CLI, sending(daemon.port(), {"absent", "1", "--timeout", "0.05"}));
  EXPECT_EQ(text.exit_code, 1);
  EXPECT_THAT(text.err, HasSubstr("0 sent to 'absent'; not sent:\n  1 unreachable\n"));
  const ProcessResult json =
      run_process(DISTFLOW_CLI, sending(daemon.port(), {"absent", "1", "--timeout", "0.05", "--json"}));
  EXPECT_EQ(json.exit_code, 1);
  EXPECT_EQ(json.out, "{\"sent\":0,\"notSent\":{\"unreachable\":1}}\n");
}

TEST(CliMessages, output_that_cannot_be_written_ends_listen_with_that_error) {
  Daemon daemon;
  const std::string command = "exec \"$0\" listen --as desk --port " + std::to_string(daemon.port()) + " >/dev/full";
  ChildProcess listener("/bin/sh", {"-c", command, DISTFLOW_CLI});
  while (listener.err().find("Listening as ") == std::string::npos) ASSERT_TRUE(listener.read_some());
  EXPECT_EQ(run_process(DISTFLOW_CLI, sending(daemon.port(), {"desk", "1"})).exit_code, 0);
  EXPECT_EQ(listener.wait().exit_code, 4);
}

}  // namespace
}  // namespace distflow::test
