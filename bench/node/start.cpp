// How long a node's start takes where no PMD runs: it starts one, and returns when it is registered.
//
//     bench_start solo [--backend NAME]      run N: N starts; took: what NodeRuntime::start() took, all N together
//
// Each start is that of a process of its own, at a port of its own. The process then ends the PMD, and the next start
// begins when both are gone.
#include <fcntl.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include <distflow/node_runtime.hpp>

#include "bench/contestant/contestant.hpp"
#include "bench/node/look_up.hpp"
#include "pmd/client/client_blocking.hpp"

namespace distflow::bench {
namespace {

constexpr const char* kStartOnce = "start_once";

/// The process of one start: prints the nanoseconds that it took.
int start_once(std::uint16_t port, const std::string& backend) {
  NodeOptions options;
  options.pmd_port = port;
  // Should this process not come to telling it to end. A busy machine takes a second to the first request.
  options.pmd_idle_exit = std::chrono::seconds(10);
  options.backend = backend;
  const std::uint64_t begin = monotonic_ns();
  auto node = NodeRuntime::start(options);
  const std::uint64_t took = monotonic_ns() - begin;
  if (!node) give_up(node.error().message());
  if (node->stats().pmd_starts != 1) give_up("the node did not start the PMD itself");
  std::printf("%llu\n", static_cast<unsigned long long>(took));
  std::fflush(stdout);
  if (const auto ended = node->shutdown(); !ended) give_up(ended.error().message());
  stream::StreamSetup stream_setup;
  const auto client = pmd::BlockingClient::create(stream_setup, {.port = port});
  if (!client) give_up(client.error().message());
  if (const Result<void> told = (*client)->shutdown_pmd(protocol::Force::yes); !told) give_up(told.error().message());
  return 0;
}

/// What a process prints, from its start to the end of all processes that came of it.
std::string run_to_the_last(std::array<const char*, 5> words) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) give_up("no descriptors are left");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe[1], STDOUT_FILENO);
  const int failure =
      ::posix_spawn(nullptr, "/proc/self/exe", &actions, nullptr, const_cast<char**>(words.data()), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(pipe[1]);
  if (failure != 0) give_up("no process can be started");
  std::array<char, 64> text{};
  const ssize_t size = ::read(pipe[0], text.data(), text.size());
  ::close(pipe[0]);
  // The PMD is nobody's child and therefore, after its starter's end, this process's: PR_SET_CHILD_SUBREAPER of
  // prctl(2).
  while (::waitpid(-1, nullptr, 0) > 0 || errno == EINTR) {
  }
  return {text.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
}

std::uint64_t measure_start(const Setup& setup) {
  const std::string port = free_port(setup);
  const std::string backend = setup.other("--backend", "");
  const std::string answer = run_to_the_last({"bench_start", kStartOnce, port.c_str(), backend.c_str(), nullptr});
  if (answer.empty()) give_up("a start has failed");
  return std::strtoull(answer.c_str(), nullptr, 10);
}

}  // namespace
}  // namespace distflow::bench

int main(int argc, char** argv) {
  using namespace distflow::bench;
  if (argc == 4 && std::string_view(argv[1]) == kStartOnce) {
    return start_once(static_cast<std::uint16_t>(std::atoi(argv[2])), argv[3]);
  }
  const Setup setup = set_up(argc, argv);
  if (setup.role != Role::solo) give_up("bench_start plays solo");
  if (::prctl(PR_SET_CHILD_SUBREAPER, 1) != 0) give_up("cannot wait for the processes of its children");
  tell_ready("-");
  while (const std::optional<Block> block = next_block()) {
    std::uint64_t took = 0;
    for (std::uint64_t i = 0; i < block->count; ++i) took += measure_start(setup);
    tell_took(took);
  }
}
