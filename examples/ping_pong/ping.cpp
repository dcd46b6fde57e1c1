// ping: sends {"type":"PING",...} to "pong", one after the other, and prints how long the answers took.
//
//     ping [--pmd-port PORT] [--backend NAME] [--count N]        ends with 0 only if every PONG came
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <distflow/node_runtime.hpp>
#include <distflow/printable.hpp>

#include "options.hpp"

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

int main(int argc, char** argv) {
  distflow::NodeOptions options{.alias = "ping", .threading = distflow::Threading::caller};
  int count = 10;
  OptionReader reader("Usage: ping [--pmd-port PORT] [--backend NAME] [--count N] [--version]", argc, argv);
  while (reader.next()) {
    if (reader.is("--pmd-port")) {
      options.pmd_port = static_cast<std::uint16_t>(reader.number(1, 65535));
    } else if (reader.is("--backend")) {
      options.backend = reader.value();
    } else if (reader.is("--count")) {
      count = reader.number(0, 1'000'000'000);
    } else {
      reader.refuse();
    }
  }
  auto node = distflow::NodeRuntime::start(options);
  if (!node) {
    std::fprintf(stderr, "ping cannot start: %s\n", node.error().message().c_str());
    return EXIT_FAILURE;
  }
  int pongs = 0;
  node->on_message([&pongs](const distflow::Message& message) {
    if (message.payload.find(R"("PONG")") != std::string_view::npos) ++pongs;
  });
  // Turns the node, on this thread, until it is so; at most for five seconds.
  const auto poll_until = [&node](auto&& is_so) {
    for (const auto end = Clock::now() + 5s; !is_so() && Clock::now() < end;) static_cast<void>(node->poll(100ms));
    return is_so();
  };
  if (!poll_until([&] { return node->resolve("pong").has_value(); })) {
    std::fprintf(stderr, "no node 'pong' is registered; start one first\n");
    return EXIT_FAILURE;
  }
  for (const distflow::PeerInfo& peer : *node->discover()) {
    // Any process may register under any name: what a terminal would take for a command is escaped.
    std::printf("found %s at %s:%u\n", distflow::printable(peer.alias).c_str(), distflow::printable(peer.host).c_str(),
                peer.port);
  }
  std::vector<double> round_trips_us;
  for (int i = 1; i <= count; ++i) {
    const auto start = Clock::now();
    node->send("pong", R"({"type":"PING","n":)" + std::to_string(i) + "}");
    if (!poll_until([&] { return pongs == i; })) break;
    round_trips_us.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
  }
  std::printf("%d PINGs sent, %d PONGs came\n", count, pongs);
  std::sort(round_trips_us.begin(), round_trips_us.end());
  for (const double percent : {50.0, 90.0, 99.0, 99.9, 100.0}) {
    const auto rank = static_cast<std::size_t>(percent / 100 * static_cast<double>(round_trips_us.size()) - 0.5);
    if (!round_trips_us.empty()) std::printf("  p%-5g %8.1f us\n", percent, round_trips_us[rank]);
  }
  return pongs == count ? EXIT_SUCCESS : EXIT_FAILURE;
}
