// Starts a program that lives on by itself, with one descriptor to report to its starter.
//
// Blocking, for as long as two children and an exec take; any thread.
//   1. The program has a session of its own, is no child of the starter's, and works in "/".
//   2. It has /dev/null as descriptors 0, 1 and 2, the pipe's writing end as kReportFd, and no others.
//   3. It has nothing of its starter's but the environment: signals, limits, priorities and the like are as at a log-in
//      (inherited_state.hpp). Of the environment it lacks what a service manager has said to the starter alone
//      (LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES): the descriptors that this is about have stayed behind.
//   4. Where it becomes this process's child after all, its end is heeded (own_daemons.hpp).
// Use: Result<DetachedProcess> process = start_detached("/usr/bin/distflow-pmd", {"--port", "4369"},
//                                                          Environment::of_starter);
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include <distflow/result.hpp>

#include "io/posix/descriptor.hpp"
#include "pmd/launch/inherited_state.hpp"

namespace distflow::pmd {

/// Where the program finds the pipe's writing end.
inline constexpr int kReportFd = 3;

struct DetachedProcess {
  pid_t pid = 0;
  io::posix::Descriptor reports;  ///< reads what the program writes to kReportFd
  KeptState kept_state = 0;       ///< what it has of its starter's, because the system allows no other
};

enum class Environment : std::uint8_t {
  of_starter,
  empty  ///< for a starter whose own environment is not to be heeded
};

/// `program` is an absolute path. Fails with the system's error when the program cannot be executed.
Result<DetachedProcess> start_detached(const std::string& program, const std::vector<std::string>& arguments,
                                       Environment environment);

}  // namespace distflow::pmd
