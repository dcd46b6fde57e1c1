// The environment of this process, as far as it may be heeded.
//
// The starter of a program chooses its environment. Where the program runs with more rights than its starter has (a
// set-user-ID or set-group-ID file, or one with capabilities), heeding the environment would lend the starter these
// rights: then every variable counts as unset.
//
// Any thread, while no other changes the environment.
// Use: const char* text = base::environment("DISTFLOW_IO");
#pragma once

namespace distflow::base {

enum class Rights {
  of_starter,  ///< What this process may do, its starter may do as well.
  raised       ///< The program's file gives more rights than the starter has, or gave them up since.
};

/// Fixed when the program was started. Answered once per system, in a file of its name.
[[nodiscard]] Rights rights_of_process() noexcept;

/// The variable's value; null where it is unset, or is not to be heeded.
[[nodiscard]] const char* environment(const char* name, Rights rights = rights_of_process()) noexcept;

}  // namespace distflow::base
