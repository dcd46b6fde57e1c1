#include "cli/ask.hpp"

#include <distflow/ask.hpp>
#include <distflow/node_runtime.hpp>
#include <distflow/printable.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string>

#include "cli/exit_code.hpp"
#include "cli/node_start.hpp"
#include "cli/report.hpp"
#include "cli/send.hpp"
#include "protocol/json_grammar.hpp"

namespace distflow::cli {
namespace {

std::string remedy_of(AskError error, const Arguments& arguments) {
  const std::string place = same_place(arguments);
  switch (error) {
    case AskError::unresolved: return where_names_are(arguments);
    case AskError::unsupported:
      return "It is a node of another implementation or of an older version: use 'distflow send'.";
    case AskError::not_sent:
    case AskError::connection_lost:
      return "Run 'distflow doctor" + place + "' to see what keeps nodes from each other.";
    case AskError::no_handler: return "The program of that node has to call on_request().";
    case AskError::busy: return "Ask again later: more requests wait there than its mailbox takes.";
    case AskError::expired:
    case AskError::deadline:
      return "Give it more time with --timeout, or see with 'distflow node " + printable(arguments.name) + place +
             "' what it does.";
    case AskError::denied:
    case AskError::failed: return "See what the program of that node says: its handler has not answered.";
    default: return "Ask again.";
  }
}

std::string explain(AskError error, const std::string& name) {
  switch (error) {
    case AskError::unresolved: return fmt::format("Alias '{}' not found", name);
    case AskError::unsupported: return fmt::format("Node '{}' takes no requests.", name);
    case AskError::no_handler: return fmt::format("Nobody answers requests at node '{}'.", name);
    case AskError::deadline: return fmt::format("No reply came from node '{}' in time.", name);
    default: return fmt::format("Node '{}' did not reply: {}.", name, to_string(error));
  }
}

}  // namespace

Report ask(const Arguments& arguments) {
  if (!protocol::is_json(arguments.payload)) return report_usage(arguments, explain_no_json(arguments.payload));
  auto node = NodeRuntime::start(node_options(arguments));
  if (!node) return report_start_error(arguments, node.error());
  const auto deadline = std::chrono::ceil<std::chrono::milliseconds>(arguments.timeout);
  const Result<KeptReply> reply = ask_and_wait(*node, arguments.name, arguments.payload, {.deadline = deadline});
  static_cast<void>(node->shutdown());
  if (!reply) return report_error(arguments, reply.error());
  if (!*reply) {
    return report_failure(arguments, kExitNo, to_string(reply->error), explain(reply->error, printable(arguments.name)),
                          remedy_of(reply->error, arguments));
  }
  if (!arguments.is_json) return {.exit_code = kExitSuccess, .out = json_line(reply->payload), .err = {}};
  return {.exit_code = kExitSuccess,
          .out = json_line(fmt::format(R"({{"reply":{},"tookUs":{}}})", reply->payload, reply->took.count())),
          .err = {}};
}

}  // namespace distflow::cli
