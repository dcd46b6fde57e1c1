// distflow-bench: the director of all benchmarks.
#include <variant>

#include "bench/director/arguments.hpp"
#include "bench/director/run.hpp"

int main(int argc, char** argv) {
  using namespace distflow::bench;
  const ParsedArguments parsed = parse_arguments(argc, argv);
  if (const int* exit_code = std::get_if<int>(&parsed)) return *exit_code;
  return run(std::get<Arguments>(parsed));
}
