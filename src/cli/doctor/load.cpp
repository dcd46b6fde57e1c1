#include <fmt/format.h>

#include <cstdlib>

#include "cli/doctor/check.hpp"
#include "cli/doctor/parse.hpp"

namespace distflow::cli {
namespace {

constexpr double kBusy = 2;                 // processes that want to run, of each processor
constexpr std::int64_t kStolenPercent = 5;  // since the start of the machine
constexpr std::size_t kSteal = 7;           // of the numbers behind "cpu" (proc(5), /proc/stat)

}  // namespace

Outcome check_load(SystemView& system) {
  const Result<std::string> loads = system.read_file("/proc/loadavg");
  if (!loads) return Outcome::not_checked("/proc/loadavg cannot be read");
  const double load = std::strtod(loads->c_str(), nullptr);
  const std::size_t processors = system.processor_count();
  Outcome outcome =
      Outcome::fine(fmt::format("Load {:.2f} on {} processor{}.", load, processors, processors == 1 ? "" : "s"));
  if (load > kBusy * static_cast<double>(processors)) {
    outcome.findings.push_back(
        {Severity::hint,
         fmt::format("The machine is busy: load {:.2f} on {} processor{}.", load, processors,
                     processors == 1 ? "" : "s"),
         "Messages wait for a processor. Find who uses it ('top'), or give the nodes a lower niceness."});
  }
  const Result<std::string> stat = system.read_file("/proc/stat");
  const std::vector<std::string_view> lines = stat ? lines_in(*stat) : std::vector<std::string_view>{};
  const std::vector<std::string_view> words = lines.empty() ? lines : words_in(lines[0]);
  std::int64_t total = 0;
  for (std::size_t i = 1; i < words.size() && i <= kSteal + 1; ++i) total += number_in(words[i]).value_or(0);
  const std::int64_t stolen = words.size() > kSteal + 1 ? number_in(words[kSteal + 1]).value_or(0) : 0;
  if (total > 0 && stolen * 100 / total >= kStolenPercent) {
    outcome.findings.push_back(
        {Severity::hint,
         fmt::format("The host of this virtual machine has taken {} % of its time.", stolen * 100 / total),
         "Latencies include that. Ask for processors that are not shared."});
  }
  return outcome;
}

}  // namespace distflow::cli
