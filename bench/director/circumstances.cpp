#include "bench/director/circumstances.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <ctime>
#include <fstream>
#include <thread>
#include <utility>

#include "bench/director/child_process.hpp"

namespace distflow::bench {
namespace {

constexpr const char* kUnknown = "unknown";

std::string date_now() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text.data();
}

std::string kernel() {
  utsname name{};
  if (::uname(&name) != 0) return kUnknown;
  return std::string(name.sysname) + ' ' + name.release;
}

std::string cpu_model() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    const std::size_t value = line.find(": ");
    if (line.rfind("model name", 0) == 0 && value != std::string::npos) return line.substr(value + 2);
  }
  return kUnknown;
}

/// Ends in "-dirty" if the work tree differs from it.
std::string commit_of(const std::string& folder) {
  constexpr const char* ask = "exec git -C \"$0\" describe --always --dirty --exclude='*' 2>/dev/null";
  ChildProcess git({"/bin/sh", "-c", ask, folder}, ChildProcess::End::by_input);
  return git.read_line(ChildProcess::Clock::now() + std::chrono::seconds(10)).value_or(kUnknown);
}

}  // namespace

double load_average() {
  std::ifstream file("/proc/loadavg");
  double minute = 0;
  file >> minute;
  return minute;
}

ProcessorTimes processor_times() {
  // "cpu  user nice system idle iowait irq softirq steal guest guest_nice"; guests are in user and nice already.
  std::ifstream file("/proc/stat");
  std::string cpu;
  file >> cpu;
  ProcessorTimes times;
  double ticks = 0;
  for (int i = 0; i < 8 && file >> ticks; ++i) {
    times.total += ticks;
    if (i == 7) times.stolen = ticks;
  }
  return times;
}

double steal_since(const ProcessorTimes& before) {
  const ProcessorTimes now = processor_times();
  return now.total > before.total ? (now.stolen - before.stolen) / (now.total - before.total) : 0;
}

std::string folder_of_this_program() {
  std::array<char, PATH_MAX> path{};
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size());
  if (size <= 0) return ".";
  const std::string program(path.data(), static_cast<std::size_t>(size));
  return program.substr(0, program.rfind('/'));
}

Circumstances observe_circumstances(const std::string& folder, std::string command) {
  return {.command = std::move(command),
          .date = date_now(),
          .commit = commit_of(folder),
          .kernel = kernel(),
          .cpu = cpu_model(),
          .cores = std::thread::hardware_concurrency(),
          .load_before = load_average(),
          .times_before = processor_times(),
          .host = measure_host()};
}

}  // namespace distflow::bench
