// pong: answers every {"type":"PING",...} with {"type":"PONG",...}, to its sender, until it is told to end.
//
//     pong [--pmd-port PORT] [--backend NAME] [--alias NAME]
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <distflow/json.hpp>
#include <distflow/node_runtime.hpp>

#include "options.hpp"

namespace {

void answer(distflow::NodeRuntime& node, const distflow::Message& message) {
  distflow::Result<rapidjson::Document> payload = distflow::parse_json(message.payload);
  if (!payload || !payload->IsObject() || !payload->HasMember("type") || (*payload)["type"] != "PING") return;
  (*payload)["type"] = "PONG";
  const distflow::SendVerdict verdict = distflow::send(node, message.from, *payload);
  if (!is_under_way(verdict)) std::fprintf(stderr, "no answer sent: %s\n", to_string(verdict));
}

}  // namespace

int main(int argc, char** argv) {
  distflow::NodeOptions options{.alias = "pong"};
  OptionReader reader("Usage: pong [--pmd-port PORT] [--backend NAME] [--alias NAME] [--version]", argc, argv);
  while (reader.next()) {
    if (reader.is("--pmd-port")) {
      options.pmd_port = static_cast<std::uint16_t>(reader.number(1, 65535));
    } else if (reader.is("--backend")) {
      options.backend = reader.value();
    } else if (reader.is("--alias")) {
      options.alias = reader.value();
    } else {
      reader.refuse();
    }
  }
  // Blocked before the node starts its thread, so that they come to sigwait() below.
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGINT);
  sigaddset(&ending, SIGTERM);
  sigprocmask(SIG_BLOCK, &ending, nullptr);

  auto node = distflow::NodeRuntime::start(options);
  if (!node) {
    std::fprintf(stderr, "pong cannot start: %s\n", node.error().message().c_str());
    return EXIT_FAILURE;
  }
  node->on_message([node = *node](const distflow::Message& message) mutable { answer(node, message); });
  std::printf("pong is ready as '%s', node %s, port %u\n", options.alias.c_str(), node->node_id().c_str(),
              node->port());
  std::fflush(stdout);

  int signal = 0;
  sigwait(&ending, &signal);
  std::printf("pong ends; %llu messages handled\n", static_cast<unsigned long long>(node->stats().received.handled));
  return node->shutdown() ? EXIT_SUCCESS : EXIT_FAILURE;
}
