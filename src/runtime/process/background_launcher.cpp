#include "runtime/process/background_launcher.hpp"

#include <new>
#include <system_error>
#include <thread>
#include <utility>

#include "base/time.hpp"
#include "pmd/launch/launcher.hpp"
#include "pmd/launch/own_daemons.hpp"

namespace distflow::runtime {
namespace {

Result<PmdStart> to_start(const Result<pmd::LaunchOutcome>& outcome) {
  if (!outcome) return outcome.error();
  return outcome->kind == pmd::LaunchOutcome::Kind::started ? PmdStart::started : PmdStart::already_running;
}

/// Makes a task of what `make` gives; false without memory.
template <class Make>
bool has_made(std::function<void()>& task, Make&& make) {
  try {
    task = make();
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

}  // namespace

void BackgroundLauncher::start_pmd(std::function<void(Result<PmdStart>)> on_outcome) {
  const auto run = [this, kept = parts_.keep(), on_outcome] {
    const Result<PmdStart> outcome = launch();
    // This thread has time.
    const auto make = [&] { return [on_outcome, outcome] { on_outcome(outcome); }; };
    std::function<void()> task;
    while (!(task || has_made(task, make)) || !parts_.post(task)) {
      if (kept.use_count() == 1) return;  // nobody is left who could turn the loop
      std::this_thread::sleep_for(base::milliseconds(1));
    }
  };
  try {
    std::thread(run).detach();
  } catch (const std::system_error& error) {
    std::function<void()> task = [on_outcome, code = error.code()] { on_outcome(Error{code, "starting a PMD"}); };
    if (!parts_.post(task)) throw std::bad_alloc();
  }
}

/// On the thread for that.
Result<PmdStart> BackgroundLauncher::launch() const try {
  pmd::LaunchOptions options;
  options.host = parts_.options.pmd_host;
  options.port = parts_.options.pmd_port;
  options.idle_exit = parts_.options.pmd_idle_exit;
  const Result<pmd::LaunchOutcome> outcome = pmd::launch_pmd(options);
  if (outcome && !outcome->kept_state.empty()) {
    parts_.log.write(base::LogLevel::info, "the PMD started has this process's %s: it may not be reset",
                     outcome->kept_state.c_str());
  }
  return to_start(outcome);
} catch (const std::bad_alloc&) {
  return Error{Errc::out_of_memory, "starting a PMD"};
}

void BackgroundLauncher::heed_ended_pmd() { pmd::reap_own_daemons(); }

}  // namespace distflow::runtime
