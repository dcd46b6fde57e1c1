#include "cli/arguments.hpp"

#include <distflow/printable.hpp>
#include <distflow/version.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <sstream>
#include <string_view>
#include <vector>

#include "cli/exit_code.hpp"
#include "cli/option_names.hpp"
#include "cli/report.hpp"
#include "cli/suggestion.hpp"
#include "cli/top.hpp"
#include "pmd/pmd_address.hpp"

namespace distflow::cli {
namespace {

constexpr const char* kExitCodes =
    "Exit codes: 0 success, 1 the answer is no (not found, refused), 2 wrong usage, 3 the PMD can't be reached,\n"
    "4 the answer can't be written.\n"
    "DISTFLOW_PMD_ADDR=HOST:PORT says where the PMD is, unless --host and --port do.";

/// Durations as they are typed: seconds.
struct DurationTexts {
  double ttl_s = 0;
  double idle_exit_s = 0;
  double timeout_s = 0;
  double interval_s = 0;
};

constexpr double kAskMaxSeconds = 86'400;  // a node takes no longer one
constexpr base::Duration kBetweenPings = base::milliseconds(100);

base::Duration from_seconds(double count) {
  return std::chrono::duration_cast<base::Duration>(std::chrono::duration<double>(count));
}

bool wants_json(int argc, const char* const* argv) {
  return std::find(argv, argv + argc, std::string_view("--json")) != argv + argc;
}

std::string version_line() { return "distflow " + std::string(kVersion) + "\n"; }

std::vector<std::string> commands_of(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(command->get_name());
  return names;
}

class Parser {
 public:
  Parser() {
    app_.set_version_flag("--version", "distflow " + std::string(kVersion), "Print the version and end");
    app_.footer(kExitCodes);
    app_.require_subcommand(0, 1);
    pmd_.require_subcommand(0, 1);
    pmd_.footer(kExitCodes);
    version_.callback([this] { wants_version_ = true; });
    add_nodes();
    CLI::App& node = add_command(app_, Command::node, "node", "Show the counters of a node and of its peers");
    node.add_option("NAME", arguments_.name, "An alias or a nodeId")->required();
    add_top();
    add_command(app_, Command::audit, "audit", "Compare both ends of each link: what was lost where, and why");
    add_dead_letters();
    add_metrics();
    add_ping();
    add_listen();
    add_send();
    add_ask();
    add_web();
    add_command(app_, Command::doctor, "doctor", "Look for what may keep nodes from working, and say what to do");
    add_start();
    add_command(pmd_, Command::status, "status", "Say whether a PMD runs, and how many nodes it has");
    add_command(pmd_, Command::list, "list", "List the registered nodes");
    CLI::App& resolve = add_command(pmd_, Command::resolve, "resolve", "Find a node by its alias or nodeId");
    resolve.add_option("NAME", arguments_.name, "An alias or a nodeId")->required();
    CLI::App& kill =
        add_command(pmd_, Command::kill, "kill", "Tell the PMD to end; refused while nodes are registered");
    kill.add_flag("--force", arguments_.is_forced, "End it although nodes are registered");
  }

  ParsedArguments parse(int argc, const char* const* argv) {
    wants_json_ = wants_json(argc, argv);
    try {
      app_.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return explain(error);
    }
    if (wants_version_) return Report{.exit_code = kExitSuccess, .out = version_line(), .err = {}};
    if (pmd_.parsed() && deepest() == &pmd_) return usage_error("A command is missing: one of " + listed(pmd_) + ".");
    if (ttl_->count() > 0) arguments_.ttl = from_seconds(texts_.ttl_s);
    if (idle_exit_->count() > 0) arguments_.idle_exit = from_seconds(texts_.idle_exit_s);
    for (const CLI::Option* timeout : timeouts_) {
      if (timeout->count() > 0) arguments_.timeout = from_seconds(texts_.timeout_s);
    }
    for (const CLI::Option* interval : intervals_) {
      if (interval->count() > 0) arguments_.interval = from_seconds(texts_.interval_s);
    }
    if (arguments_.command == Command::ping && texts_.interval_s == 0) arguments_.interval = kBetweenPings;
    arguments_.help = app_.help();
    return at_the_place();
  }

 private:
  CLI::App& add_place(CLI::App& parent, Command command, const char* name, const char* description) {
    CLI::App& added = *parent.add_subcommand(name, description);
    added.add_option("--host", arguments_.host, "Host of the PMD")->capture_default_str();
    added.add_option("--port", arguments_.port, "Port of the PMD")->capture_default_str()->check(CLI::Range(1, 65535));
    added.callback([this, command] { arguments_.command = command; });
    return added;
  }

  CLI::App& add_command(CLI::App& parent, Command command, const char* name, const char* description) {
    CLI::App& added = add_place(parent, command, name, description);
    added.add_flag("--json", arguments_.is_json, "Print one JSON object, for errors too");
    return added;
  }

  void add_nodes() {
    CLI::App& nodes = add_command(app_, Command::nodes, "nodes", "Show the nodes, one line each, by name");
    nodes.add_option("PATTERN", arguments_.nodes.pattern,
                     "Only nodes whose alias or nodeId matches: * any text, ? one byte; without either, contains it");
    nodes.add_option("--limit", arguments_.nodes.limit, "At most so many nodes")->check(CLI::Range(1, 1'000'000));
    nodes.add_option("--after", arguments_.nodes.after, "Only names after this one: the next page");
    nodes.add_flag("--watch", arguments_.is_watching, "Go on, and print who joins and leaves")
        ->excludes(nodes.get_option("--limit"))
        ->excludes(nodes.get_option("--after"));
  }

  void add_listen() {
    CLI::App& listen =
        add_place(app_, Command::listen, "listen", "Be a node, and print each message as a line of JSON");
    listen.add_option("--as", arguments_.name, "The alias that others send to")
        ->required()
        ->check([](const std::string& name) { return name.empty() ? std::string("the alias is empty") : ""; });
    listen.add_option("--count", arguments_.count, "End after so many messages")->check(CLI::PositiveNumber);
  }

  void add_send() {
    CLI::App& send = add_command(app_, Command::send, "send", "Send messages to a node");
    send.add_option("NAME", arguments_.name, "An alias or a nodeId")->required();
    send.add_option("JSON", arguments_.payload, "The message; or -, for one on each line of the standard input")
        ->required();
    add_timeout(send, 1e6, "Seconds to wait until all have left; 5 if not given");
  }

  void add_ask() {
    CLI::App& ask = add_command(app_, Command::ask, "ask", "Ask a node, and print its reply");
    ask.add_option("NAME", arguments_.name, "An alias or a nodeId")->required();
    ask.add_option("JSON", arguments_.payload, "The question")->required();
    add_timeout(ask, kAskMaxSeconds, "Seconds to wait for the reply; 5 if not given");
  }

  void add_timeout(CLI::App& command, double max, const char* description) {
    timeouts_.push_back(command.add_option("--timeout", texts_.timeout_s, description)->check(CLI::Range(0.001, max)));
  }

  void add_dead_letters() {
    CLI::App& letters = add_command(app_, Command::dead_letters, "dead-letters",
                                    "Show what a node accepted and could not deliver, and why");
    letters.add_option("NAME", arguments_.name, "An alias or a nodeId")->required();
    letters.add_flag("--redrive", arguments_.is_redriving, "Have the node send them again, each at most once");
  }

  void add_web() {
    CLI::App& web = add_place(app_, Command::web, "web", "Give the address of the PMD's page, and open it if need be");
    web.add_option("--web-port", arguments_.web_port,
                   "Port of 127.0.0.1 for the page, where there is none yet; 4370 if not given")
        ->check(CLI::Range(1, 65535));
  }

  void add_metrics() {
    CLI::App& metrics = add_place(app_, Command::metrics, "metrics", "Print the counters of all nodes for Prometheus");
    metrics.add_option("NAME", arguments_.name, "Only of this node: an alias or a nodeId")
        ->check([](const std::string& name) { return name.empty() ? std::string("the name is empty") : ""; });
  }

  void add_ping() {
    CLI::App& ping =
        add_command(app_, Command::ping, "ping", "Measure the way to a node and back, without its application's code");
    ping.add_option("NAME", arguments_.name, "An alias or a nodeId")->required();
    ping.add_option("--count", arguments_.count, "How many; 10 if not given")->check(CLI::Range(1, 1'000'000));
    intervals_.push_back(ping.add_option("--interval", texts_.interval_s, "Seconds between two; 0.1 if not given")
                             ->check(CLI::Range(0.0001, 3600.0)));
    add_timeout(ping, kAskMaxSeconds, "Seconds to wait for each answer; 5 if not given");
  }

  void add_top() {
    CLI::App& top = add_command(app_, Command::top, "top", "Show all nodes at work: what they send, receive and drop");
    top.add_option("--sort", arguments_.sort, "The column to sort by, the greatest first")
        ->check(CLI::IsMember(top_columns()))
        ->capture_default_str();
    intervals_.push_back(top.add_option("--interval", texts_.interval_s, "Seconds between two looks; 1 if not given")
                             ->check(CLI::Range(0.1, 3600.0)));
    top.add_option("--count", arguments_.count, "End after so many rounds; 1 where the output is no terminal")
        ->check(CLI::PositiveNumber);
  }

  void add_start() {
    CLI::App& start = add_place(pmd_, Command::start, "start", "Start a PMD in the background");
    const CLI::Range seconds(0.001, 1e9);
    ttl_ = start.add_option("--ttl", texts_.ttl_s, "Seconds after which a silent node is forgotten")->check(seconds);
    idle_exit_ =
        start.add_option("--idle-exit", texts_.idle_exit_s, "Seconds without any connection after which it ends")
            ->check(seconds);
    start.add_option("--log-level", arguments_.log_level, "How much it logs")
        ->check(CLI::IsMember({"error", "warn", "info", "debug"}));
    start
        .add_option("--web-port", arguments_.web_port,
                    "Port of 127.0.0.1 to serve a page, health, metrics, nodes and events at over HTTP; else none")
        ->check(CLI::Range(1, 65535));
  }

  /// The command that was got to.
  [[nodiscard]] const CLI::App* deepest() const {
    const CLI::App* app = &app_;
    while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
    return app;
  }

  static std::string listed(const CLI::App& app) {
    std::string text;
    for (const std::string& name : commands_of(app)) text += (text.empty() ? "" : ", ") + name;
    return text;
  }

  /// What is written where an option was left out, the variable's or the default, in its place.
  ParsedArguments at_the_place() {
    const CLI::App* const command = deepest();
    const auto is_given = [command](const char* name) {
      const CLI::Option* const option = command->get_option_no_throw(name);
      return option != nullptr && option->count() > 0;
    };
    if (is_given("--host") && is_given("--port")) return arguments_;
    const Result<pmd::PmdAddress> address = pmd::pmd_address_from_environment();
    if (!address) return usage_error(std::string(address.error().doing) + ".");
    if (!is_given("--host")) arguments_.host = address->host;
    if (!is_given("--port")) arguments_.port = address->port;
    return arguments_;
  }

  Report explain(const CLI::ParseError& error) {
    std::ostringstream out;
    std::ostringstream err;
    if (app_.exit(error, out, err) == 0) return {.exit_code = kExitSuccess, .out = out.str(), .err = {}};
    // A word that is unknown is what is wrong, whatever else is missing because of it.
    const std::vector<std::string> unknown = app_.remaining(true);
    return usage_error(unknown.empty() ? error.what() : explain_unknown(unknown.front()));
  }

  std::string explain_unknown(const std::string& word) const {
    const CLI::App& app = *deepest();
    const bool is_option = word.starts_with('-');
    std::vector<std::string> known = is_option ? options_of(app) : commands_of(app);
    if (!is_option && known.empty()) return "Unexpected argument '" + printable(word) + "'.";
    std::string text = std::string(is_option ? "Unknown option '" : "Unknown command '") + printable(word) + "'.";
    const std::string path = &app == &app_ ? "" : app.get_name() + " ";
    std::optional<std::string> meant = nearest_word(word, known);
    if (meant && !is_option) meant = path + *meant;
    if (&app == &app_ && !is_option) {
      // A command of the PMD's, without the word before it.
      const auto of_pmd = nearest_word(word, commands_of(pmd_));
      if (of_pmd && (!meant || *of_pmd == word)) meant = "pmd " + *of_pmd;
    }
    if (meant) text += " Did you mean '" + (is_option ? *meant : "distflow " + *meant) + "'?";
    return text;
  }

  [[nodiscard]] Report usage_error(const std::string& message) const {
    const CLI::App* const app = deepest();
    const std::string path = app == &app_ ? "" : app->get_name() + " ";
    const std::string parent = app == &app_ || app->get_parent() == &app_ ? "" : app->get_parent()->get_name() + " ";
    Report report{.exit_code = kExitUsage, .out = {}, .err = printable(message) + "\n"};
    report.err += "Run 'distflow " + parent + path + "--help' to see what there is.\n";
    if (wants_json_) report.out = usage_error_json(message);
    return report;
  }

  CLI::App app_{"distflow: nodes that find each other by name and exchange messages", "distflow"};
  CLI::App& pmd_{*app_.add_subcommand("pmd", "The port mapper daemon, which knows the nodes by name")};
  CLI::App& version_{*app_.add_subcommand("version", "Print the version and end")};
  Arguments arguments_;
  DurationTexts texts_;
  bool wants_version_ = false;
  bool wants_json_ = false;
  CLI::Option* ttl_ = nullptr;
  CLI::Option* idle_exit_ = nullptr;
  std::vector<CLI::Option*> timeouts_;
  std::vector<CLI::Option*> intervals_;
};

}  // namespace

ParsedArguments parse_arguments(int argc, const char* const* argv) { return Parser().parse(argc, argv); }

}  // namespace distflow::cli
