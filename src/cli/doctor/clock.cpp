#include <fmt/format.h>

#include <cstdlib>
#include <optional>

#include "cli/doctor/check.hpp"
#include "cli/doctor/parse.hpp"
#include "cli/node_table.hpp"

namespace distflow::cli {
namespace {

constexpr std::uint64_t kToleratedMs = 5000;
// Of /proc/PID/stat, counted from the word behind the name: "starttime" is the 22nd word of the line (proc(5)).
constexpr std::size_t kStartTime = 19;

/// What a PMD says of itself may be any number: the difference of two may be none that an std::int64_t holds.
std::uint64_t distance(std::int64_t one, std::int64_t other) {
  const auto difference = static_cast<std::uint64_t>(one) - static_cast<std::uint64_t>(other);
  return one > other ? difference : 0 - difference;
}

/// When the process was started, by the clock as it goes now.
std::optional<std::int64_t> start_by_clock(SystemView& system, std::int64_t pid) {
  const Result<std::string> stat = system.read_file(fmt::format("/proc/{}/stat", pid));
  const Result<std::string> uptime = system.read_file("/proc/uptime");
  if (!stat || !uptime) return std::nullopt;
  const std::size_t name_end = stat->rfind(')');  // the name may hold anything
  if (name_end == std::string::npos) return std::nullopt;
  const std::vector<std::string_view> words = words_in(std::string_view(*stat).substr(name_end + 1));
  const std::optional<std::int64_t> ticks = words.size() > kStartTime ? number_in(words[kStartTime]) : std::nullopt;
  if (!ticks) return std::nullopt;
  const auto up_ms = static_cast<std::int64_t>(std::strtod(uptime->c_str(), nullptr) * 1000);
  return system.wall_ms() - up_ms + *ticks * 1000 / system.clock_ticks_per_second();
}

}  // namespace

// The PMD remembers what the clock showed at its start, and the kernel how long ago that was: the difference is what
// the clock was set by since.
Outcome check_clock(SystemView& system) {
  const Result<protocol::Hello> hello = system.hello();
  if (!hello) return Outcome::not_checked("no PMD says when it was started");
  const std::optional<std::int64_t> start_ms = start_by_clock(system, hello->pid);
  if (!start_ms) return Outcome::not_checked("the PMD's process cannot be looked at; it may run on another machine");
  const std::uint64_t set_by_ms = distance(*start_ms, hello->start_time_ms);
  if (set_by_ms > kToleratedMs) {
    return Outcome::found(Severity::hint,
                          fmt::format("The clock was set {} by {} s since the PMD was started.",
                                      *start_ms > hello->start_time_ms ? "forward" : "back", set_by_ms / 1000),
                          "Nothing depends on it but times that are shown. Have the clock synchronised, as by chrony "
                          "or systemd-timesyncd.");
  }
  return Outcome::fine("The clock was not set since the PMD was started.");
}

}  // namespace distflow::cli
