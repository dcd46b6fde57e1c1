// adder: answers {"add":[1,2]} with {"sum":3}, for any sender: a node in C++, or one of the TypeScript original.
//
//     adder        until SIGINT or SIGTERM
#include <csignal>
#include <cstdio>

#include <distflow/json.hpp>
#include <distflow/node_runtime.hpp>
#include <distflow/printable.hpp>

namespace {

/// False if the payload is no such request.
bool answer(distflow::NodeRuntime& node, const distflow::Message& message) {
  const auto payload = distflow::parse_json(message.payload);
  if (!payload || !payload->IsObject() || !payload->HasMember("add") || !(*payload)["add"].IsArray()) return false;
  double sum = 0;
  for (const auto& number : (*payload)["add"].GetArray()) {
    if (!number.IsNumber()) return false;
    sum += number.GetDouble();
  }
  rapidjson::Document reply(rapidjson::kObjectType);
  reply.AddMember("sum", sum, reply.GetAllocator());
  return is_under_way(distflow::send(node, message.from, reply));
}

}  // namespace

int main() {
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGINT);
  sigaddset(&ending, SIGTERM);
  sigprocmask(SIG_BLOCK, &ending, nullptr);
  auto node = distflow::NodeRuntime::start({.alias = "adder"});
  if (!node) return std::fprintf(stderr, "%s\n", node.error().message().c_str()), 1;
  node->on_message([node = *node](const distflow::Message& message) mutable {
    const bool is_answered = answer(node, message);
    std::printf("%s %s\n", is_answered ? "answers" : "cannot answer", distflow::printable(message.payload).c_str());
    std::fflush(stdout);
  });
  std::puts("adder is ready");
  std::fflush(stdout);
  int signal = 0;
  sigwait(&ending, &signal);
  return node->shutdown() ? 0 : 1;
}
