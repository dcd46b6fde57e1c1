// Runs worlds, one a seed, and says what was found.
//
//   simulate [--seeds N] [--from S] [--nodes K] [--minutes M] [--chaos SECONDS] [--fault NAME]... [--without NAME]...
//            [--trace]
//
// Ends with 1 at the first seed that fails, after printing the command that replays it; so it does when a seed ends
// the process, or takes for ever.
#include <unistd.h>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/sim/world.hpp"

namespace distflow::test {
namespace {

struct Arguments {
  std::uint64_t seeds = 100;
  std::uint64_t from = 1;
  WorldOptions world;
  bool is_traced = false;
};

/// Of real time, for one seed. The slowest take a hundredth of it, under a sanitizer too.
constexpr unsigned kSecondsMax = 120;

// What stops the process is told by a signal's handler, which may not allocate.
std::array<char, 1024> g_replay;

void on_signal(int signal) {
  const auto say = [](std::string_view text) { static_cast<void>(::write(STDERR_FILENO, text.data(), text.size())); };
  say(signal == SIGALRM ? "simulate: FAILED: a seed takes for ever\n  replay: "
                        : "simulate: FAILED: a broken invariant stopped the process\n  replay: ");
  say({g_replay.data(), std::strlen(g_replay.data())});
  say("\n");
  ::raise(signal);  // once more, for its usual effect
}

void heed_signals() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM}) ::sigaction(signal, &action, nullptr);
}

int usage(const char* wrong) {
  std::fprintf(stderr, "simulate: %s\n", wrong);
  std::fputs(
      "usage: simulate [--seeds N] [--from S] [--nodes K] [--minutes M] [--chaos SECONDS] "
      "[--fault NAME]... [--without NAME]... [--trace]\nfaults:",
      stderr);
  for (const std::string_view name : io::sim::kFaultNames) {
    std::fprintf(stderr, " %.*s", static_cast<int>(name.size()), name.data());
  }
  std::fputc('\n', stderr);
  return 2;
}

/// What is wrong with the command line; null when nothing is.
const char* parse(int count, char** words, Arguments& arguments) {
  for (int i = 1; i < count; ++i) {
    const std::string_view word = words[i];
    if (word == "--trace") {
      arguments.is_traced = true;
      continue;
    }
    if (i + 1 == count) return "an option without its value, or no option";
    const char* value = words[++i];
    if (word == "--seeds") {
      arguments.seeds = std::strtoull(value, nullptr, 10);
    } else if (word == "--from") {
      arguments.from = std::strtoull(value, nullptr, 10);
    } else if (word == "--nodes") {
      arguments.world.nodes = std::strtoull(value, nullptr, 10);
    } else if (word == "--minutes") {
      arguments.world.minutes = std::strtod(value, nullptr);
    } else if (word == "--chaos") {
      arguments.world.chaos = base::milliseconds(static_cast<std::int64_t>(std::strtod(value, nullptr) * 1e3));
    } else if (word == "--fault" || word == "--without") {
      const auto fault = io::sim::fault_of(value);
      if (!fault) return "no such fault";
      (word == "--fault" ? arguments.world.forced : arguments.world.excluded).push_back(*fault);
    } else {
      return "no such option";
    }
  }
  return arguments.world.nodes == 0 || arguments.seeds == 0 ? "at least one node, and one seed" : nullptr;
}

std::string replay_command(const Arguments& arguments, std::uint64_t seed) {
  std::array<char, 200> text;  // all of it written by snprintf
  std::snprintf(text.data(), text.size(), "tools/simulate --seeds 1 --from %llu --nodes %zu --minutes %g --chaos %g",
                static_cast<unsigned long long>(seed), arguments.world.nodes, arguments.world.minutes,
                static_cast<double>(arguments.world.chaos / base::milliseconds(1)) / 1e3);
  std::string command = text.data();
  for (const io::sim::Fault fault : arguments.world.forced) (command += " --fault ") += to_string(fault);
  for (const io::sim::Fault fault : arguments.world.excluded) (command += " --without ") += to_string(fault);
  return command + " --trace";
}

/// Of all seeds.
struct Totals {
  std::uint64_t seeds = 0;
  WorldOutcome sum;
  io::sim::PerFault<std::uint64_t> wanted;  // by so many seeds

  void add(const WorldOutcome& outcome) {
    ++seeds;
    sum.simulated += outcome.simulated;
    sum.events += outcome.events;
    sum.turns += outcome.turns;
    sum.sent += outcome.sent;
    sum.handled += outcome.handled;
    for (std::size_t i = 0; i < io::sim::kFaultCount; ++i) {
      const auto fault = static_cast<io::sim::Fault>(i);
      sum.faults[fault] += outcome.faults[fault];
      wanted[fault] += outcome.wanted[fault] ? 1U : 0U;
    }
  }
};

void print(const Totals& totals) {
  const WorldOutcome& sum = totals.sum;
  std::printf("%llu seeds, %.0f simulated seconds, %llu events, %llu turns, %llu messages sent, %llu handled\n",
              static_cast<unsigned long long>(totals.seeds), static_cast<double>(sum.simulated.count()) / 1e9,
              static_cast<unsigned long long>(sum.events), static_cast<unsigned long long>(sum.turns),
              static_cast<unsigned long long>(sum.sent), static_cast<unsigned long long>(sum.handled));
  for (std::size_t i = 0; i < io::sim::kFaultCount; ++i) {
    const auto fault = static_cast<io::sim::Fault>(i);
    std::printf("  %-20s struck %llu times, wanted by %llu seeds\n", io::sim::kFaultNames[i].data(),
                static_cast<unsigned long long>(sum.faults[fault]),
                static_cast<unsigned long long>(totals.wanted[fault]));
  }
}

int simulate(Arguments arguments) {
  if (arguments.is_traced) {
    arguments.world.trace = [](std::string_view line) {
      std::fwrite(line.data(), 1, line.size(), stdout);
      std::fputc('\n', stdout);
    };
  }
  heed_signals();
  Totals totals;
  for (std::uint64_t i = 0; i < arguments.seeds; ++i) {
    arguments.world.seed = arguments.from + i;
    const std::string replay = replay_command(arguments, arguments.world.seed);
    g_replay.fill('\0');
    replay.copy(g_replay.data(), g_replay.size() - 1);
    if (!arguments.is_traced) ::alarm(kSecondsMax);
    const WorldOutcome outcome = World(arguments.world).run();
    totals.add(outcome);
    if (outcome.failure.empty()) continue;
    std::printf("FAILED at seed %llu: %s\n  replay: %s\n", static_cast<unsigned long long>(arguments.world.seed),
                outcome.failure.c_str(), replay.c_str());
    print(totals);
    return 1;
  }
  print(totals);
  return 0;
}

}  // namespace
}  // namespace distflow::test

int main(int count, char** words) {
  distflow::test::Arguments arguments;
  if (const char* wrong = distflow::test::parse(count, words, arguments)) return distflow::test::usage(wrong);
  return distflow::test::simulate(std::move(arguments));
}
