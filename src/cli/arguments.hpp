// The command line of `distflow`, read into a value.
//
// One thread.
// Use: const ParsedArguments parsed = parse_arguments(argc, argv);
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "base/time.hpp"
#include "cli/console.hpp"
#include "pmd/pmd_address.hpp"

namespace distflow::cli {

enum class Command {
  overview,
  nodes,
  node,
  top,
  audit,
  dead_letters,
  metrics,
  ping,
  listen,
  send,
  ask,
  web,
  doctor,
  start,
  status,
  list,
  resolve,
  kill
};

/// Which nodes are to be shown.
struct NodesQuery {
  std::string pattern;      ///< cli/pattern.hpp
  std::uint32_t limit = 0;  ///< a page; 0: all
  std::string after;        ///< of the page before, the last name; empty: the first page
};

struct Arguments {
  Command command = Command::overview;
  std::string host = pmd::kDefaultHost;
  std::uint16_t port = pmd::kDefaultPort;
  bool is_json = false;
  bool is_forced = false;  ///< of kill: although nodes are registered
  std::string
      name;  ///< of resolve, node, metrics, dead_letters, ping, send, ask: an alias or nodeId; of listen: its own alias
  std::string payload;      ///< of send: JSON, or "-" for lines of the standard input; of ask: JSON
  std::uint64_t count = 0;  ///< of listen: how many messages, of top: rounds, of ping: pings; 0: not given
  base::Duration timeout = base::seconds(5);   ///< of send, ask and ping
  base::Duration interval = base::seconds(1);  ///< of top and ping
  std::string sort = "dropped";                ///< of top: a column
  bool is_redriving = false;                   ///< of dead_letters
  bool is_watching = false;                    ///< of nodes
  NodesQuery nodes;                            ///< of nodes
  std::optional<base::Duration> ttl;           ///< of start, as the next three; web_port of web, too
  std::optional<base::Duration> idle_exit;
  std::string log_level;
  std::optional<std::uint16_t> web_port;
  std::string help;  ///< of overview: what there is to type
};

/// What to run; or, when there is nothing to run (help, version, wrong usage), what to say and to end with.
using ParsedArguments = std::variant<Arguments, Report>;

/// Where --host and --port are not given, DISTFLOW_PMD_ADDR says the place; wrong usage where it cannot be read.
ParsedArguments parse_arguments(int argc, const char* const* argv);

}  // namespace distflow::cli
