#include "bench/director/process_times.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>
#include <unordered_map>
#include <vector>

namespace distflow::bench {
namespace {

std::uint64_t cpu_ns(pid_t pid) {
  clockid_t clock{};
  timespec time{};
  if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &time) != 0) return 0;
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
}

/// The parent as /proc/PID/stat has it; 0 if there is no such process. A program's name may hold anything, even ')'.
pid_t parent_of(const std::string& pid) {
  std::string stat;
  std::getline(std::ifstream("/proc/" + pid + "/stat"), stat);
  const std::size_t name_end = stat.rfind(") ");
  int parent = 0;
  char state = 0;
  if (name_end == std::string::npos) return 0;
  return std::sscanf(stat.c_str() + name_end + 2, "%c %d", &state, &parent) == 2 ? parent : 0;
}

std::unordered_multimap<pid_t, pid_t> children_by_parent() {
  std::unordered_multimap<pid_t, pid_t> children;
  std::error_code error;
  for (std::filesystem::directory_iterator entry("/proc", error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    children.emplace(parent_of(name), static_cast<pid_t>(std::strtol(name.c_str(), nullptr, 10)));
  }
  return children;
}

}  // namespace

std::uint64_t cpu_ns_with_children(std::vector<pid_t> pids) {
  const auto children = children_by_parent();
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < pids.size(); ++i) {  // grows under way
    const pid_t pid = pids[i];
    sum += cpu_ns(pid);
    const auto [begin, end] = children.equal_range(pid);
    for (auto child = begin; child != end; ++child) pids.push_back(child->second);
  }
  return sum;
}

std::uint64_t resident_bytes(pid_t pid) {
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  std::uint64_t shared = 0;
  std::ifstream("/proc/" + std::to_string(pid) + "/statm") >> total >> resident >> shared;
  if (resident <= shared) return 0;
  return (resident - shared) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace distflow::bench
