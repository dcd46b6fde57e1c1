// The launcher, with scripts in the daemon's place.
#include "pmd/launch/launcher.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "pmd/launch/own_daemons.hpp"
#include "tests/support/child.hpp"

namespace distflow::pmd {
namespace {

namespace fs = std::filesystem;

class Launcher : public ::testing::Test {
 protected:
  Launcher() : folder_(fs::path(::testing::TempDir()) / ("launcher_test." + std::to_string(::getpid()))) {
    fs::create_directories(folder_);
  }
  ~Launcher() override {
    ::unsetenv("DISTFLOW_PMD");
    fs::remove_all(folder_);
  }

  /// What DISTFLOW_PMD names from now on.
  void write_program(const std::string& body) {
    const fs::path program = folder_ / "program";
    std::ofstream(program) << "#!/bin/sh\n" << body << "\n";
    ::chmod(program.c_str(), 0700);
    ::setenv("DISTFLOW_PMD", program.c_str(), 1);
  }
  [[nodiscard]] std::string path(const char* name) const { return (folder_ / name).string(); }
  [[nodiscard]] std::string text_of(const char* name) const {
    std::ostringstream text;
    text << std::ifstream(path(name)).rdbuf();
    return text.str();
  }

  fs::path folder_;
};

/// Whether the process ends, or has; one that nobody waits for stays a zombie.
bool is_gone_soon(int pid) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (std::chrono::steady_clock::now() < give_up) {
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    std::string number;
    std::string name;
    std::string state;
    if (!(stat >> number >> name >> state) || state == "Z" || state == "X") return true;
  }
  return false;
}

TEST_F(Launcher, a_daemon_that_is_ready_was_started) {
  write_program("echo ready 4242 >&3");
  const Result<LaunchOutcome> outcome = launch_pmd({});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->kind, LaunchOutcome::Kind::started);
  EXPECT_EQ(outcome->port, 4242);
  EXPECT_GT(outcome->pid, 0);
}

TEST_F(Launcher, a_port_in_use_means_that_one_runs_already) {
  write_program("echo in-use 4242 >&3; exit 1");
  const Result<LaunchOutcome> outcome = launch_pmd({});
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->kind, LaunchOutcome::Kind::already_running);
  EXPECT_EQ(outcome->pid, 0);
}

TEST_F(Launcher, a_daemon_that_ends_or_says_something_else_was_not_started) {
  for (const char* body : {"exit 0", "echo ready >&3", "echo ready x >&3", "echo ready 70000 >&3", "echo go 1 >&3",
                           "echo >&3", "printf 'ready 42' >&3", "head -c 1000 /dev/zero >&3"}) {
    SCOPED_TRACE(body);
    write_program(body);
    const Result<LaunchOutcome> outcome = launch_pmd({});
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error(), Errc::pmd_not_started);
  }
}

TEST_F(Launcher, only_a_program_that_cannot_be_executed_is_a_final_failure) {
  for (const char* body : {"exit 1", "echo in-use >&3"}) {
    write_program(body);
    EXPECT_FALSE(is_final_launch_error(launch_pmd({}).error())) << body;
  }
  std::ofstream(path("program")) << "#!/nonexistent/interpreter\n";
  EXPECT_TRUE(is_final_launch_error(launch_pmd({}).error()));
  std::ofstream(path("program")) << "no program at all\n";
  EXPECT_TRUE(is_final_launch_error(launch_pmd({}).error()));
  fs::remove(path("program"));
  EXPECT_TRUE(is_final_launch_error(launch_pmd({}).error()));
  for (const std::errc passing :
       {std::errc::too_many_files_open, std::errc::not_enough_memory, std::errc::resource_unavailable_try_again}) {
    EXPECT_FALSE(is_final_launch_error({std::make_error_code(passing), ""}));
  }
}

TEST_F(Launcher, a_daemon_that_is_not_ready_in_time_is_ended) {
  write_program("echo $$ > " + path("pid") + "; exec sleep 1000");
  const Result<LaunchOutcome> outcome = launch_pmd({.timeout = base::milliseconds(300)});
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error(), Errc::timed_out);
  EXPECT_TRUE(is_gone_soon(std::stoi(text_of("pid"))));
}

TEST_F(Launcher, the_daemon_gets_its_options) {
  write_program("echo \"$@\" > " + path("arguments") + "; echo ready 1 >&3");
  ASSERT_TRUE(launch_pmd({.host = "127.0.0.1",
                          .port = 4370,
                          .ttl = base::milliseconds(1500),
                          .idle_exit = base::seconds(30),
                          .log_level = "debug",
                          .web_port = 4371}));
  EXPECT_EQ(text_of("arguments"),
            "--host 127.0.0.1 --port 4370 --ready-fd 3 --ttl 1.500 --idle-exit 30.000 --log-level debug "
            "--web-port 4371\n");
}

TEST_F(Launcher, the_daemon_is_told_nothing_that_a_service_manager_said_to_its_starter) {
  write_program("env | grep ^LISTEN_ > " + path("variables") + "; echo ready 1 >&3");
  EXPECT_TRUE(test::passes_in_child([&] {
    ::setenv("LISTEN_PID", std::to_string(::getpid()).c_str(), 1);
    ::setenv("LISTEN_FDS", "1", 1);
    ::setenv("LISTEN_FDNAMES", "node", 1);
    ::setenv("LISTEN_TO", "the application's own", 1);
    EXPECT_TRUE(launch_pmd({}));
  }));
  EXPECT_EQ(text_of("variables"), "LISTEN_TO=the application's own\n");
}

TEST_F(Launcher, the_daemon_inherits_no_descriptor_no_signal_mask_and_no_folder) {
  const int open_one = ::fcntl(0, F_DUPFD, 77);
  ASSERT_GE(open_one, 77);
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  // In variables first: a redirection would change the descriptors that are looked at.
  write_program(R"(fds=$(cd /proc/$$/fd && echo *); targets=$(cd /proc/$$/fd && readlink 0 1 2)
                   mask=$(grep SigBlk /proc/$$/status); folder=$PWD; cd )" +
                folder_.string() + R"(
                   echo "$fds" > fds; echo "$targets" > targets; echo "$mask" > mask; echo "$folder" > folder
                   echo ready 1 >&3)");
  const Result<LaunchOutcome> outcome = launch_pmd({});
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::close(open_one);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(text_of("targets"), "/dev/null\n/dev/null\n/dev/null\n");
  EXPECT_EQ(text_of("mask"), "SigBlk:\t0000000000000000\n");
  EXPECT_EQ(text_of("folder"), "/\n");
  // Those of the shell's own are small numbers.
  EXPECT_EQ(text_of("fds").find(" " + std::to_string(open_one)), std::string::npos) << text_of("fds");
}

TEST_F(Launcher, the_daemon_has_limits_priorities_processors_signals_and_umask_as_at_a_log_in) {
  write_program("{ ulimit -Sn; ulimit -Hn; ulimit -St; umask; } > " + path("limits") + R"(
                   grep -E 'SigIgn|Cpus_allowed:' /proc/$$/status > )" +
                path("status") + "; cat /proc/$$/oom_score_adj > " + path("oom") + "; nice > " + path("nice") +
                "; echo ready 1 >&3");
  std::ostringstream processors;
  std::string line;
  for (std::ifstream status("/proc/self/status"); std::getline(status, line);) {
    if (line.starts_with("Cpus_allowed:")) processors << line << '\n';
  }
  // What it does to itself cannot be taken back.
  EXPECT_TRUE(test::passes_in_child([&] {
    rlimit descriptors{};
    ::getrlimit(RLIMIT_NOFILE, &descriptors);
    descriptors.rlim_cur = 40;
    ::setrlimit(RLIMIT_NOFILE, &descriptors);
    rlimit seconds{1000, RLIM_INFINITY};
    ::setrlimit(RLIMIT_CPU, &seconds);
    ::umask(077);
    ::signal(SIGINT, SIG_IGN);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<unsigned>(::sched_getcpu()), &one);
    ::sched_setaffinity(0, sizeof one, &one);
    std::ofstream("/proc/self/oom_score_adj") << "500";
    ASSERT_EQ(::setpriority(PRIO_PROCESS, 0, 7), 0);

    const Result<LaunchOutcome> outcome = launch_pmd({});
    ASSERT_TRUE(outcome);
    const std::string hard = std::to_string(descriptors.rlim_max);
    EXPECT_EQ(text_of("limits"), hard + "\n" + hard + "\nunlimited\n0022\n");
    EXPECT_EQ(text_of("status"), "SigIgn:\t0000000000000000\n" + processors.str());
    const bool keeps_niceness = outcome->kept_state.find("niceness") != std::string::npos;
    EXPECT_EQ(text_of("nice"), keeps_niceness ? "7\n" : "0\n");
    const bool keeps_score = outcome->kept_state.find("OOM score") != std::string::npos;
    EXPECT_EQ(text_of("oom"), keeps_score ? "500\n" : "0\n");
  }));
}

TEST_F(Launcher, the_starter_keeps_all_that_the_daemon_does_not_inherit) {
  write_program("echo ready 1 >&3");
  EXPECT_TRUE(test::passes_in_child([&] {
    const rlimit seconds{1000, RLIM_INFINITY};
    ::setrlimit(RLIMIT_CPU, &seconds);
    ::umask(077);
    ::signal(SIGINT, SIG_IGN);
    sigset_t usr1;
    ::sigemptyset(&usr1);
    ::sigaddset(&usr1, SIGUSR1);
    ::pthread_sigmask(SIG_SETMASK, &usr1, nullptr);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<unsigned>(::sched_getcpu()), &one);
    ::sched_setaffinity(0, sizeof one, &one);
    ::prctl(PR_SET_TIMERSLACK, 70'000, 0, 0, 0);
    std::ofstream("/proc/self/oom_score_adj") << "500";
    ASSERT_EQ(::setpriority(PRIO_PROCESS, 0, 7), 0);
    const fs::path folder = fs::current_path();
    const fs::path input = fs::read_symlink("/proc/self/fd/0");
    const pid_t session = ::getsid(0);

    ASSERT_TRUE(launch_pmd({}));
    rlimit kept{};
    ::getrlimit(RLIMIT_CPU, &kept);
    EXPECT_EQ(kept.rlim_cur, seconds.rlim_cur);
    EXPECT_EQ(::umask(022), 077U);
    EXPECT_EQ(::signal(SIGINT, SIG_DFL), SIG_IGN);
    sigset_t mask;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
    EXPECT_EQ(::sigismember(&mask, SIGUSR1), 1);
    EXPECT_EQ(::sigismember(&mask, SIGUSR2), 0);
    cpu_set_t processors;
    ::sched_getaffinity(0, sizeof processors, &processors);
    EXPECT_EQ(CPU_COUNT(&processors), 1);
    EXPECT_EQ(::prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0), 70'000);
    std::string score;
    std::ifstream("/proc/self/oom_score_adj") >> score;
    EXPECT_EQ(score, "500");
    EXPECT_EQ(::getpriority(PRIO_PROCESS, 0), 7);
    EXPECT_EQ(fs::current_path(), folder);
    EXPECT_EQ(fs::read_symlink("/proc/self/fd/0"), input);
    EXPECT_EQ(::getsid(0), session);
  }));
}

TEST_F(Launcher, what_may_not_be_reset_is_said) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give up the right to lower a niceness";
  fs::permissions(folder_, fs::perms::all);
  write_program("echo ready 1 >&3");
  fs::permissions(path("program"), fs::perms::all);
  EXPECT_TRUE(test::passes_in_child([&] {
    ASSERT_EQ(::setpriority(PRIO_PROCESS, 0, 7), 0);
    ASSERT_EQ(::setresuid(65534, 65534, 65534), 0);
    const Result<LaunchOutcome> outcome = launch_pmd({});
    ASSERT_TRUE(outcome) << outcome.error().message();
    EXPECT_NE(outcome->kept_state.find("niceness"), std::string::npos) << outcome->kept_state;
  }));
}

/// Has another thread fork one child after the other. All live as long as this.
class ForksMeanwhile {
 public:
  ForksMeanwhile() {
    EXPECT_EQ(::pipe2(life_.data(), O_CLOEXEC), 0);
    thread_ = std::thread([this] {
      while (!is_over_ && children_.size() < kChildrenMax) fork_one();
      // Not yet to its end: the thread sanitizer's fork() makes the launcher's child a copy that has this thread, too,
      // and takes one that has ended for a leak, as nobody can join it there.
      is_over_.wait(false);
    });
    while (!has_begun_) std::this_thread::yield();
  }
  ForksMeanwhile(const ForksMeanwhile&) = delete;
  ForksMeanwhile& operator=(const ForksMeanwhile&) = delete;
  ~ForksMeanwhile() {
    is_over_ = true;
    is_over_.notify_one();
    thread_.join();
    ::close(life_[1]);
    ::close(life_[0]);
    for (const pid_t child : children_) ::waitpid(child, nullptr, 0);
  }

 private:
  static constexpr std::size_t kChildrenMax = 200;

  void fork_one() {
    const pid_t child = ::fork();
    if (child > 0) children_.push_back(child);
    has_begun_ = true;
    if (child != 0) return;
    ::close(life_[1]);
    char unused = 0;
    static_cast<void>(!::read(life_[0], &unused, 1));
    ::_exit(0);
  }

  std::array<int, 2> life_{};
  std::vector<pid_t> children_;
  std::atomic<bool> has_begun_{false};
  std::atomic<bool> is_over_{false};
  std::thread thread_;
};

TEST_F(Launcher, children_that_another_thread_forks_meanwhile_keep_nobody_waiting) {
  write_program("echo ready 4242 >&3");
  const ForksMeanwhile others;
  EXPECT_TRUE(launch_pmd({}));
}

TEST_F(Launcher, the_program_is_looked_for_where_it_may_be) {
  ::setenv("DISTFLOW_PMD", path("missing").c_str(), 1);
  EXPECT_EQ(find_pmd_program().error(), Errc::pmd_not_found);
  EXPECT_EQ(launch_pmd({}).error(), Errc::pmd_not_found);

  const std::string old_path = std::getenv("PATH");
  ::unsetenv("DISTFLOW_PMD");
  std::ofstream(path("distflow-pmd")) << "#!/bin/sh\n";
  ::chmod(path("distflow-pmd").c_str(), 0700);
  const bool is_beside = fs::exists(fs::read_symlink("/proc/self/exe").parent_path() / "distflow-pmd");
  ::setenv("PATH", ("/nonexistent::" + folder_.string()).c_str(), 1);
  const Result<std::string> found = find_pmd_program();
  ::setenv("PATH", old_path.c_str(), 1);
  ASSERT_TRUE(found);
  if (!is_beside) {
    EXPECT_EQ(*found, path("distflow-pmd"));
  }
}

TEST_F(Launcher, the_places_where_the_program_is_looked_for_are_named) {
  ::unsetenv("DISTFLOW_PMD");
  const std::string usual = places_of_pmd_program(base::Rights::of_starter);
  EXPECT_EQ(usual.find(fs::read_symlink("/proc/self/exe").parent_path().string() + "/distflow-pmd, "), 0U) << usual;
  EXPECT_NE(usual.find("and in the PATH "), std::string::npos) << usual;
  ::setenv("DISTFLOW_PMD", "/nowhere/pmd", 1);
  EXPECT_EQ(places_of_pmd_program(base::Rights::of_starter), "DISTFLOW_PMD=/nowhere/pmd");
  const std::string raised = places_of_pmd_program(base::Rights::raised);
  EXPECT_EQ(raised.find("/nowhere"), std::string::npos) << raised;
  EXPECT_EQ(raised.find("PATH"), std::string::npos) << raised;
}

TEST_F(Launcher, with_raised_rights_neither_the_environment_nor_the_path_is_heeded) {
  write_program("exit 0");
  EXPECT_EQ(find_pmd_program(base::Rights::of_starter).value_or(""), path("program"));
  EXPECT_NE(find_pmd_program(base::Rights::raised).value_or(""), path("program")) << "DISTFLOW_PMD names it";
  EXPECT_EQ(base::environment("DISTFLOW_PMD", base::Rights::raised), nullptr);

  fs::rename(path("program"), path("distflow-pmd"));
  const std::string old_path = std::getenv("PATH");
  ::unsetenv("DISTFLOW_PMD");
  ::setenv("PATH", folder_.c_str(), 1);
  EXPECT_NE(find_pmd_program(base::Rights::raised).value_or(""), path("distflow-pmd")) << "the PATH leads to it";
  ::setenv("PATH", old_path.c_str(), 1);
}

TEST_F(Launcher, a_subreaper_waits_for_the_daemon_that_it_started_and_for_nobody_else) {
  write_program("echo ready 1 >&3; exec sleep 1000 >/dev/null 2>&1 3>&-");
  EXPECT_TRUE(test::passes_in_child([] {
    ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
    const Result<LaunchOutcome> daemon = launch_pmd({});
    ASSERT_TRUE(daemon);
    const pid_t own = ::fork();
    if (own == 0) ::_exit(7);
    ::kill(daemon->pid, SIGKILL);
    siginfo_t ended{};
    for (const pid_t pid : {static_cast<pid_t>(daemon->pid), own}) {
      ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(pid), &ended, WEXITED | WNOWAIT), 0) << "both are children, and end";
    }
    reap_own_daemons();
    EXPECT_EQ(::waitpid(daemon->pid, nullptr, WNOHANG), -1) << "it is waited for";
    EXPECT_EQ(errno, ECHILD);
    int status = 0;
    EXPECT_EQ(::waitpid(own, &status, 0), own) << "the application's child is left to it";
    EXPECT_EQ(WEXITSTATUS(status), 7);
  }));
}

TEST_F(Launcher, a_child_that_was_no_daemon_is_left_alone) {
  EXPECT_TRUE(test::passes_in_child([] {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    siginfo_t ended{};
    ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT), 0);
    reap_own_daemons();  // never remembered
    EXPECT_EQ(::waitpid(child, nullptr, 0), child);
  }));
}

}  // namespace
}  // namespace distflow::pmd
