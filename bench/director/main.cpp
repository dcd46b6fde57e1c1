// distflow-bench: the director of all benchmarks, and what becomes of their results.
#include <variant>

#include "bench/director/arguments.hpp"
#include "bench/director/run.hpp"
#include "bench/report/report.hpp"

int main(int argc, char** argv) {
  using namespace distflow::bench;
  const ParsedArguments parsed = parse_arguments(argc, argv);
  if (const auto* report = std::get_if<ReportArguments>(&parsed)) {
    return run_report(report->results_path, report->html_path);
  }
  if (const auto* compare = std::get_if<CompareArguments>(&parsed)) {
    return run_compare(compare->old_path, compare->new_path);
  }
  if (const auto* arguments = std::get_if<Arguments>(&parsed)) return run(*arguments);
  return std::get<int>(parsed);
}
