// Asks for squares: one node answers, another asks, and each request ends by its deadline.
//
//     ask answer [--pmd-port PORT]         answers until it is asked to stop
//     ask NUMBER... [--pmd-port PORT]      asks for the square of each, prints the answers, and ends
#include <charconv>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <distflow/ask.hpp>
#include <distflow/node_runtime.hpp>

namespace {

std::optional<long> to_number(std::string_view text) {
  long number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

void answer(const distflow::Request& request, distflow::Responder responder) {
  const std::optional<long> number = to_number(request.payload);
  if (request.payload == "\"stop\"") {
    responder.reply("true");
  } else if (!number || *number > 1'000'000'000 || *number < -1'000'000'000) {
    responder.refuse(distflow::AskError::denied);
  } else {
    responder.reply(std::to_string(*number * *number));
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  distflow::NodeOptions options{.threading = distflow::Threading::caller};
  if (words.size() > 2 && words[words.size() - 2] == "--pmd-port") {
    options.pmd_port = static_cast<std::uint16_t>(to_number(words.back()).value_or(0));
    words.resize(words.size() - 2);
  }
  if (words.empty() || words.front().starts_with("--")) {
    return std::fputs("usage: ask answer | ask NUMBER..., and --pmd-port PORT\n", stderr), 2;
  }
  const bool answers = words.front() == "answer";
  if (answers) options.alias = "squares";
  auto node = distflow::NodeRuntime::start(options);
  if (!node) return std::fprintf(stderr, "%s\n", node.error().message().c_str()), 1;
  bool is_over = false;
  if (answers) {
    node->on_request([&](const distflow::Request& request, distflow::Responder responder) {
      is_over = request.payload == "\"stop\"";
      answer(request, std::move(responder));
    });
    std::puts("answering as squares");
    std::fflush(stdout);
    words.clear();
  }
  std::size_t left = words.size();
  std::size_t failures = left;
  for (const std::string& word : words) {
    const auto on_end = [&, word](const distflow::Reply& reply) {
      const char* const run = reply.may_have_run ? "may have" : "has not";
      if (reply) std::printf("%s: %.*s\n", word.c_str(), static_cast<int>(reply.payload.size()), reply.payload.data());
      if (!reply) std::printf("%s: %s, %s run\n", word.c_str(), to_string(reply.error), run);
      if (reply) --failures;
      --left;
    };
    const auto verdict =
        node->ask("squares", word == "stop" ? "\"stop\"" : word, {.deadline = std::chrono::seconds(5)}, on_end);
    if (is_under_way(verdict)) continue;
    std::printf("%s: not sent, %s\n", word.c_str(), to_string(verdict));
    --left;
  }
  while (answers ? !is_over : left > 0) static_cast<void>(node->poll(std::chrono::milliseconds(100)));
  static_cast<void>(node->shutdown());
  return failures == 0 ? 0 : 1;
}
