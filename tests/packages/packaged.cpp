// A program of somebody else's: a node that starts the daemon, finds itself, and sends itself a message.
#include <future>
#include <iostream>
#include <string>

#include <distflow/node_runtime.hpp>
#include <distflow/printable.hpp>

int main() {
  std::promise<std::string> arrived;
  auto node = distflow::NodeRuntime::start({.alias = "packaged"});
  if (!node) {
    std::cerr << node.error().message() << '\n';
    return 1;
  }
  node->on_message([&](const distflow::Message& message) { arrived.set_value(std::string(message.payload)); });
  const distflow::SendVerdict verdict = node->send("packaged", R"({"n":1})");
  if (!is_under_way(verdict)) {
    std::cerr << to_string(verdict) << '\n';
    return 1;
  }
  std::cout << distflow::printable(arrived.get_future().get()) << '\n';
  return node->shutdown() ? 0 : 1;
}
