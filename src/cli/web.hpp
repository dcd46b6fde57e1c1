// `distflow web`: gives the address of the PMD's page, and sees to it that there is one.
//
// One thread; blocking.
//   1. A PMD that runs is asked for its page; where none runs on this machine, one is started and asked.
//   2. An address is given only when the PMD has said that it serves the page there.
// Use: const Report report = web(arguments);
#pragma once

#include <cstdint>

#include "cli/arguments.hpp"
#include "cli/report.hpp"
#include "pmd/client/client_blocking.hpp"

namespace distflow::cli {

/// Of the page, if no other is given.
inline constexpr std::uint16_t kDefaultWebPort = 4370;

/// Has the PMD open its page, at that port if it has none yet. Errors: the client's.
[[nodiscard]] Result<pmd::PageAnswer> ask_for_page(const Arguments& arguments);

/// kExitNo when the PMD does not open it.
Report web(const Arguments& arguments);

}  // namespace distflow::cli
