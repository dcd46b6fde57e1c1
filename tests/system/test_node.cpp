// A node for the system's tests: idle, or sending numbered messages to another, or checking those that come.
//
//     test_node --pmd-port PORT --alias NAME [--to NAME] [--backend NAME]
//
// Writes "ready NODEID" when it is registered, and "backend NAME: why not the one asked for". On SIGTERM it shuts down
// and writes one line of what it saw:
//     sent N refused N written N dropped N received N out-of-order N left N pmd-starts N
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include <distflow/node_runtime.hpp>

namespace {

volatile std::sig_atomic_t is_told_to_end = 0;

using Ull = unsigned long long;

}  // namespace

int main(int argc, char** argv) {
  distflow::NodeOptions options{.threading = distflow::Threading::caller};
  std::string to;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (argv[i] == std::string_view("--pmd-port"))
      options.pmd_port = static_cast<std::uint16_t>(std::atoi(argv[i + 1]));
    if (argv[i] == std::string_view("--alias")) options.alias = argv[i + 1];
    if (argv[i] == std::string_view("--to")) to = argv[i + 1];
    if (argv[i] == std::string_view("--backend")) options.backend = argv[i + 1];
  }
  std::signal(SIGTERM, [](int) { is_told_to_end = 1; });
  auto node = distflow::NodeRuntime::start(options);
  if (!node) {
    std::fprintf(stderr, "%s\n", node.error().message().c_str());
    return EXIT_FAILURE;
  }
  Ull received = 0;
  Ull out_of_order = 0;
  Ull left = 0;
  node->on_message([&](const distflow::Message& message) {
    if (std::string(message.payload) != std::to_string(received)) ++out_of_order;
    ++received;
  });
  node->on_peer_leave([&](const distflow::PeerInfo&) { ++left; });
  const distflow::NodeStats at_start = node->stats();
  std::printf("backend %s: %s\n", at_start.backend.c_str(), at_start.backend_fallback_reason.c_str());
  std::printf("ready %s\n", node->node_id().c_str());
  std::fflush(stdout);

  Ull sent = 0;
  Ull refused = 0;
  while (is_told_to_end == 0) {
    for (int i = 0; i < 20 && !to.empty(); ++i) {
      const distflow::SendVerdict verdict = node->send(to, std::to_string(sent));
      if (verdict == distflow::SendVerdict::queue_full) break;  // ahead of the one that receives: no loss
      is_under_way(verdict) ? ++sent : ++refused;
    }
    if (!node->poll(std::chrono::milliseconds(to.empty() ? 20 : 1))) break;
  }
  // What was sent by one that has ended since is here, or comes as this is read.
  for (Ull before = 0; before != received;) {
    before = received;
    if (!node->poll(std::chrono::milliseconds(20))) break;
  }
  const bool is_shut_down = node->shutdown().has_value();
  const distflow::NodeStats stats = node->stats();
  std::printf(
      "sent %llu refused %llu written %llu dropped %llu received %llu out-of-order %llu left %llu pmd-starts %llu\n",
      sent, refused, Ull{stats.sent.written}, Ull{stats.sent.dropped()}, received, out_of_order, left,
      Ull{stats.pmd_starts});
  return is_shut_down ? EXIT_SUCCESS : EXIT_FAILURE;
}
