#include "bench/contestant/contestant.hpp"

#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cinttypes>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <thread>
#include <utility>

namespace distflow::bench {
namespace {

constexpr std::array<std::pair<std::string_view, Role>, 7> kRoles{{{"broker", Role::broker},
                                                                   {"echo", Role::echo},
                                                                   {"sink", Role::sink},
                                                                   {"source", Role::source},
                                                                   {"ping", Role::ping},
                                                                   {"swarm", Role::swarm},
                                                                   {"solo", Role::solo}}};

Role role_of(std::string_view name) {
  for (const auto& [known, role] : kRoles) {
    if (known == name) return role;
  }
  give_up("the first argument is a role: broker, echo, sink, source, ping, swarm or solo");
}

void say(const char* line) {
  std::puts(line);
  std::fflush(stdout);
}

}  // namespace

std::string Setup::other(std::string_view name, std::string_view otherwise) const {
  for (std::size_t i = 0; i + 1 < others.size(); ++i) {
    if (others[i] == name) return others[i + 1];
  }
  return std::string(otherwise);
}

bool Setup::has(std::string_view name) const {
  for (const std::string& word : others) {
    if (word == name) return true;
  }
  return false;
}

Setup set_up(int argc, char** argv) {
  if (argc < 2) give_up("a role is missing");
  // A director that is killed can end nobody: PR_SET_PDEATHSIG of prctl(2) does it for it.
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  // A plan of sends waits for its instants; they are not to be put off by the 50 us that are usual.
  ::prctl(PR_SET_TIMERSLACK, 1UL);
  Setup setup;
  setup.role = role_of(argv[1]);
  for (int i = 2; i < argc; ++i) {
    const std::string_view name = argv[i];
    const auto value = [&]() -> const char* {
      if (i + 1 >= argc) give_up("an option lacks its value");
      return argv[++i];
    };
    if (name == "--connect") {
      setup.connect = value();
    } else if (name == "--broker") {
      setup.broker = value();
    } else if (name == "--payload") {
      setup.payload_size = std::strtoull(value(), nullptr, 10);
    } else if (name == "--spin") {
      setup.spins = true;
    } else if (name == "--pin") {
      bind_to(std::atoi(value()));
    } else if (name == "--congestion") {
      setup.congestion = value();
    } else {
      setup.others.emplace_back(name);
    }
  }
  return setup;
}

void bind_to(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  if (::sched_setaffinity(0, sizeof set, &set) != 0) give_up("cannot be bound to that processor");
}

std::uint64_t monotonic_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

std::optional<Block> parse_block(std::string_view text) {
  const std::string line(text);
  Block block;
  if (std::sscanf(line.c_str(), "run %" SCNu64, &block.count) == 1) return block;
  if (std::sscanf(line.c_str(), "pace %" SCNu64 " %" SCNu64, &block.count, &block.interval_ns) == 2) return block;
  return std::nullopt;
}

std::optional<Block> next_block() {
  std::array<char, 128> line{};
  if (std::fgets(line.data(), line.size(), stdin) == nullptr) return std::nullopt;
  return parse_block(line.data());
}

void tell_ready(std::string_view address) { say(("ready " + std::string(address)).c_str()); }

void tell_sent(std::uint64_t begin_ns) { say(("sent " + std::to_string(begin_ns)).c_str()); }

void tell_took(std::uint64_t ns) { say(("took " + std::to_string(ns)).c_str()); }

void tell_times(const std::vector<std::uint64_t>& round_trips_ns) {
  std::string path = "/tmp/distflow-bench-XXXXXX";
  const int fd = ::mkstemp(path.data());
  std::FILE* file = fd < 0 ? nullptr : ::fdopen(fd, "wb");
  if (file == nullptr) give_up("cannot write a file of round trips to /tmp");
  const std::size_t written = std::fwrite(round_trips_ns.data(), sizeof(std::uint64_t), round_trips_ns.size(), file);
  if (std::fclose(file) != 0 || written != round_trips_ns.size()) give_up("/tmp is full");
  say(("times " + path).c_str());
}

void tell_done(std::uint64_t count) {
  say(("done " + std::to_string(monotonic_ns()) + ' ' + std::to_string(count)).c_str());
}

void give_up(std::string_view why) {
  std::fprintf(stderr, "contestant: %.*s\n", static_cast<int>(why.size()), why.data());
  std::exit(2);
}

Payload::Payload(std::size_t size) : plain_(size, 'x') {
  if (size < 2) give_up("a payload has two bytes at least");
  plain_.front() = plain_.back() = '"';
  marked_ = plain_;
  if (size > 2) marked_[1] = kMark;
}

std::uint64_t threads_of(const Setup& setup) {
  return std::strtoull(setup.other("--threads", "0").c_str(), nullptr, 10);
}

void send_on_threads(std::uint64_t threads, const Block& block,
                     const std::function<void(std::uint64_t thread, std::uint64_t count)>& send) {
  std::vector<std::thread> all;
  for (std::uint64_t thread = 0; thread < threads; ++thread) {
    const std::uint64_t count = block.count / threads + (thread < block.count % threads ? 1 : 0);
    all.emplace_back([&send, thread, count] { send(thread, count); });
  }
  for (std::thread& thread : all) thread.join();
}

void SinkCount::note_mark() {
  if (++marks_seen_ < marks_) return;
  marks_seen_ = 0;
  tell_done(std::exchange(count_, 0));
}

}  // namespace distflow::bench
