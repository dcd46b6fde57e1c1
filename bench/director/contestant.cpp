#include "bench/director/contestant.hpp"

#include <unistd.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <utility>

#include "bench/director/process_times.hpp"

namespace distflow::bench {
namespace {

/// A virtual machine with a system of its own may need seconds to start.
constexpr std::chrono::seconds kStartPatience{20};
constexpr int kDriverCpu = 0;
constexpr int kResponderCpu = 1;
constexpr int kAnyCpu = -1;

std::string_view driver_role(Work work) {
  switch (work) {
    case Work::one_way:
    case Work::both_ways: return "source";
    case Work::round_trip: return "ping";
    case Work::swarm: return "swarm";
    case Work::solo: return "solo";
  }
  return "solo";
}

/// The round trips that a ping has left in a file, which is deleted.
std::vector<std::uint64_t> take_times(const std::string& path) {
  std::vector<std::uint64_t> times;
  {
    std::ifstream file(path, std::ios::binary | std::ios::ate);
    if (file) times.resize(static_cast<std::size_t>(file.tellg()) / sizeof(std::uint64_t));
    file.seekg(0);
    file.read(reinterpret_cast<char*>(times.data()), static_cast<std::streamsize>(times.size() * sizeof times[0]));
    if (!file) times.clear();
  }
  ::unlink(path.c_str());
  return times;
}

/// The share of the block that falls to driver `index` of `count`.
std::uint64_t share_of(std::uint64_t total, std::size_t index, std::size_t count) {
  return total / count + (index < total % count ? 1 : 0);
}

}  // namespace

RunningContestant::RunningContestant(const ContestantDescription& description) : description_(description) { start(); }

RunningContestant::~RunningContestant() {
  drivers_.clear();
  responders_.clear();
  brokers_.clear();
}

void RunningContestant::start() {
  if (description_.broker) {
    // Where it has nobody behind it, it is itself what answers.
    const int cpu = description_.responder ? kAnyCpu : kResponderCpu;
    const auto address = start_part(*description_.broker, "broker", cpu, ChildProcess::End::by_signal, brokers_);
    if (!address) return;
    broker_address_ = *address;
  }
  for (std::size_t i = 0; description_.responder && i < description_.responder_count; ++i) {
    const auto address = start_part(*description_.responder, description_.work == Work::one_way ? "sink" : "echo",
                                    kResponderCpu, ChildProcess::End::by_signal, responders_);
    if (!address) return;
    if (i > 0) connect_ += ',';
    connect_ += *address;
  }
  const bool has_responders = !responders_.empty();
  for (std::size_t i = 0; i < description_.driver_count; ++i) {
    Part driver = description_.driver;
    if (has_responders) driver.options.insert(driver.options.end(), {"--connect", connect_});
    if (!start_part(driver, driver_role(description_.work), kDriverCpu, ChildProcess::End::by_input, drivers_)) return;
  }
}

std::optional<std::string> RunningContestant::start_part(const Part& part, std::string_view role, int cpu,
                                                         ChildProcess::End end, Children& children) {
  std::vector<std::string> words{part.program, std::string(role)};
  words.insert(words.end(), part.options.begin(), part.options.end());
  if (role != "broker") {
    if (!broker_address_.empty()) words.insert(words.end(), {"--broker", broker_address_});
    words.insert(words.end(), description_.common_options.begin(), description_.common_options.end());
  }
  if (description_.pins && cpu != kAnyCpu) words.insert(words.end(), {"--pin", std::to_string(cpu)});
  children.push_back(std::make_unique<ChildProcess>(words, end));
  return hear(*children.back(), "ready", ChildProcess::Clock::now() + kStartPatience);
}

std::optional<BlockResult> RunningContestant::run(const Block& block, std::chrono::nanoseconds patience) {
  if (!is_ready()) return std::nullopt;
  const Deadline deadline = ChildProcess::Clock::now() + patience;
  BlockResult result{.count = block.count - block.count % copies()};
  const std::uint64_t cpu_before = cpu_ns();
  const std::uint64_t told_ns = monotonic_ns();
  if (!tell_drivers(block)) return std::nullopt;
  std::uint64_t begin_ns = std::numeric_limits<std::uint64_t>::max();
  for (const auto& driver : drivers_) {
    if (!hear_driver(*driver, deadline, result, begin_ns)) return std::nullopt;
  }
  if (description_.work == Work::one_way && !hear_sinks(deadline, result, begin_ns)) return std::nullopt;
  if (description_.work == Work::round_trip) result.ns = monotonic_ns() - told_ns;
  const std::uint64_t cpu_after = cpu_ns();
  result.cpu_ns = cpu_after > cpu_before ? cpu_after - cpu_before : 0;
  return result;
}

bool RunningContestant::tell_drivers(const Block& block) {
  for (std::size_t i = 0; i < drivers_.size(); ++i) {
    const std::string count = std::to_string(share_of(block.count / copies(), i, drivers_.size()));
    const std::string line =
        block.interval_ns == 0 ? "run " + count : "pace " + count + ' ' + std::to_string(block.interval_ns);
    if (!drivers_[i]->write_line(line)) {
      fail("has ended");
      return false;
    }
  }
  return true;
}

bool RunningContestant::hear_driver(ChildProcess& driver, Deadline deadline, BlockResult& result,
                                    std::uint64_t& begin_ns) {
  switch (description_.work) {
    case Work::one_way: {
      std::uint64_t sent_ns = 0;
      if (!hear_number(driver, "sent", deadline, sent_ns)) return false;
      begin_ns = std::min(begin_ns, sent_ns);
      return true;
    }
    case Work::round_trip: return hear_times(driver, deadline, result);
    case Work::swarm: return hear_number(driver, "took", deadline, result.ns) && hear_times(driver, deadline, result);
    case Work::both_ways:
    case Work::solo: return hear_number(driver, "took", deadline, result.ns);
  }
  return false;
}

bool RunningContestant::hear_number(ChildProcess& driver, std::string_view verb, Deadline deadline,
                                    std::uint64_t& number) {
  const auto told = hear(driver, verb, deadline);
  if (told) number = std::strtoull(told->c_str(), nullptr, 10);
  return told.has_value();
}

bool RunningContestant::hear_times(ChildProcess& driver, Deadline deadline, BlockResult& result) {
  const auto path = hear(driver, "times", deadline);
  if (!path) return false;
  result.round_trips_ns = take_times(*path);
  if (result.round_trips_ns.empty()) fail("told no round trips");
  result.lost = result.count - std::min<std::uint64_t>(result.round_trips_ns.size(), result.count);
  return is_ready();
}

/// Every source marks its last message, and marks the last one to each sink.
bool RunningContestant::hear_sinks(Deadline deadline, BlockResult& result, std::uint64_t begin_ns) {
  std::uint64_t counted = 0;
  std::uint64_t end_ns = 0;
  for (const auto& sink : responders_) {
    for (std::size_t i = 0; i < drivers_.size(); ++i) {
      const auto told = hear(*sink, "done", deadline);
      if (!told) return false;
      std::uint64_t at_ns = 0;
      std::uint64_t count = 0;
      if (std::sscanf(told->c_str(), "%" SCNu64 " %" SCNu64, &at_ns, &count) != 2) {
        fail("said 'done " + *told + "'");
        return false;
      }
      end_ns = std::max(end_ns, at_ns);
      counted += count;
    }
  }
  result.ns = end_ns > begin_ns ? end_ns - begin_ns : 0;
  result.lost = result.count > counted ? result.count - counted : 0;
  if (result.ns == 0) fail("ended before it began");
  return result.ns > 0;
}

std::optional<std::string> RunningContestant::hear(ChildProcess& child, std::string_view verb, Deadline deadline) {
  std::optional<std::string> line = child.read_line(deadline);
  if (!line) {
    fail((child.has_ended() ? "ended before it said '" : "never said '") + std::string(verb) + "'");
    return std::nullopt;
  }
  if (line->rfind(verb, 0) != 0 || line->size() < verb.size() + 2 || (*line)[verb.size()] != ' ') {
    fail("said '" + *line + "' instead of '" + std::string(verb) + " ...'");
    return std::nullopt;
  }
  return line->substr(verb.size() + 1);
}

void RunningContestant::fail(std::string why) { failure_ = std::move(why); }

std::uint64_t RunningContestant::cpu_ns() const {
  std::vector<pid_t> pids;
  for (const Children* children : {&brokers_, &responders_, &drivers_}) {
    for (const auto& child : *children) pids.push_back(child->pid());
  }
  return cpu_ns_with_children(std::move(pids));
}

std::uint64_t RunningContestant::memory_bytes() const {
  for (const Children* children : {&responders_, &brokers_, &drivers_}) {
    if (!children->empty()) return resident_bytes(children->front()->pid());
  }
  return 0;
}

}  // namespace distflow::bench
