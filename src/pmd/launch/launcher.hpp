// Starts distflow-pmd in the background, and waits until it says that it is ready or that its port is taken.
//
// Blocking; any thread, but not a reactor's: the wait may take as long as the timeout.
//   1. The daemon outlives its starter: a session of its own, no terminal, none of the starter's descriptors,
//      limits, priorities and signals (detached_process.hpp). It is no child of the starter's; where it becomes one
//      by the starter's being process 1, its end is waited for when the next daemon is started, or before.
//   2. Readiness is signalled through a pipe, never waited for by time. Of any number of starters at once, one gets
//      `started` and the others `already_running`.
//   3. A daemon that is not ready in time is ended.
// Use: Result<LaunchOutcome> outcome = launch_pmd({.port = 4369});
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <distflow/result.hpp>

#include "base/environment.hpp"
#include "base/time.hpp"
#include "pmd/pmd_address.hpp"

namespace distflow::pmd {

struct LaunchOptions {
  std::string host = kDefaultHost;  ///< where the daemon is to listen
  std::uint16_t port = kDefaultPort;
  std::optional<base::Duration> ttl = {};        ///< the daemon's own default when absent, as for the next two
  std::optional<base::Duration> idle_exit = {};  ///< how long it stays without any node
  std::string log_level = {};
  std::optional<std::uint16_t> web_port = {};  ///< of its page; none when absent
  base::Duration timeout = base::seconds(5);
};

struct LaunchOutcome {
  enum class Kind {
    started,
    already_running,  ///< Something holds the port; whether it is a PMD, connecting shows.
  };
  Kind kind = Kind::started;
  std::uint16_t port = 0;
  int pid = 0;  ///< of the daemon that was started; 0 when none was
  /// What the daemon has of its starter's, because the system allows no other: "niceness, OOM score"; most often empty.
  std::string kept_state = {};
};

/// Errc::pmd_not_found, Errc::pmd_not_started, Errc::timed_out, or the system's error.
Result<LaunchOutcome> launch_pmd(const LaunchOptions& options);

/// Whether that error of launch_pmd() will come again however often it is tried: there is no program that can be
/// executed. All others pass: the machine was short of something, or the daemon ended before it was ready.
[[nodiscard]] bool is_final_launch_error(const Error& error);

/// The path of distflow-pmd: what DISTFLOW_PMD names, else beside this executable, else where it was installed with the
/// library (installed_pmd), else on the PATH. Errc::pmd_not_found when it is at none of them, or DISTFLOW_PMD names
/// no program. With raised rights only beside this executable, and only if no other user but root can have put it
/// there.
Result<std::string> find_pmd_program(base::Rights rights = base::rights_of_process());

/// Where find_pmd_program() looks, for a person: "/opt/app/distflow-pmd, /usr/local/bin/distflow-pmd, and in the PATH
/// /usr/bin:/bin". A long PATH is cut.
std::string places_of_pmd_program(base::Rights rights = base::rights_of_process());

}  // namespace distflow::pmd
