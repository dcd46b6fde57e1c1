#include <fmt/format.h>

#include <optional>

#include "cli/doctor/check.hpp"
#include "cli/doctor/parse.hpp"

namespace distflow::cli {
namespace {

constexpr const char* kFolder = "/tmp";  // runtime/process/process_lock.hpp
constexpr std::string_view kBegin = "distflow-node-";
constexpr std::string_view kEnd = ".lock";

std::optional<std::int64_t> process_of(std::string_view name) {
  if (!name.starts_with(kBegin) || !name.ends_with(kEnd) || name.size() <= kBegin.size() + kEnd.size())
    return std::nullopt;
  name.remove_prefix(kBegin.size());
  name.remove_suffix(kEnd.size());
  return number_in(name);
}

}  // namespace

Outcome check_locks(SystemView& system) {
  const Result<std::vector<std::string>> names = system.list_folder(kFolder);
  if (!names) return Outcome::not_checked(std::string(kFolder) + " cannot be read: " + names.error().code.message());
  if (!system.read_file("/proc/self/stat")) return Outcome::not_checked("/proc does not say which processes there are");
  std::size_t live_count = 0;
  std::size_t stale_count = 0;
  std::string example;
  for (const std::string& name : *names) {
    const std::optional<std::int64_t> pid = process_of(name);
    if (!pid) continue;
    if (system.read_file(fmt::format("/proc/{}/stat", *pid))) {
      ++live_count;
      continue;
    }
    const Result<std::uint32_t> owner = system.owner_of(std::string(kFolder) + "/" + name);
    if (!owner || *owner != system.own_user()) continue;  // its user's next node removes it
    if (stale_count++ == 0) example = name;
  }
  if (stale_count > 0) {
    return Outcome::found(Severity::hint,
                          fmt::format("{} lock file{} of killed processes in {}, such as {}.", stale_count,
                                      stale_count == 1 ? "" : "s", kFolder, example),
                          "They are in nobody's way. Each node that starts removes up to eight; 'rm' does, too.");
  }
  return Outcome::fine(fmt::format("{} process{} of this machine with a node, as the lock files say.", live_count,
                                   live_count == 1 ? "" : "es"));
}

}  // namespace distflow::cli
