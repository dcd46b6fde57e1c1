#include "cli/listen.hpp"

#include <distflow/node_runtime.hpp>
#include <distflow/printable.hpp>

#include <fmt/format.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <semaphore>
#include <string>
#include <utility>

#include "cli/end_signals.hpp"
#include "cli/exit_code.hpp"
#include "cli/node_start.hpp"
#include "cli/report.hpp"
#include "protocol/json_write.hpp"

namespace distflow::cli {
namespace {

std::string to_line(const Message& message, const std::string& alias) {
  std::string json = R"({"from":)";
  protocol::append_json_string(json, message.from);
  if (!alias.empty()) {
    json += R"(,"fromAlias":)";
    protocol::append_json_string(json, alias);
  }
  json += fmt::format(R"(,"timestamp":{})", message.timestamp);
  if (message.has_payload) {
    json += R"(,"payload":)";
    json += message.payload;
  }
  return json_line(json + "}");
}

/// What handlers share with the thread that waits for the end.
class Printer {
 public:
  explicit Printer(std::uint64_t count_max) : count_max_(count_max) {}

  void print(const Message& message, const std::string& alias) {
    if (is_over_) return;
    const int exit_code = say("distflow", {.exit_code = kExitSuccess, .out = to_line(message, alias), .err = {}});
    if (exit_code != kExitSuccess) exit_code_ = exit_code;
    if (exit_code != kExitSuccess || ++count_ == count_max_) end();
  }
  void end() {
    if (!is_over_.exchange(true)) over_.release();
  }
  void wait() { over_.acquire(); }
  [[nodiscard]] int exit_code() const { return exit_code_; }

 private:
  const std::uint64_t count_max_;  // 0: no bound
  std::uint64_t count_ = 0;        // the handler's thread alone
  std::atomic<int> exit_code_{kExitSuccess};
  std::atomic<bool> is_over_{false};
  std::binary_semaphore over_{0};
};

}  // namespace

Report listen(const Arguments& arguments) {
  // Shared with the handler, which outlives this call where it still waits to write at the end of the shutdown.
  const auto printer = std::make_shared<Printer>(arguments.count);
  const EndSignals signals([printer] { printer->end(); });
  NodeOptions options = node_options(arguments);
  options.alias = arguments.name;
  options.threading = Threading::dispatcher;  // the handler waits for the reader of the output
  options.mailbox.overflow = Overflow::block;
  auto node = NodeRuntime::start(options);
  if (!node) return report_start_error(arguments, node.error());
  static_cast<void>(say("distflow", {.exit_code = kExitSuccess,
                                     .out = {},
                                     .err = fmt::format("Listening as '{}', node {}, port {}.\n",
                                                        printable(node->alias()), node->node_id(), node->port())}));
  node->on_message(
      [printer, here = *node](const Message& message) { printer->print(message, here.alias_of(message.from)); });
  printer->wait();
  const Result<ShutdownReport> ended = node->shutdown();
  Report report{.exit_code = printer->exit_code(), .out = {}, .err = {}};
  if (ended && ended->discarded_incoming > 0)
    report.err = fmt::format("{} more messages had come, and were not printed.\n", ended->discarded_incoming);
  return report;
}

}  // namespace distflow::cli
