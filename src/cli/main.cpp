// distflow: the command line.
#include <variant>

#include "cli/arguments.hpp"
#include "cli/commands.hpp"
#include "cli/console.hpp"

int main(int argc, char** argv) {
  using namespace distflow::cli;
  prepare_console();
  const ParsedArguments parsed = parse_arguments(argc, argv);
  const auto* const said = std::get_if<Report>(&parsed);
  return say("distflow", said != nullptr ? *said : run_command(std::get<Arguments>(parsed)));
}
