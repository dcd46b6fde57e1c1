#include <fmt/format.h>

#include "cli/doctor/check.hpp"
#include "cli/doctor/parse.hpp"

namespace distflow::cli {
namespace {

constexpr const char* kRange = "/proc/sys/net/ipv4/ip_local_port_range";
constexpr const char* kReserved = "/proc/sys/net/ipv4/ip_local_reserved_ports";
constexpr std::int64_t kFewest = 4096;   // the default has 28,232
constexpr std::int64_t kUsedShare = 80;  // percent

/// Whether `port` is in a list such as "4369,8000-8010".
bool is_listed(std::string_view list, std::int64_t port) {
  while (!list.empty()) {
    const std::string_view part = list.substr(0, list.find(','));
    list.remove_prefix(part.size() < list.size() ? part.size() + 1 : list.size());
    const std::size_t dash = part.find('-');
    const std::optional<std::int64_t> first = number_in(part.substr(0, dash));
    const std::optional<std::int64_t> last = dash == std::string_view::npos ? first : number_in(part.substr(dash + 1));
    if (first && last && *first <= port && port <= *last) return true;
  }
  return false;
}

}  // namespace

Outcome check_ports(SystemView& system) {
  const Result<std::string> range = system.read_file(kRange);
  const std::vector<std::string_view> ends = range ? words_in(*range) : std::vector<std::string_view>{};
  if (ends.size() != 2) return Outcome::not_checked(std::string(kRange) + " cannot be read");
  const std::int64_t first = number_in(ends[0]).value_or(0);
  const std::int64_t last = number_in(ends[1]).value_or(0);
  const std::int64_t count = last - first + 1;
  Outcome outcome = Outcome::fine(fmt::format("{} ephemeral ports, {} to {}.", count, first, last));
  if (count < kFewest) {
    outcome.findings.push_back(
        {Severity::problem,
         fmt::format("There are {} ephemeral ports only, for all connections of the machine.", count),
         "Widen the sysctl net.ipv4.ip_local_port_range, as to 32768 60999."});
  }
  // "TCP: inuse 5 orphan 0 tw 0 alloc 9 mem 2"
  const Result<std::string> sockets = system.read_file("/proc/net/sockstat");
  const std::vector<std::string_view> words = sockets ? words_in(*sockets) : std::vector<std::string_view>{};
  std::int64_t used = 0;
  bool is_tcp = false;
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    if (words[i].ends_with(':')) is_tcp = words[i] == "TCP:";
    if (is_tcp && (words[i] == "inuse" || words[i] == "tw")) used += number_in(words[i + 1]).value_or(0);
  }
  if (count > 0 && used * 100 / count >= kUsedShare) {
    outcome.findings.push_back(
        {Severity::problem,
         fmt::format("{} TCP sockets are in use or in TIME_WAIT, of {} ephemeral ports.", used, count),
         "Find who opens so many connections ('ss -tan'), or widen net.ipv4.ip_local_port_range."});
  }
  const std::int64_t port = system.pmd_port();
  if (first <= port && port <= last && !is_listed(system.read_file(kReserved).value_or(""), port)) {
    outcome.findings.push_back(
        {Severity::hint,
         fmt::format("The PMD's port {} is an ephemeral one: a connection of any program may have it first.", port),
         fmt::format("Reserve it: 'sysctl -w net.ipv4.ip_local_reserved_ports={}'.", port)});
  }
  return outcome;
}

}  // namespace distflow::cli
