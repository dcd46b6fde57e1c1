// distflow: the command line.
#include <iostream>
#include <variant>

#include "cli/arguments.hpp"
#include "cli/commands.hpp"

int main(int argc, char** argv) {
  using namespace distflow::cli;
  const ParsedArguments parsed = parse_arguments(argc, argv);
  if (const int* exit_code = std::get_if<int>(&parsed)) return *exit_code;
  const Report report = run_command(std::get<Arguments>(parsed));
  std::cout << report.out << std::flush;
  std::cerr << report.err << std::flush;
  return report.exit_code;
}
