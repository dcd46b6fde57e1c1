#include "bench/peers/aeron_driver.hpp"

#include <aeronc.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>

#include "bench/contestant/contestant.hpp"

namespace distflow::bench {
namespace {

/// Shorter than the director waits for `ready`.
constexpr std::uint64_t kStartPatienceNs = 15'000'000'000;
constexpr std::int64_t kLookMs = 5;
/// How long the driver may take to end; the director waits twice as long for this process.
constexpr std::int64_t kEndPatienceMs = 1000;
/// A driver shows once a second that it lives.
constexpr std::int64_t kHeartbeatMs = 5000;

void ignore_log(const char* /*line*/) {}

/// SIGTERM and its like, and SIGCHLD: blocked, so that they are waited for, and none ends this process before its time.
sigset_t waited_for() {
  sigset_t set{};
  ::sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGCHLD}) ::sigaddset(&set, signal);
  return set;
}

/// The signal that came within `ms`, or -1.
int wait_for_signal(const sigset_t& set, std::int64_t ms) {
  const timespec patience{.tv_sec = static_cast<std::time_t>(ms / 1000),
                          .tv_nsec = static_cast<long>(ms % 1000 * 1'000'000)};
  return ::sigtimedwait(&set, nullptr, &patience);
}

constexpr const char* kFolderName = "distflow-bench-aeron-";

/// A folder that is open, and locked by whoever uses it: this process and its driver, which inherits the descriptor.
class FolderLock {
 public:
  explicit FolderLock(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW)) {}
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;
  ~FolderLock() {
    if (fd_ >= 0) ::close(fd_);
  }

  /// Whether it is this user's, and nobody else has locked it; `flags` as flock(2) has them. It is locked then.
  [[nodiscard]] bool take(int flags) const {
    struct stat folder {};
    if (fd_ < 0 || ::fstat(fd_, &folder) != 0 || folder.st_uid != ::geteuid()) return false;
    while (::flock(fd_, LOCK_EX | flags) != 0) {
      if (errno != EINTR) return false;
    }
    return true;
  }
  /// Whether the folder is still there under that name.
  [[nodiscard]] bool is_at(const std::string& path) const {
    struct stat own {};
    struct stat there {};
    return ::fstat(fd_, &own) == 0 && ::lstat(path.c_str(), &there) == 0 && own.st_dev == there.st_dev &&
           own.st_ino == there.st_ino;
  }

 private:
  const int fd_;
};

/// Removes the folders of brokers that were killed: those that nobody has locked.
void remove_left_folders(const std::string& parent) {
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(parent, none)) {
    if (!entry.path().filename().string().starts_with(kFolderName)) continue;
    const std::string path = entry.path().string();
    const FolderLock left(path);
    if (left.take(LOCK_NB) && left.is_at(path)) std::filesystem::remove_all(path, none);
  }
}

/// A folder of this process's own, which is gone with it; if the process is killed, with the next one that starts.
class Folder {
 public:
  Folder() {
    std::error_code none;
    // Aeron's own place on Linux: its files are mapped, and a disk would write their pages back.
    const std::string in_memory = "/dev/shm";
    const bool has_memory = ::access(in_memory.c_str(), W_OK) == 0;
    const std::string parent = has_memory ? in_memory : std::filesystem::temp_directory_path(none).string();
    remove_left_folders(parent);
    for (int left = kAttemptsMax; left > 0; --left) {
      path_ = parent + '/' + kFolderName + "XXXXXX";
      if (::mkdtemp(path_.data()) == nullptr) give_up("no folder can be made in " + parent);
      lock_ = std::make_unique<FolderLock>(path_);
      // Another broker that starts may have locked it first, and has taken it for one that was left.
      if (lock_->take(0) && lock_->is_at(path_)) return;
    }
    give_up("no folder can be locked in " + parent);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code none;
    std::filesystem::remove_all(path_, none);
  }

  /// Where the driver makes its directory: it takes one that is there already for that of another driver.
  [[nodiscard]] std::string driver() const { return path_ + "/driver"; }

 private:
  static constexpr int kAttemptsMax = 100;

  std::string path_;
  std::unique_ptr<FolderLock> lock_;
};

[[noreturn]] void become_aeronmd(const std::string& directory, ::pid_t parent, const sigset_t& blocked) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  ::sigprocmask(SIG_UNBLOCK, &blocked, nullptr);  // a mask outlives execve(2)
  // What it prints for people would pass for what a contestant says.
  const int nowhere = ::open("/dev/null", O_RDWR);
  ::dup2(nowhere, STDIN_FILENO);
  ::dup2(nowhere, STDOUT_FILENO);
  ::setenv("AERON_DIR", directory.c_str(), 1);
  ::setenv("AERON_DIR_DELETE_ON_SHUTDOWN", "1", 0);
  ::setenv("AERON_THREADING_MODE", "SHARED", 0);
  if (::getenv("AERON_SHARED_IDLE_STRATEGY") == nullptr) {
    ::setenv("AERON_SHARED_IDLE_STRATEGY", "sleeping", 1);
    ::setenv("AERON_SHARED_IDLE_STRATEGY_INIT_ARGS", "20ms", 0);
  }
  ::setenv("AERON_TERM_BUFFER_SPARSE_FILE", "0", 0);
  ::execl(DISTFLOW_AERON_DRIVER, "aeronmd", nullptr);
  ::_exit(127);
}

/// Ends the driver, if it has not ended by itself. aeronmd ends in order at SIGINT; not every version does at SIGTERM.
void end_driver(::pid_t driver, const sigset_t& set) {
  ::kill(driver, SIGINT);
  const std::uint64_t deadline = monotonic_ns() + static_cast<std::uint64_t>(kEndPatienceMs) * 1'000'000;
  while (monotonic_ns() < deadline) {
    if (::waitpid(driver, nullptr, WNOHANG) == driver) return;
    wait_for_signal(set, kLookMs);
  }
  ::kill(driver, SIGKILL);
  ::waitpid(driver, nullptr, 0);
}

/// Stays with the driver to the end of one of both. Empty if it was to end, else what is wrong.
std::string accompany(const std::string& directory, const sigset_t& set) {
  const std::uint64_t deadline = monotonic_ns() + kStartPatienceNs;
  bool is_ready = false;
  while (is_ready || monotonic_ns() < deadline) {
    if (!is_ready && ::aeron_is_driver_active(directory.c_str(), kHeartbeatMs, ignore_log)) {
      tell_ready(directory);
      is_ready = true;
    }
    const int signal = is_ready ? ::sigwaitinfo(&set, nullptr) : wait_for_signal(set, kLookMs);
    if (signal == SIGCHLD) return DISTFLOW_AERON_DRIVER " has ended; it says above why, and needs 400 MB in /dev/shm";
    if (signal > 0) return {};
  }
  return DISTFLOW_AERON_DRIVER " did not become active";
}

}  // namespace

void become_aeron_driver() {
  const sigset_t set = waited_for();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  std::string fault;
  {
    const Folder folder;
    const ::pid_t parent = ::getpid();
    const ::pid_t driver = ::fork();
    if (driver == 0) become_aeronmd(folder.driver(), parent, set);
    if (driver < 0) {
      fault = "no process for " DISTFLOW_AERON_DRIVER;
    } else {
      fault = accompany(folder.driver(), set);
      end_driver(driver, set);
    }
  }
  if (!fault.empty()) give_up(fault);
  std::exit(0);
}

}  // namespace distflow::bench
