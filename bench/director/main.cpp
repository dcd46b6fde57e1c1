// distflow-bench: the director of all benchmarks, and what becomes of their results.
#include <cstdio>
#include <exception>
#include <variant>

#include "bench/director/arguments.hpp"
#include "bench/director/run.hpp"
#include "bench/report/run_compare.hpp"

namespace {

constexpr int kFailed = 3;  // by a fault that is neither a contestant's nor a file's

}  // namespace

int main(int argc, char** argv) try {
  using namespace distflow::bench;
  const ParsedArguments parsed = parse_arguments(argc, argv);
  if (const auto* compare = std::get_if<CompareArguments>(&parsed)) {
    return run_compare(compare->old_path, compare->new_path);
  }
  if (const auto* arguments = std::get_if<Arguments>(&parsed)) return run(*arguments);
  return std::get<int>(parsed);
} catch (const std::exception& error) {
  std::fprintf(stderr, "distflow-bench: %s\n", error.what());
  return kFailed;
}
