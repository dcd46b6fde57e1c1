#include <fmt/format.h>

#include "cli/doctor/check.hpp"
#include "cli/doctor/parse.hpp"

namespace distflow::cli {
namespace {

constexpr std::uint64_t kOfProcess = 64;   // that a program has beside those of its peers
constexpr std::uint64_t kOfPeer = 2;       // a connection each way
constexpr std::uint64_t kFewest = 1024;    // fewer is an unusual setting
constexpr std::int64_t kSystemShare = 90;  // percent

}  // namespace

Outcome check_descriptors(SystemView& system) {
  const Result<DescriptorLimits> limits = system.descriptor_limits();
  if (!limits) return Outcome::not_checked("the limit cannot be read: " + limits.error().code.message());
  const auto nodes = system.nodes();
  const std::uint64_t wanted = kOfProcess + kOfPeer * (nodes ? nodes->size() : 0);
  Outcome outcome = Outcome::fine(
      fmt::format("A program started here may open {} descriptors, {} at most.", limits->soft, limits->hard));
  if (limits->soft < wanted) {
    outcome.findings.push_back(
        {Severity::problem,
         fmt::format("A node started here has {} descriptors, and may need {} for all nodes that are registered.",
                     limits->soft, wanted),
         fmt::format("Raise the limit: 'ulimit -n {}' (LimitNOFILE= in a systemd unit).", limits->hard)});
  } else if (limits->soft < kFewest) {
    outcome.findings.push_back(
        {Severity::hint, fmt::format("A program started here may open {} descriptors only.", limits->soft),
         fmt::format("Raise the limit before there are many nodes: 'ulimit -n {}'.", limits->hard)});
  }
  // Three numbers: in use, unused, and the most there may be (proc(5)).
  const Result<std::string> of_system = system.read_file("/proc/sys/fs/file-nr");
  const std::vector<std::string_view> numbers = of_system ? words_in(*of_system) : std::vector<std::string_view>{};
  if (numbers.size() == 3) {
    const std::int64_t used = number_in(numbers[0]).value_or(0);
    const std::int64_t most = number_in(numbers[2]).value_or(0);
    if (most > 0 && used / (most / 100 + 1) >= kSystemShare) {
      outcome.findings.push_back({Severity::problem, fmt::format("The system has {} of its {} files open.", used, most),
                                  "Find who has them open (lsof), or raise the sysctl fs.file-max."});
    }
  }
  return outcome;
}

}  // namespace distflow::cli
