// The listening socket that a service manager gives to the daemon, by LISTEN_PID and LISTEN_FDS (sd_listen_fds(3)).
//
// One thread, before others are started: it reads and clears the environment.
// Use: const Activation given = take_activation(getpid()); if (given.descriptor) server.listener = given.descriptor;
#pragma once

#include <optional>
#include <string>

namespace distflow::cli {

struct Activation {
  std::optional<int> descriptor;  ///< absent: nothing was given to this process
  std::string warning;            ///< not empty: what was found and is not heeded
  std::string error;              ///< not empty: what is wrong with what was given
};

/// What was given to the process `pid`. The variables are gone then, so that no child takes them for its own.
///
/// Exactly one descriptor can be taken over: more, none, or variables that are no numbers are an error. Variables that
/// are meant for another process, whose environment this one has inherited, are a warning.
[[nodiscard]] Activation take_activation(long pid);

}  // namespace distflow::cli
