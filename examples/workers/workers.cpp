// A dispatcher gives jobs to whichever workers are there. Start and kill workers while it runs.
//
//     workers work [--pmd-port PORT]       answers jobs until it is told to stop, or killed
//     workers COUNT [--pmd-port PORT]      gives COUNT jobs out, one after the other, then tells all workers to stop
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include <distflow/ask.hpp>
#include <distflow/group.hpp>
#include <distflow/node_runtime.hpp>

using distflow::NodeRuntime;

namespace {

void work(NodeRuntime& node) {
  bool is_over = false;
  node.on_message([&](const distflow::Message&) { is_over = true; });  // the only message is the one to stop
  node.on_request(
      [&](const distflow::Request&, distflow::Responder responder) { responder.reply("\"" + node.node_id() + "\""); });
  if (const auto joined = node.join("workers"); !joined) std::fprintf(stderr, "%s\n", joined.error().message().c_str());
  std::printf("%s works\n", node.node_id().c_str());
  std::fflush(stdout);
  while (!is_over) static_cast<void>(node.poll(std::chrono::milliseconds(100)));
}

void dispatch(NodeRuntime& node, int count) {
  distflow::Group workers = node.group("workers");
  std::map<std::string, int> done;  // by worker
  int again = 0;
  for (int job = 1; job <= count;) {
    bool has_ended = false;
    const auto on_end = [&](const distflow::Reply& reply) {
      has_ended = true;
      if (reply) ++done[std::string(reply.payload)];
      // A worker that was killed may have done the job: these may be done twice.
      ++(reply ? job : again);
    };
    const auto verdict = workers.ask(std::to_string(job), {.deadline = std::chrono::seconds(5)}, on_end);
    if (!is_under_way(verdict)) {  // no worker is there yet, or any more
      static_cast<void>(node.poll(std::chrono::milliseconds(20)));
      continue;
    }
    while (!has_ended) static_cast<void>(node.poll(std::chrono::milliseconds(100)));
  }
  for (const auto& [worker, jobs] : done) std::printf("%s did %d\n", worker.c_str(), jobs);
  std::printf("%d given out again\n", again);
  workers.send_all("\"stop\"");
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  distflow::NodeOptions options{.threading = distflow::Threading::caller};
  if (words.size() == 3 && words[1] == "--pmd-port") {
    options.pmd_port = static_cast<std::uint16_t>(std::atoi(words[2].c_str()));
    words.resize(1);
  }
  const int count = words.size() == 1 ? std::atoi(words[0].c_str()) : 0;
  if (words.size() != 1 || (count < 1 && words[0] != "work")) {
    return std::fputs("usage: workers work | workers COUNT, and --pmd-port PORT\n", stderr), 2;
  }
  auto node = NodeRuntime::start(options);
  if (!node) return std::fprintf(stderr, "%s\n", node.error().message().c_str()), 1;
  count > 0 ? dispatch(*node, count) : work(*node);
  static_cast<void>(node->shutdown());
}
