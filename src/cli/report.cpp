#include "cli/report.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <system_error>
#include <utility>

#include <distflow/printable.hpp>

#include <fmt/format.h>

#include "base/escape.hpp"
#include "cli/exit_code.hpp"
#include "protocol/json_write.hpp"

namespace distflow::cli {
namespace {

using protocol::append_json_string;
using protocol::NodeInfo;

// Where the years 0 and 10000 begin, in ms since the Unix epoch.
constexpr std::int64_t kYear0Ms = -62'167'219'200'000;
constexpr std::int64_t kYear10000Ms = 253'402'300'800'000;

constexpr std::size_t kNamedMax = 20;  // nodes in an error: what comes first must not scroll away

bool lacks_descriptors(const Error& error) {
  return error.code == std::errc::too_many_files_open || error.code == std::errc::too_many_files_open_in_system;
}

std::string to_place(const NodeInfo& node) { return cli::to_place(node.host, node.port); }
std::string to_place(const Arguments& arguments) { return cli::to_place(arguments.host, arguments.port); }

/// JSON that programs may read and people may look at, whatever the registry and the command line held.
Report json_report(int exit_code, const std::string& json) {
  return {.exit_code = exit_code, .out = base::printable_json(json) + "\n", .err = {}};
}

std::string nodes_json(const Nodes& nodes) {
  std::string json = "[";
  for (const NodeInfo& node : nodes) {
    if (json.size() > 1) json += ',';
    protocol::append_node(json, node);
  }
  return json += ']';
}

/// A failure: `message` says what happened and why, `remedy` what to do. `extra` are further members of the object.
Report failure(const Arguments& arguments, int exit_code, std::string_view name, const std::string& message,
               const std::string& remedy, const std::string& extra = "") {
  Report report{.exit_code = exit_code, .out = {}, .err = message + "\n" + remedy + "\n"};
  if (!arguments.is_json) return report;
  std::string json = R"({"error":")";
  json += name;
  json += R"(","message":)";
  append_json_string(json, message);
  json += R"(,"remedy":)";
  append_json_string(json, remedy);
  json += extra + "}";
  report.out = json_report(exit_code, json).out;
  return report;
}

Report unreachable(const Arguments& arguments, std::string_view name, const std::string& message,
                   const std::string& remedy) {
  return failure(arguments, kExitUnreachable, name, message, remedy);
}

}  // namespace

std::string same_place(const Arguments& arguments) {
  const Arguments defaults;
  std::string options;
  if (arguments.host != defaults.host) options += " --host " + printable(arguments.host);
  if (arguments.port != defaults.port) options += " --port " + std::to_string(arguments.port);
  return options;
}

std::string counted(std::uint64_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::string to_iso_time(std::int64_t ms_since_epoch) {
  using namespace std::chrono;
  if (ms_since_epoch < kYear0Ms || ms_since_epoch >= kYear10000Ms) return std::to_string(ms_since_epoch);
  const sys_time<milliseconds> time{milliseconds(ms_since_epoch)};
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(time - day);
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
  return text.data();
}

Report report_status(const Arguments& arguments, const Nodes& nodes, const std::optional<protocol::Hello>& hello) {
  if (!arguments.is_json) {
    return {.exit_code = kExitSuccess,
            .out = "PMD Status:\n  Port: " + std::to_string(arguments.port) +
                   "\n  Registered nodes: " + std::to_string(nodes.size()) + "\n",
            .err = {}};
  }
  std::string json = R"({"host":)";
  append_json_string(json, arguments.host);
  json += R"(,"port":)" + std::to_string(arguments.port);
  json += R"(,"registeredNodes":)" + std::to_string(nodes.size());
  if (hello) {
    json += R"(,"version":)" + std::to_string(hello->version);
    json += R"(,"pid":)" + std::to_string(hello->pid);
    json += R"(,"startTime":)" + std::to_string(hello->start_time_ms);
    if (!hello->release.empty()) {
      json += R"(,"release":)";
      append_json_string(json, hello->release);
    }
  }
  return json_report(kExitSuccess, json + "}");
}

Report report_running(const Arguments& arguments, const Nodes& nodes, const std::optional<protocol::Hello>& hello) {
  std::string release = "of another make";
  if (hello) release = hello->release.empty() ? "unknown" : printable(hello->release);
  Report report = report_status(arguments, nodes, hello);
  report.out = "A PMD runs at " + to_place(arguments) + ".\n" + report.out + "  Version: " + release + "\n";
  return report;
}

Report report_overview(const Arguments& arguments, const Report& running) {
  const std::string& text = running.exit_code == kExitSuccess ? running.out : running.err;
  return {.exit_code = kExitSuccess, .out = text + "\n" + arguments.help, .err = {}};
}

Report report_nodes(const Arguments& arguments, Nodes nodes, std::int64_t now_ms, const Screen& screen) {
  const std::size_t registered_count = nodes.size();
  const NodeSelection selection = select_nodes(std::move(nodes), arguments.nodes);
  if (arguments.is_json) {
    return json_report(kExitSuccess,
                       fmt::format(R"({{"registered":{},"matching":{},"left":{},"nodes":{}}})", registered_count,
                                   selection.matching_count, selection.left_count, nodes_json(selection.nodes)));
  }
  if (selection.nodes.empty()) {
    return {.exit_code = kExitSuccess,
            .out = registered_count == 0 ? "No nodes are registered.\n"
                                         : fmt::format("None of {} matches.\n", counted(registered_count, "node")),
            .err = {}};
  }
  Report report{.exit_code = kExitSuccess, .out = node_table(selection.nodes, now_ms).text(screen), .err = {}};
  if (selection.left_count > 0) {
    report.err =
        fmt::format("{} more: --after '{}'\n", selection.left_count, printable(name_of(selection.nodes.back())));
  }
  return report;
}

Report report_list(const Arguments& arguments, const Nodes& nodes, std::int64_t now_ms, const Screen& screen) {
  if (screen.is_terminal && !arguments.is_json) return report_nodes(arguments, nodes, now_ms, screen);
  if (arguments.is_json) return json_report(kExitSuccess, R"({"nodes":)" + nodes_json(nodes) + "}");
  if (nodes.empty()) return {.exit_code = kExitSuccess, .out = "No nodes registered\n", .err = {}};
  std::string text = "Registered nodes:\n";
  for (const NodeInfo& node : nodes) {
    text += "  - " + printable(name_of(node)) + "\n";
    text += "    Node ID: " + printable(node.node_id) + "\n";
    text += "    Address: " + to_place(node) + "\n";
    text += "    Last heartbeat: " + to_iso_time(node.last_heartbeat_ms) + "\n";
  }
  return {.exit_code = kExitSuccess, .out = text, .err = {}};
}

Report report_resolved(const Arguments& arguments, const NodeInfo& node) {
  if (arguments.is_json) {
    std::string json = R"({"node":)";
    protocol::append_node(json, node);
    return json_report(kExitSuccess, json + "}");
  }
  return {.exit_code = kExitSuccess,
          .out = "Resolved '" + printable(arguments.name) + "':\n  Node ID: " + printable(node.node_id) +
                 "\n  Address: " + to_place(node) + "\n",
          .err = {}};
}

Report report_killed(const Arguments& arguments) {
  const char* text = arguments.is_json ? "{\"success\":true}\n" : "PMD shutdown command sent successfully\n";
  return {.exit_code = kExitSuccess, .out = text, .err = {}};
}

Report report_kill_refused(const Arguments& arguments, const Nodes& nodes) {
  std::string message = "PMD not ended: " + std::to_string(nodes.size()) +
                        (nodes.size() == 1 ? " node is registered:" : " nodes are registered:");
  for (std::size_t i = 0; i < std::min(nodes.size(), kNamedMax); ++i) {
    const NodeInfo& node = nodes[i];
    message += "\n  - " + printable(name_of(node)) + " (" + printable(node.node_id) + ") at " + to_place(node);
  }
  if (nodes.size() > kNamedMax)
    message += fmt::format("\n  and {} more: 'distflow nodes{}'", nodes.size() - kNamedMax, same_place(arguments));
  return failure(arguments, kExitNo, "nodes_registered", message,
                 "End the nodes first, or end the PMD all the same with --force.", R"(,"nodes":)" + nodes_json(nodes));
}

Report report_started(std::uint16_t port, int pid) {
  return {.exit_code = kExitSuccess, .out = fmt::format("PMD started on port {} (process {})\n", port, pid), .err = {}};
}

Report report_running_already(const Arguments& arguments) {
  return failure(arguments, kExitNo, "already_running", "A PMD is running already at " + to_place(arguments) + ".",
                 "Use it, end it with 'distflow pmd kill" + same_place(arguments) +
                     "', or start another one with --port on another port.");
}

Report report_launch_error(const Arguments& arguments, const Error& error, const std::string& places) {
  const std::string page = arguments.web_port ? " --web-port " + std::to_string(*arguments.web_port) : "";
  const std::string by_hand = "Run 'distflow-pmd" + same_place(arguments) + page + "' by hand to see why.";
  if (error == Errc::pmd_not_found)
    return unreachable(arguments, "pmd_not_found",
                       "The program distflow-pmd was not found at " + printable(places) + ".",
                       "Set DISTFLOW_PMD to its path, or put it beside distflow or on the PATH.");
  if (error == Errc::timed_out)
    return unreachable(arguments, "timed_out", "distflow-pmd was started but did not become ready in time.", by_hand);
  if (error == Errc::pmd_not_started)
    return unreachable(arguments, "pmd_not_started", "distflow-pmd ended before it was ready.", by_hand);
  return unreachable(arguments, "pmd_not_started", "distflow-pmd could not be started: " + error.message() + ".",
                     by_hand);
}

std::string where_names_are(const Arguments& arguments) {
  return "Run 'distflow nodes" + same_place(arguments) +
         "' to see the nodes that are registered. A group is none: name one of its nodes.";
}

Report report_error(const Arguments& arguments, const Error& error) {
  const std::string place = to_place(arguments);
  const std::string elsewhere = "Use another port for distflow (option --port), or stop what is there.";
  if (error == Errc::node_not_found)
    return failure(arguments, kExitNo, "node_not_found", "Alias '" + printable(arguments.name) + "' not found",
                   where_names_are(arguments));
  if (error == Errc::refused)
    return failure(arguments, kExitNo, "refused", "The PMD at " + place + " refused.",
                   "It takes this order over loopback only: give it on the PMD's own machine.");
  if (error == Errc::erlang_epmd)
    return unreachable(arguments, "erlang_epmd",
                       "Erlang's epmd answers at " + place + ", not a PMD: both use port 4369 by default.", elsewhere);
  if (error == Errc::not_a_pmd)
    return unreachable(arguments, "not_a_pmd", "Something answers at " + place + " that is not a distflow PMD.",
                       elsewhere);
  if (error == Errc::pmd_silent)
    return unreachable(arguments, "pmd_silent", "Something listens at " + place + " and does not answer.",
                       "It is a PMD that is stopped or overloaded, or another program: see what has that port.");
  if (lacks_descriptors(error))
    return unreachable(arguments, "out_of_descriptors", "No descriptor is left to ask the PMD at " + place + " with.",
                       "Raise the limit of open files (ulimit -n), or close some.");
  if (error == Errc::timed_out)
    return unreachable(arguments, "timed_out", "No answer came from " + place + " in time.",
                       "Look whether the PMD is stopped or overloaded, or give another place with --host and --port.");
  if (error == Errc::name_not_found)
    return unreachable(arguments, "name_not_found", "The host '" + printable(arguments.host) + "' has no address.",
                       "Check the spelling of --host or of DISTFLOW_PMD_ADDR (HOST:PORT), or give a numeric address.");
  return unreachable(arguments, "pmd_unreachable",
                     "No PMD can be reached at " + place + ": " + error.code.message() + ".",
                     "Start one with 'distflow pmd start" + same_place(arguments) +
                         "', or give another place with --host and --port.");
}

Report report_failure(const Arguments& arguments, int exit_code, std::string_view name, const std::string& message,
                      const std::string& remedy) {
  return failure(arguments, exit_code, name, message, remedy);
}

std::string json_line(std::string_view json) {
  std::string line = base::printable_json(json);
  // Control characters stand nowhere in JSON but between the tokens.
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
  return line + "\n";
}

Report report_usage(const Arguments& arguments, const std::string& message) {
  return {.exit_code = kExitUsage,
          .out = arguments.is_json ? usage_error_json(message) : std::string(),
          .err = message + "\n"};
}

std::string usage_error_json(std::string_view message) {
  std::string json = R"({"error":"usage","message":)";
  append_json_string(json, message);
  return json_report(kExitUsage, json + "}").out;
}

}  // namespace distflow::cli
