// A contestant: the processes that together do one kind of work, described and running.
//
// One thread, the director's.
//
// 1. Broker, responders and drivers start in this order, each with the addresses of those before it, and end in the
//    reverse order.
// 2. A block either ends with all that it promised to tell, or the contestant has failed and runs nothing more.
//
// Use: RunningContestant running(description); if (running.is_ready()) running.run({.count = 1000});
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/contestant/contestant.hpp"
#include "bench/director/child_process.hpp"

namespace distflow::bench {

/// Roles and answers of a block: bench/contestant/contestant.hpp.
enum class Work : std::uint8_t {
  one_way,     ///< sources to sinks: from the first `sent` to the last `done`
  both_ways,   ///< a source and an echo: how long it took until every message had its answer
  round_trip,  ///< a ping and an echo: the times of each round trip
  swarm,       ///< a swarm and an echo: how long all took, and the times of each round trip
  solo         ///< a solo, perhaps with a broker to work on: how long it took
};

/// A program with the options of its own.
struct Part {
  std::string program{};
  std::vector<std::string> options{};
};

struct ContestantDescription {
  std::string name{};  ///< in tables
  Work work = Work::solo;
  std::optional<Part> broker{};
  std::optional<Part> responder{};
  Part driver{};
  std::size_t responder_count = 1;
  std::size_t driver_count = 1;               ///< more than one only one way
  bool is_to_all = false;                     ///< one way: what a source sends goes to each sink, and counts at each
  std::vector<std::string> common_options{};  ///< to responders and drivers
  bool pins = false;                          ///< drivers to processor 0, responders to processor 1
};

/// What came of one block.
struct BlockResult {
  std::uint64_t count = 0;   ///< that were asked for
  std::uint64_t ns = 0;      ///< of the whole block
  std::uint64_t cpu_ns = 0;  ///< of all the contestant's processes
  std::uint64_t lost = 0;    ///< messages that were sent and not counted
  std::vector<std::uint64_t> round_trips_ns{};
};

class RunningContestant {
 public:
  /// Starts it. `description` must outlive it.
  explicit RunningContestant(const ContestantDescription& description);
  RunningContestant(const RunningContestant&) = delete;
  RunningContestant& operator=(const RunningContestant&) = delete;
  ~RunningContestant();

  [[nodiscard]] bool is_ready() const { return failure_.empty(); }
  /// Why it is not.
  [[nodiscard]] const std::string& failure() const { return failure_; }

  /// Runs a block, and waits for it at most `patience`; nothing if it failed.
  std::optional<BlockResult> run(const Block& block, std::chrono::nanoseconds patience);

  /// Resident memory of the first responder, else of the broker, else of the driver.
  [[nodiscard]] std::uint64_t memory_bytes() const;

 private:
  using Children = std::vector<std::unique_ptr<ChildProcess>>;
  using Deadline = ChildProcess::Clock::time_point;

  void start();
  /// Adds one child and gives the address that it is ready at; nothing if it failed.
  std::optional<std::string> start_part(const Part& part, std::string_view role, int cpu, ChildProcess::End end,
                                        Children& children);
  [[nodiscard]] std::uint64_t cpu_ns() const;
  /// In how many places each message that is sent is counted.
  [[nodiscard]] std::size_t copies() const { return description_.is_to_all ? description_.responder_count : 1; }
  bool tell_drivers(const Block& block);
  bool hear_driver(ChildProcess& driver, Deadline deadline, BlockResult& result, std::uint64_t& begin_ns);
  bool hear_number(ChildProcess& driver, std::string_view verb, Deadline deadline, std::uint64_t& number);
  bool hear_times(ChildProcess& driver, Deadline deadline, BlockResult& result);
  bool hear_sinks(Deadline deadline, BlockResult& result, std::uint64_t begin_ns);
  /// A line of `child` that begins with `verb`, without it.
  std::optional<std::string> hear(ChildProcess& child, std::string_view verb, Deadline deadline);
  void fail(std::string why);

  const ContestantDescription& description_;
  std::string connect_;
  std::string broker_address_;
  std::string failure_;
  Children brokers_;
  Children responders_;
  Children drivers_;
};

}  // namespace distflow::bench
