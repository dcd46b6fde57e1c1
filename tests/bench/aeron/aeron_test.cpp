// Aeron's IPC as a contestant, over a test double: its rows with the whole of distflow-bench, and without it the lines
// that say so; and that its driver and directory end with it, whatever ends first.
#include <gmock/gmock.h>
#include <poll.h>
#include <rapidjson/document.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/bench/contestants.hpp"

namespace distflow::test {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::array kRows{"round trip, spinning, against Aeron IPC, 128 B",
                           "round trip, spinning, p99, against Aeron IPC, 128 B",
                           "round trip, open loop of 100000/s, p99.9, against Aeron IPC, 128 B"};

enum class Aeron : std::uint8_t { is_there, is_missing };

/// A folder with distflow-bench, and nodes and perhaps Aeron beside it. It looks for contestants where its own file
/// lies, so that this one is a copy.
class Stage {
 public:
  explicit Stage(Aeron aeron) {
    folder_ = ::testing::TempDir() + "/distflow-test-XXXXXX";
    if (::mkdtemp(folder_.data()) == nullptr) ADD_FAILURE() << "no folder";
    fs::copy_file(DISTFLOW_BENCH, folder_ + "/distflow-bench");
    fs::create_symlink(BENCH_NODE, folder_ + "/bench_node");
    if (aeron == Aeron::is_there) fs::create_symlink(AERON_PEER_DOUBLE, folder_ + "/bench_peer_aeron");
  }
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;
  ~Stage() { fs::remove_all(folder_); }

  /// The shortest run of the rows whose names contain `only`.
  [[nodiscard]] ProcessResult run(const std::string& only, const Words& environment = {}) const {
    const Words words{"peers", "--only", only, "--pairs", "1", "--block", "0.01", "--no-pin", "--json", results_path()};
    return run_process(folder_ + "/distflow-bench", words, environment);
  }

  [[nodiscard]] rapidjson::Document results() const {
    std::ifstream file(results_path());
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    rapidjson::Document document;
    EXPECT_FALSE(document.Parse(text.c_str()).HasParseError());
    return document;
  }

 private:
  [[nodiscard]] std::string results_path() const { return folder_ + "/results.json"; }
  std::string folder_;
};

TEST(AeronRows, are_one_of_the_median_one_of_p99_and_one_of_an_open_loops_tail) {
  const Stage stage(Aeron::is_there);
  const ProcessResult result = stage.run("Aeron");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.err, Not(HasSubstr("left out")));
  const rapidjson::Document results = stage.results();
  const auto rows = results["rows"].GetArray();
  ASSERT_EQ(rows.Size(), kRows.size()) << result.err;
  for (rapidjson::SizeType i = 0; i < rows.Size(); ++i) {
    const auto& row = rows[i];
    EXPECT_STREQ(row["name"].GetString(), kRows[i]);
    ASSERT_EQ(row["entries"].Size(), 2U);
    const auto& aeron = row["entries"][1];
    EXPECT_STREQ(aeron["name"].GetString(), "Aeron IPC");
    EXPECT_EQ(aeron["lost"].GetInt(), 0);
    EXPECT_GT(aeron["latency"]["count"].GetInt(), 0);
    EXPECT_GT(aeron["latency"]["p99.9"].GetInt64(), 0);
    // One round: its value is the percentile that the row is of.
    const char* const percentile = i == 0 ? "p50" : i == 1 ? "p99" : "p99.9";
    EXPECT_EQ(aeron["median"].GetDouble(), static_cast<double>(aeron["latency"][percentile].GetInt64()));
    const auto& ratio = row["ratios"][0];
    EXPECT_STREQ(ratio["of"].GetString(), "distflow, inlined, spinning");
    EXPECT_STREQ(ratio["to"].GetString(), "Aeron IPC");
    EXPECT_STREQ(ratio["sense"].GetString(), "at most");
    EXPECT_EQ(ratio["target"].GetDouble(), 1.0);
  }
}

TEST(AeronRows, without_it_are_left_out_with_a_line_each_and_the_run_goes_on) {
  const Stage stage(Aeron::is_missing);
  const ProcessResult result = stage.run("round trip, ");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  for (const char* const row : kRows) {
    EXPECT_THAT(result.err, HasSubstr(std::string(row) + " is left out: bench_peer_aeron is not built. "
                                                         "docs/performance.md#aeron says how to build Aeron"));
  }
  const rapidjson::Document results = stage.results();
  EXPECT_GT(results["rows"].Size(), 0U);
  for (const auto& row : results["rows"].GetArray()) {
    EXPECT_THAT(row["name"].GetString(), Not(HasSubstr("Aeron")));
  }
}

TEST(AeronRows, alone_and_left_out_are_no_success) {
  const Stage stage(Aeron::is_missing);
  const ProcessResult result = stage.run("Aeron");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.err, HasSubstr("nothing was measured"));
}

TEST(AeronRows, are_left_out_where_its_driver_does_not_start) {
  const Stage stage(Aeron::is_there);
  const ProcessResult result = stage.run("Aeron", {"AERON_DOUBLE_FAILS=1"});
  EXPECT_THAT(result.err, HasSubstr("has ended; it says above why"));
  EXPECT_THAT(result.err, HasSubstr(std::string(kRows[0]) + " is left out: Aeron IPC took no part"));
}

/// A running broker: its directory, and the driver's pid.
class AeronBroker : public ::testing::Test {
 protected:
  AeronBroker() : responder_(AERON_PEER_DOUBLE, {"broker"}) {
    std::ifstream(responder_.address() + "/cnc.dat") >> driver_;
    EXPECT_GT(driver_, 0);
    EXPECT_TRUE(is_there());
  }
  ~AeronBroker() override {
    if (responder_.process().pid() <= 0) return;  // has ended
    responder_.process().send_signal(SIGTERM);
    responder_.process().wait();
  }

  [[nodiscard]] bool is_there() const { return fs::exists(fs::path(responder_.address()).parent_path()); }
  [[nodiscard]] bool lives() const { return ::kill(driver_, 0) == 0; }

  Responder responder_;
  ::pid_t driver_ = 0;
};

TEST_F(AeronBroker, that_is_told_to_end_takes_its_driver_and_its_directory_along) {
  responder_.process().send_signal(SIGTERM);
  const ProcessResult result = responder_.process().wait();
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.err, HasSubstr("driver double: ended in order"));
  EXPECT_FALSE(lives());
  EXPECT_FALSE(is_there());
  // What a driver prints must not pass for what the contestant says.
  EXPECT_EQ(responder_.process().out(), "ready " + responder_.address() + "\n");
}

TEST_F(AeronBroker, whose_driver_dies_ends_and_leaves_no_directory) {
  ::kill(driver_, SIGKILL);
  const ProcessResult result = responder_.process().wait();
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("has ended"));
  EXPECT_FALSE(is_there());
}

TEST_F(AeronBroker, that_is_killed_takes_its_driver_along) {
  ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);  // the driver becomes this process's child, which waits for it
  responder_.process().send_signal(SIGKILL);
  EXPECT_EQ(responder_.process().wait().signal, SIGKILL);
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, driver_, 0));
  pollfd ended{.fd = fd, .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&ended, 1, kPatienceMs), 1) << "the driver lives on";
  ::close(fd);
  ::kill(driver_, SIGTERM);  // ends what is still there
  int status = 0;
  ASSERT_EQ(::waitpid(driver_, &status, 0), driver_);
  EXPECT_EQ(WTERMSIG(status), SIGKILL);
  Responder next(AERON_PEER_DOUBLE, {"broker"});
  EXPECT_FALSE(is_there()) << "the next one to start removes what nobody was left to remove";
  next.process().send_signal(SIGTERM);
  next.process().wait();
}

TEST_F(AeronBroker, that_runs_keeps_its_directory_while_another_one_starts) {
  Responder next(AERON_PEER_DOUBLE, {"broker"});
  EXPECT_TRUE(is_there());
  EXPECT_TRUE(lives());
  next.process().send_signal(SIGTERM);
  next.process().wait();
  EXPECT_TRUE(is_there());
}

TEST_F(AeronBroker, has_an_echo_that_answers_one_after_the_other_and_on_a_plan) {
  const Words there{"--broker", responder_.address()};
  const Responder echo(AERON_PEER_DOUBLE, {"echo", there[0], there[1]});
  const std::string said = drive("run 1000\\npace 500 20000\\nrun 1\\n", AERON_PEER_DOUBLE,
                                 {"ping", "--connect", echo.address(), there[0], there[1], "--payload", "1000"});
  std::size_t begin = 0;
  for (const std::size_t count : {1000U, 500U, 1U}) {
    EXPECT_EQ(take_times(said.substr(begin)), count) << said;
    begin = said.find('\n', begin) + 1;
  }
}

TEST_F(AeronBroker, has_no_ping_of_more_than_one_fragment) {
  const ProcessResult result =
      run_process(AERON_PEER_DOUBLE, {"ping", "--broker", responder_.address(), "--payload", "1377"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("one fragment"));
}

}  // namespace
}  // namespace distflow::test
