#include "bench/director/arguments.hpp"

#include <distflow/version.hpp>

#include <CLI/CLI.hpp>

#include <thread>

namespace distflow::bench {
namespace {

std::string joined(int argc, const char* const* argv) {
  std::string line = "distflow-bench";
  for (int i = 1; i < argc; ++i) line += std::string(" ") + argv[i];
  return line;
}

class Parser {
 public:
  Parser() {
    app_.set_version_flag("--version", "distflow-bench " + std::string(kVersion), "Print the version and end");
    app_.require_subcommand(1);
    add_latency();
    add_throughput();
    CLI::App& connections = add(Command::connections, "connections", "Echoes to many connections, and what they cost");
    add_mode(connections);
    connections.add_option("--connections", arguments_.connection_counts, "How many")
        ->capture_default_str()
        ->check(CLI::Range(1, 10'000));
    add(Command::pmd, "pmd", "The daemon: look-ups beside epmd, registrations, lists, events; 100 to 100,000 entries");
    add(Command::start, "start", "A node's start where no PMD runs, to registered");
    add(Command::mailbox, "mailbox", "Mailbox and codec beside what libraries offer");
    add(Command::backends, "backends", "io_uring against epoll");
    add(Command::limits, "limits", "All that has a target against the machine's limits");
    add(Command::peers, "peers", "All that has a target against other makes");
    add(Command::targets, "targets", "All that has a target");
    const auto add_path = [](CLI::App& command, const char* name, std::string& path, const char* description) {
      command.add_option(name, path, description)->required();
    };
    add_path(compare_, "OLD", compare_arguments_.old_path, "A file that --json has written");
    add_path(compare_, "NEW", compare_arguments_.new_path, "A later one");
  }

  ParsedArguments parse(int argc, const char* const* argv) {
    try {
      app_.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return app_.exit(error);
    }
    if (compare_.parsed()) return compare_arguments_;
    arguments_.command_line = joined(argc, argv);
    // Two processes on one processor would wait for each other, wherever they are put.
    if (std::thread::hardware_concurrency() < 2) arguments_.settings.pins = false;
    return arguments_;
  }

 private:
  CLI::App& add(Command command, const char* name, const char* description) {
    CLI::App& added = *app_.add_subcommand(name, description);
    RunSettings& settings = arguments_.settings;
    added.add_option("--pairs", settings.pairs, "Rounds of interleaved blocks; 30 for a figure to quote")
        ->capture_default_str()
        ->check(CLI::Range(1, 1000));
    added.add_option("--block", settings.block_s, "Seconds of a block")
        ->capture_default_str()
        ->check(CLI::Range(0.01, 60.0));
    added.add_flag("--pin,!--no-pin", settings.pins, "Drivers on processor 0, responders on 1; the default");
    added
        .add_option("--congestion", settings.congestion,
                    "TCP congestion control of all who can choose it; empty: the system's")
        ->capture_default_str();
    added.add_option("--only", arguments_.only, "Only rows whose name contains this");
    added.add_option("--json", arguments_.json_path, "Write the results to this file");
    added.callback([this, command] { arguments_.command = command; });
    return added;
  }

  void add_mode(CLI::App& command) {
    NodeMode& mode = arguments_.rows.mode;
    command.add_option("--threading", mode.threading, "Where handlers run")
        ->capture_default_str()
        ->check(CLI::IsMember({"inlined", "dispatcher", "caller"}));
    command.add_option("--backend", mode.backend, "The I/O backend")->check(CLI::IsMember({"auto", "epoll", "uring"}));
    command.add_flag("--tcp", mode.is_over_tcp, "Nodes share no memory: all messages go over TCP");
    const auto wait = [&mode](std::int64_t spins) { mode.wait = spins > 0 ? NodeWait::spinning : NodeWait::blocking; };
    command.add_flag_function("--spin,--no-spin{false}", wait,
                              "Nodes that run out of work look for more for 20 ms, or sleep at once; "
                              "otherwise they do as they always do");
  }

  void add_payloads(CLI::App& command) {
    command.add_option("--payload", arguments_.rows.payloads, "Bytes of the payload; may be several")
        ->capture_default_str()
        ->check(CLI::Range(2, 16 * 1024 * 1024));
  }

  void add_latency() {
    CLI::App& latency = add(Command::latency, "latency", "Round trips, one after the other, or at a rate");
    add_mode(latency);
    add_payloads(latency);
    latency.add_option("--rate", arguments_.rows.rate, "Messages a second, sent on a plan (open loop)")
        ->check(CLI::Range(1, 10'000'000));
  }

  void add_throughput() {
    CLI::App& throughput = add(Command::throughput, "throughput", "Messages one way");
    add_mode(throughput);
    add_payloads(throughput);
    throughput.add_option("--source-threading", arguments_.rows.mode.source_threading, "Of the nodes that send")
        ->capture_default_str()
        ->check(CLI::IsMember({"inlined", "dispatcher", "caller"}));
    throughput.add_option("--sources", arguments_.rows.sources, "Nodes that send")
        ->capture_default_str()
        ->check(CLI::Range(1, 64));
    throughput.add_option("--sinks", arguments_.rows.sinks, "Nodes that receive")
        ->capture_default_str()
        ->check(CLI::Range(1, 64));
  }

  CLI::App app_{"distflow beside the machine's limits and its peers: interleaved, with confidence intervals",
                "distflow-bench"};
  CLI::App& compare_{
      *app_.add_subcommand("compare", "What became better or worse beyond noise; ends with 1 if anything is worse")};
  Arguments arguments_;
  CompareArguments compare_arguments_;
};

}  // namespace

ParsedArguments parse_arguments(int argc, const char* const* argv) { return Parser().parse(argc, argv); }

}  // namespace distflow::bench
