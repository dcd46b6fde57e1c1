// Each limit program plays a small block to its end. How fast, the director measures.
#include "bench/limits/frame_template.hpp"
#include "tests/bench/contestants.hpp"
#include "tests/support/sockets.hpp"

namespace distflow::test {
namespace {

/// Two blocks of 1000 from a source to a sink of these options.
void expect_sink_counts(const std::string& program, const Words& options) {
  Words words{"sink"};
  words.insert(words.end(), options.begin(), options.end());
  Responder sink(program, words);
  words[0] = "source";
  words.insert(words.end(), {"--connect", sink.address()});
  const std::string said = drive("run 1000\\nrun 1000\\n", program, words);
  EXPECT_TRUE(said.starts_with("sent ") && said.find("\nsent ") != std::string::npos) << said;

  const ProcessResult result = sink.process().wait();  // it ends with its source
  EXPECT_EQ(result.exit_code, 0) << result.err;
  const std::size_t first = result.out.find(" 1000\n");
  EXPECT_NE(first, std::string::npos) << result.out;
  EXPECT_NE(result.out.find(" 1000\n", first + 1), std::string::npos) << result.out;
}

void expect_round_trips(const std::string& block, Words options, const std::string& program = BENCH_RAW_PING) {
  options.insert(options.begin(), "echo");
  Responder echo(program, options);
  options[0] = "ping";
  options.insert(options.end(), {"--connect", echo.address()});
  EXPECT_EQ(take_times(drive(block, program, options)), 1000U);
  EXPECT_EQ(echo.process().wait().exit_code, 0);
}

TEST(RawPing, goes_round_in_every_way_of_waiting) {
  for (const Words& way : {Words{}, Words{"--wait", "epoll"}, Words{"--spin"}, Words{"--unix"}, Words{"--two-ways"}}) {
    expect_round_trips("run 1000\\n", way);
  }
}

TEST(RawPing, follows_a_plan_in_every_way_of_waiting) {
  for (const Words& way : {Words{}, Words{"--wait", "epoll"}, Words{"--spin"}, Words{"--unix"}, Words{"--two-ways"}}) {
    expect_round_trips("pace 1000 20000\\n", way);
  }
}

TEST(RawPing, a_plan_that_is_too_fast_and_messages_beyond_the_bound_come_to_an_end) {
  expect_round_trips("pace 1000 1\\n", {});
  expect_round_trips("pace 1000 1\\n", {"--payload", "100000"});
}

TEST(RawRing, goes_round_and_the_echo_ends_with_its_ping) {
  for (const char* payload : {"2", "128", "100000"}) {
    expect_round_trips("run 1000\\n", {"--payload", payload}, BENCH_RAW_RING);
  }
}

TEST(RawStream, the_sink_tells_each_block_s_end_and_ends_with_its_source) {
  expect_sink_counts(BENCH_RAW_STREAM, {});
  expect_sink_counts(BENCH_RAW_STREAM, {"--spin", "--write", "1000", "--payload", "1001"});
}

TEST(ReadyFrames, the_sink_counts_each_block_and_ends_with_its_source) {
  expect_sink_counts(BENCH_READY_FRAMES, {});
  expect_sink_counts(BENCH_READY_FRAMES, {"--wait", "epoll", "--payload", "2001"});
  expect_sink_counts(BENCH_READY_FRAMES, {"--spin", "--payload", "400000"});  // larger than both buffers
}

TEST(Wake, goes_round_by_each_way) {
  for (const char* way : {"eventfd", "futex", "condition", "line"}) {
    // Two threads that spin on one processor take a time slice for each turn: a few of these are enough.
    const std::string said = drive("run 100\\n", BENCH_WAKE, {"solo", "--by", way});
    EXPECT_TRUE(said.starts_with("took ")) << way << ": " << said;
  }
}

std::string frame_of(std::string_view payload) {
  std::string frame(bench::kFrameSizeMin + payload.size(), '\0');
  bench::FrameWriter().write(frame.data(), payload);
  return frame;
}

/// As much as `bytes` has, or less at the connection's end.
std::string receive_as_much(RawSocket& socket, std::size_t size) {
  std::string got;
  for (std::string bytes = socket.receive(); !bytes.empty(); bytes = socket.receive()) {
    got += bytes;
    if (got.size() >= size) break;
  }
  return got;
}

TEST(RawEcho, sends_frames_back_on_their_own_connection_however_they_are_cut) {
  Responder echo(BENCH_RAW_ECHO, {"echo"});
  RawSocket first = RawSocket::connected_to(echo.port());
  RawSocket second = RawSocket::connected_to(echo.port());
  const std::string frame = frame_of(R"("first")");
  const std::string other = frame_of(R"("second, and longer")");
  // In the length, behind it, in the body, before its end.
  for (const std::size_t cut : {std::size_t{1}, std::size_t{4}, std::size_t{40}, frame.size() - 1}) {
    EXPECT_TRUE(first.send(frame.substr(0, cut)));
    EXPECT_TRUE(second.send(other + other));
    EXPECT_EQ(receive_as_much(second, 2 * other.size()), other + other);
    EXPECT_TRUE(first.send(frame.substr(cut) + other));
    EXPECT_EQ(receive_as_much(first, frame.size() + other.size()), frame + other);
  }
}

TEST(RawEcho, closes_a_connection_whose_frame_is_beyond_the_bound_and_serves_the_others) {
  Responder echo(BENCH_RAW_ECHO, {"echo", "--payload", "16"});
  RawSocket bad = RawSocket::connected_to(echo.port());
  EXPECT_TRUE(bad.send(frame_of(std::string(1000, 'x')).substr(0, 900)));
  EXPECT_EQ(bad.receive_all(), "");

  RawSocket good = RawSocket::connected_to(echo.port());
  const std::string frame = frame_of(R"("good")");
  EXPECT_TRUE(good.send(frame));
  EXPECT_EQ(receive_as_much(good, frame.size()), frame);
}

TEST(Contestants, end_with_their_parent) {
  // The shell waits for the echo, which inherits its output.
  ChildProcess shell("/bin/sh", {"-c", std::string("'") + BENCH_RAW_ECHO + "' echo; :"});
  EXPECT_TRUE(shell.wait_for_output("ready "));
  shell.send_signal(SIGKILL);
  EXPECT_EQ(shell.wait().signal, SIGKILL);  // returns only when the echo has closed the output, too
}

}  // namespace
}  // namespace distflow::test
