// `distflow doctor`: looks for what may keep nodes from working, and says what to do about it.
//
// One thread; blocking.
// Use: return examine(arguments, system, screen);
#pragma once

#include <span>

#include "cli/arguments.hpp"
#include "cli/console.hpp"
#include "cli/doctor/check.hpp"
#include "cli/screen.hpp"

namespace distflow::cli {

/// All checks, in the order in which they are shown.
[[nodiscard]] std::span<const Check> all_checks();

/// Runs them. The exit code is kExitNo when there is a problem; hints and checks that could not be made leave it at
/// kExitSuccess.
[[nodiscard]] Report examine(const Arguments& arguments, SystemView& system, const Screen& screen);

}  // namespace distflow::cli
