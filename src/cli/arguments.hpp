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

namespace distflow::cli {

enum class Command { start, status, list, resolve, kill };

struct Arguments {
  Command command = Command::status;
  std::string host = "127.0.0.1";
  std::uint16_t port = 4369;
  bool is_json = false;
  bool is_forced = false;             ///< of kill: although nodes are registered
  std::string name;                   ///< of resolve: an alias or a nodeId
  std::optional<base::Duration> ttl;  ///< of start, as the next two
  std::optional<base::Duration> idle_exit;
  std::string log_level;
};

/// What to run; or, when there is nothing to run (help, version, wrong usage), what to end with. What is to be said has
/// been said then.
using ParsedArguments = std::variant<Arguments, int>;

ParsedArguments parse_arguments(int argc, const char* const* argv);

}  // namespace distflow::cli
