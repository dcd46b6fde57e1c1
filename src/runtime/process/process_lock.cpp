#include "runtime/process/process_lock.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>

#include "io/posix/process_identity.hpp"
#include "runtime/process/stale_locks.hpp"

namespace distflow::runtime {
namespace {

constexpr const char* kFolder = "/tmp";

constinit std::atomic<std::uint64_t> turns{0};
/// The turn of the one holder of this process; 0 while there is none.
constinit std::atomic<std::uint64_t> slot{0};
/// The holder's file, for exit(); -1 without one in kFolder. A node may end on its own thread while another one exits:
/// who takes the number is the only one to use the file.
constinit std::atomic<int> file_at_exit{-1};

void remove_at_exit() {
  const std::string path = ProcessLock::path();
  // A holder that ends from here on leaves the file to this thread, and the slot free: that says nothing of the file.
  const int fd = file_at_exit.exchange(-1);
  if (fd >= 0 && is_file_named(fd, AT_FDCWD, path.c_str())) ::unlink(path.c_str());
}

void forget_in_child() {
  slot.store(0);
  file_at_exit.store(-1);
}

void heed_exit_and_forks() {
  [[maybe_unused]] static const int registered =
      std::atexit(remove_at_exit) + ::pthread_atfork(nullptr, nullptr, forget_in_child);
}

}  // namespace

std::string ProcessLock::path() { return LockFile::path_in(kFolder); }

ProcessLock::ProcessLock(std::uint64_t turn) : turn_(turn), pid_(::getpid()) {}

Result<ProcessLock> ProcessLock::acquire(const base::Log& log, const std::string& folder) {
  heed_exit_and_forks();
  std::uint64_t nobody = 0;
  const std::uint64_t turn = ++turns;
  if (!slot.compare_exchange_strong(nobody, turn)) {
    return Error{Errc::already_running, "making the one node of this process"};
  }
  ProcessLock lock(turn);
  Result<LockFile> file = LockFile::put(folder, io::platform::process_identity());
  if (file) {
    lock.is_for_exit_ = folder == kFolder;
    if (lock.is_for_exit_) file_at_exit = file->fd();
    lock.file_.emplace(*std::move(file));
  } else if (file.error() == Errc::already_running) {
    return Error{Errc::already_running, "making a node beside that of another copy of the library"};
  } else {
    log.write(base::LogLevel::debug, "no lock file: %s", file.error().message().c_str());
  }
  remove_stale_locks(folder);
  return lock;
}

ProcessLock::~ProcessLock() {
  if (turn_ == 0 || slot.load() != turn_ || ::getpid() != pid_) return;
  const bool is_taken = is_for_exit_ && file_at_exit.exchange(-1) < 0;
  if (file_) is_taken ? file_->leave_open() : file_->remove();
  slot.store(0);  // last: from then on there may be another
}

}  // namespace distflow::runtime
