// A node on the thread of an Asio io_context, and a coroutine of Asio's that asks it for squares.
//
//     asio_loop [--pmd-port PORT] NUMBER...     who answers is `ask answer`, started before or after
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include <asio.hpp>
#include <asio/experimental/awaitable_operators.hpp>

#include <distflow/asio.hpp>
#include <distflow/node_runtime.hpp>

namespace {

using namespace std::chrono_literals;
using namespace asio::experimental::awaitable_operators;

/// Polls the node when its descriptor is readable or a time of its is due, until it has ended or this is cancelled.
asio::awaitable<void> keep_polling(asio::io_context& io, distflow::NodeRuntime& node) {
  asio::posix::stream_descriptor readable(io, node.fd());
  asio::steady_timer due(io);
  try {
    while (node.poll(0ms)) {
      due.expires_after(std::min<std::chrono::milliseconds>(node.poll_within(), 1h));
      co_await (readable.async_wait(asio::posix::stream_descriptor::wait_read, asio::use_awaitable) ||
                due.async_wait(asio::use_awaitable));
    }
  } catch (const std::exception&) {  // cancelled
  }
  readable.release();  // the descriptor is the node's
}

asio::awaitable<void> ask_for_squares(distflow::NodeRuntime& node, std::vector<std::string> numbers, int& failures) {
  const auto peer = co_await distflow::async_wait_for(node, "squares", {.deadline = 30s}, asio::use_awaitable);
  if (!peer) std::printf("%s\n", peer.error().message().c_str());
  failures = peer ? 0 : 1;
  for (const std::string& number : numbers) {
    if (!peer) break;
    const auto reply = co_await distflow::async_ask(node, "squares", number, {}, asio::use_awaitable);
    std::printf("%s: %s\n", number.c_str(), reply ? reply.payload.c_str() : to_string(reply.error));
    failures += reply ? 0 : 1;
  }
}

}  // namespace

int main(int argc, char** argv) {  // NOLINT(bugprone-exception-escape): what the loop throws ends the program
  std::vector<std::string> words(argv + 1, argv + argc);
  distflow::NodeOptions options{.threading = distflow::Threading::caller};
  if (words.size() > 1 && words.front() == "--pmd-port") {
    std::from_chars(words[1].data(), words[1].data() + words[1].size(), options.pmd_port);
    words.erase(words.begin(), words.begin() + 2);
  }
  if (words.empty() || words.front().starts_with("--")) {
    return std::fputs("usage: asio_loop [--pmd-port PORT] NUMBER...\n", stderr), 2;
  }
  auto node = distflow::NodeRuntime::start(options);
  if (!node) return std::fprintf(stderr, "%s\n", node.error().message().c_str()), 1;
  std::puts("waiting for squares");
  std::fflush(stdout);
  asio::io_context io;
  int failures = 0;
  // The first to end cancels the other.
  asio::co_spawn(io, ask_for_squares(*node, std::move(words), failures) || keep_polling(io, *node), asio::detached);
  io.run();
  static_cast<void>(node->shutdown());
  return failures == 0 ? 0 : 1;
}
