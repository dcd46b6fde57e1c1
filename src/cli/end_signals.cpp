#include "cli/end_signals.hpp"

#include <pthread.h>

#include <csignal>
#include <utility>

namespace distflow::cli {
namespace {

// Wakes the thread when nothing has ended the command but the command itself.
constexpr int kWake = SIGUSR1;

sigset_t set_of(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  return set;
}

}  // namespace

EndSignals::EndSignals(std::function<void()> on_end) : on_end_(std::move(on_end)) {
  const sigset_t blocked = set_of({SIGINT, SIGTERM, kWake});
  pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
  thread_ = std::thread([this] { wait(); });
}

EndSignals::~EndSignals() {
  is_over_ = true;
  over_.release();
  pthread_kill(thread_.native_handle(), kWake);
  thread_.join();
}

void EndSignals::wait() {
  const sigset_t awaited = set_of({SIGINT, SIGTERM, kWake});
  int signal = kWake;
  while (signal == kWake && !is_over_) sigwait(&awaited, &signal);
  if (is_over_) return;
  on_end_();
  const sigset_t ending = set_of({SIGINT, SIGTERM});
  pthread_sigmask(SIG_UNBLOCK, &ending, nullptr);
  over_.acquire();
}

}  // namespace distflow::cli
