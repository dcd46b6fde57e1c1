// hello: greets every node that is there, and answers the greetings of those that come later.
//
//     hello NAME        until SIGINT or SIGTERM
#include <csignal>
#include <cstdio>
#include <string>
#include <string_view>

#include <distflow/node_runtime.hpp>
#include <distflow/printable.hpp>

namespace {

void print(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || argv[1][0] == '-') return std::fputs("Usage: hello NAME\n", stderr), 2;
  const std::string name = argv[1];
  // Blocked before the node starts its thread, so that they come to sigwait() below.
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGINT);
  sigaddset(&ending, SIGTERM);
  sigprocmask(SIG_BLOCK, &ending, nullptr);

  auto node = distflow::NodeRuntime::start({.alias = name});
  if (!node) return std::fprintf(stderr, "%s\n", node.error().message().c_str()), 1;
  // A name may hold any character: what is sent must be JSON, and what is printed must not move the cursor.
  const auto say = [&](std::string_view to, const char* word) {
    return node->send(to, "\"" + std::string(word) + ", I am " + distflow::printable(name) + "\"");
  };
  node->on_message([&](const distflow::Message& message) {
    print(name + " gets " + distflow::printable(message.payload));
    if (message.payload.starts_with("\"hello")) say(message.from, "welcome");
  });
  print(name + " is here");
  const auto peers = node->discover();
  if (peers) {
    for (const distflow::PeerInfo& peer : *peers) say(peer.node_id, "hello");
  }
  int signal = 0;
  sigwait(&ending, &signal);
  return node->shutdown() ? 0 : 1;
}
