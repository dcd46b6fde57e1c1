// Prices on a topic: a feed publishes, watchers see each price, or, if they are slow, the newest of each symbol.
//
//     prices watch [--pmd-port PORT]            counts each price
//     prices watch-slowly [--pmd-port PORT]     needs 20 ms for a price; what waits meanwhile is conflated
//     prices WATCHERS [--pmd-port PORT]         waits for so many watchers, publishes 300 prices of 3 symbols, then
//     ends
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include <distflow/group.hpp>
#include <distflow/node_runtime.hpp>
#include <distflow/topic.hpp>

using distflow::NodeRuntime;

namespace {

void watch(NodeRuntime& node, bool is_slow) {
  std::binary_semaphore over(0);
  int seen = 0;
  std::map<std::string, std::string> newest;  // by the text in front of the price
  const auto handler = [&](const distflow::Message& message) {
    const std::string text(message.payload);
    if (text == R"({"symbol":"END"})") return over.release();
    ++seen;
    newest[text.substr(0, text.rfind(':'))] = text;
    if (is_slow) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  };
  distflow::SubscribeOptions options;
  if (is_slow) options.conflate_by = "symbol";
  if (const auto done = node.subscribe("prices", handler, options); !done) std::puts(done.error().message().c_str());
  std::puts("watching");
  std::fflush(stdout);
  over.acquire();
  for (const auto& [symbol, price] : newest) std::printf("%s\n", price.c_str());
  const auto received = node.stats().received;
  std::printf("saw %d of %d prices, %d were conflated\n", seen, static_cast<int>(received.received) - 1,
              static_cast<int>(received.conflated));
}

void feed(NodeRuntime& node, std::size_t watchers) {
  auto group = node.group("topic:prices");
  while (group.members().size() < watchers) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  for (int price = 1; price <= 300; ++price) {
    for (const std::string symbol : {"ABC", "DEF", "GHI"}) {
      node.publish("prices", R"({"symbol":")" + symbol + R"(","price":)" + std::to_string(price) + "}");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  node.publish("prices", R"({"symbol":"END"})");
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  distflow::NodeOptions options{.threading = distflow::Threading::dispatcher};  // a slow handler has its own thread
  if (words.size() == 3 && words[1] == "--pmd-port") {
    options.pmd_port = static_cast<std::uint16_t>(std::atoi(words[2].c_str()));
    words.resize(1);
  }
  const bool is_slow = words.size() == 1 && words[0] == "watch-slowly";
  const int watchers = words.size() == 1 ? std::atoi(words[0].c_str()) : 0;
  if (words.size() != 1 || (watchers < 1 && !is_slow && words[0] != "watch")) {
    return std::fputs("usage: prices watch | watch-slowly | WATCHERS, and --pmd-port PORT\n", stderr), 2;
  }
  auto node = NodeRuntime::start(options);
  if (!node) return std::fprintf(stderr, "%s\n", node.error().message().c_str()), 1;
  watchers > 0 ? feed(*node, static_cast<std::size_t>(watchers)) : watch(*node, is_slow);
  static_cast<void>(node->shutdown());
}
