// A coroutine that waits for a node, asks it for squares one after the other, and adds them up.
//
//     coroutines [--pmd-port PORT] NUMBER...     the node is `ask answer`, started before or after
#include <charconv>
#include <chrono>
#include <coroutine>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include <distflow/coroutine.hpp>
#include <distflow/node_runtime.hpp>

namespace {

using namespace std::chrono_literals;

/// A coroutine that runs by itself, and whose frame is destroyed at its end. Any other type does as well.
struct Detached {
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::abort(); }
  };
};

/// What main() waits for.
struct Sum {
  long total = 0;
  bool is_over = false;
  bool has_failed = false;
};

Detached add_squares(distflow::NodeRuntime& node, std::vector<std::string> numbers, Sum& sum) {
  const auto peer = co_await distflow::wait_for(node, "squares", {.deadline = 30s});
  if (!peer) std::printf("%s\n", peer.error().message().c_str());
  sum.has_failed = !peer;
  for (const std::string& number : numbers) {
    if (sum.has_failed) break;
    const distflow::KeptReply reply = co_await distflow::ask(node, "squares", number, {.deadline = 5s});
    if (reply) {
      const long square = std::strtol(reply.payload.c_str(), nullptr, 10);
      sum.total += square;
      std::printf("%s: %ld, together %ld\n", number.c_str(), square, sum.total);
    } else {
      std::printf("%s: %s\n", number.c_str(), to_string(reply.error));
      sum.has_failed = true;
    }
  }
  sum.is_over = true;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  // The node has no thread of its own: the coroutine goes on inside poll().
  distflow::NodeOptions options{.threading = distflow::Threading::caller};
  if (words.size() > 1 && words.front() == "--pmd-port") {
    std::from_chars(words[1].data(), words[1].data() + words[1].size(), options.pmd_port);
    words.erase(words.begin(), words.begin() + 2);
  }
  if (words.empty() || words.front().starts_with("--")) {
    return std::fputs("usage: coroutines [--pmd-port PORT] NUMBER...\n", stderr), 2;
  }
  auto node = distflow::NodeRuntime::start(options);
  if (!node) return std::fprintf(stderr, "%s\n", node.error().message().c_str()), 1;
  std::puts("waiting for squares");
  std::fflush(stdout);
  Sum sum;
  add_squares(*node, std::move(words), sum);
  while (!sum.is_over) static_cast<void>(node->poll(100ms));
  static_cast<void>(node->shutdown());
  return sum.has_failed ? 1 : 0;
}
