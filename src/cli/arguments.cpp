#include "cli/arguments.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <iostream>
#include <string_view>

#include "cli/exit_code.hpp"
#include "cli/report.hpp"

namespace distflow::cli {
namespace {

constexpr const char* kExitCodes =
    "Exit codes: 0 success, 1 the answer is no (not found, refused), 2 wrong usage, 3 the PMD can't be reached.";

/// Durations as they are typed: seconds.
struct StartTexts {
  double ttl_s = 0;
  double idle_exit_s = 0;
};

base::Duration from_seconds(double count) {
  return std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(count));
}

bool wants_json(int argc, const char* const* argv) {
  return std::find(argv, argv + argc, std::string_view("--json")) != argv + argc;
}

class Parser {
 public:
  Parser() {
    app_.set_version_flag("--version", "distflow " DISTFLOW_VERSION, "Print the version and end");
    app_.footer(kExitCodes);
    app_.require_subcommand(1);
    pmd_.require_subcommand(1);
    pmd_.footer(kExitCodes);
    add_start();
    add_command(Command::status, "status", "Say whether a PMD runs, and how many nodes it has");
    add_command(Command::list, "list", "List the registered nodes");
    CLI::App& resolve = add_command(Command::resolve, "resolve", "Find a node by its alias or nodeId");
    resolve.add_option("NAME", arguments_.name, "An alias or a nodeId")->required();
    CLI::App& kill = add_command(Command::kill, "kill", "Tell the PMD to end; refused while nodes are registered");
    kill.add_flag("--force", arguments_.is_forced, "End it although nodes are registered");
  }

  ParsedArguments parse(int argc, const char* const* argv) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      if (app_.exit(error) == 0) return kExitSuccess;
      if (wants_json(argc, argv)) std::cout << usage_error_json(error.what());
      return kExitUsage;
    }
    if (ttl_->count() > 0) arguments_.ttl = from_seconds(texts_.ttl_s);
    if (idle_exit_->count() > 0) arguments_.idle_exit = from_seconds(texts_.idle_exit_s);
    return arguments_;
  }

 private:
  CLI::App& add_place(Command command, const char* name, const char* description) {
    CLI::App& added = *pmd_.add_subcommand(name, description);
    added.add_option("--host", arguments_.host, "Host of the PMD")->capture_default_str();
    added.add_option("--port", arguments_.port, "Port of the PMD")->capture_default_str()->check(CLI::Range(1, 65535));
    added.callback([this, command] { arguments_.command = command; });
    return added;
  }

  CLI::App& add_command(Command command, const char* name, const char* description) {
    CLI::App& added = add_place(command, name, description);
    added.add_flag("--json", arguments_.is_json, "Print one JSON object, for errors too");
    return added;
  }

  void add_start() {
    CLI::App& start = add_place(Command::start, "start", "Start a PMD in the background");
    const CLI::Range seconds(0.001, 1e9);
    ttl_ = start.add_option("--ttl", texts_.ttl_s, "Seconds after which a silent node is forgotten")->check(seconds);
    idle_exit_ = start.add_option("--idle-exit", texts_.idle_exit_s, "Seconds without any node after which it ends")
                     ->check(seconds);
    start.add_option("--log-level", arguments_.log_level, "How much it logs")
        ->check(CLI::IsMember({"error", "warn", "info", "debug"}));
  }

  CLI::App app_{"distflow: nodes that find each other by name and exchange messages", "distflow"};
  CLI::App& pmd_{*app_.add_subcommand("pmd", "The port mapper daemon, which knows the nodes by name")};
  Arguments arguments_;
  StartTexts texts_;
  CLI::Option* ttl_ = nullptr;
  CLI::Option* idle_exit_ = nullptr;
};

}  // namespace

ParsedArguments parse_arguments(int argc, const char* const* argv) { return Parser().parse(argc, argv); }

}  // namespace distflow::cli
