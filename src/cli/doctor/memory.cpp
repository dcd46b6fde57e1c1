#include <fmt/format.h>

#include "cli/doctor/check.hpp"
#include "cli/doctor/parse.hpp"

namespace distflow::cli {
namespace {

/// The option hidepid of /proc's mount, such as "2" or "invisible"; empty where it is not set.
std::string hidepid(std::string_view mounts) {
  constexpr std::string_view key = "hidepid=";
  std::string value;
  for (const std::string_view line : lines_in(mounts)) {
    const std::vector<std::string_view> words = words_in(line);
    if (words.size() < 4 || words[1] != "/proc") continue;
    value.clear();  // the last mount covers those before it
    std::string_view options = words[3];
    while (!options.empty()) {
      const std::string_view option = options.substr(0, options.find(','));
      options.remove_prefix(option.size() < options.size() ? option.size() + 1 : options.size());
      if (option.starts_with(key)) value = option.substr(key.size());
    }
  }
  return value == "0" || value == "off" ? "" : value;
}

}  // namespace

Outcome check_memory(SystemView& system) {
  constexpr const char* slower = "Messages go through TCP instead, which is slower.";
  Outcome outcome = Outcome::fine("Processes of one user can share memory.");
  if (const Result<void> shared = system.share_memory(); !shared) {
    std::string what = "No memory can be shared: " + shared.error().message() + ". " + slower;
    std::string remedy = "Look at the limits of file size and memory (ulimit -a), and whether /proc is mounted.";
    const Result<std::string> sysctl = system.read_file("/proc/sys/vm/memfd_noexec");
    const std::int64_t noexec = sysctl ? number_in(*sysctl).value_or(0) : 0;
    if (noexec > 0) {
      what += fmt::format(" The sysctl vm.memfd_noexec is {}.", noexec);
      remedy += " Its value 2 refuses memory of programs built for kernels before 6.3: use 1.";
    }
    outcome.findings.push_back({Severity::problem, std::move(what), std::move(remedy)});
  }
  const Result<std::string> mounts = system.read_file("/proc/self/mounts");
  const std::string hidden = mounts ? hidepid(*mounts) : "";
  if (!hidden.empty() && system.own_user() != 0) {
    outcome.findings.push_back(
        {Severity::hint, fmt::format("/proc hides the processes of others (hidepid={}).", hidden),
         std::string("Processes of one user still see each other, and share memory, unless they may not be traced. ") +
             "This doctor sees less."});
  }
  return outcome;
}

}  // namespace distflow::cli
