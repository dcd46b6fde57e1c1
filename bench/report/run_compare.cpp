#include "bench/report/run_compare.hpp"

#include <iostream>

#include "bench/report/compare.hpp"
#include "bench/report/results_file.hpp"

namespace distflow::bench {

int run_compare(const std::string& old_path, const std::string& new_path) {
  const report::Loaded before = report::load_results(old_path);
  const report::Loaded after = report::load_results(new_path);
  for (const report::Loaded* loaded : {&before, &after}) {
    if (!loaded->results) std::cerr << loaded->problem << '\n';
  }
  if (!before.results || !after.results) return kUnusableFile;
  const report::Comparison comparison = report::compare(*before.results, *after.results);
  std::cout << report::comparison_text(comparison);
  return comparison.has_worse() ? kSomethingWorse : kNothingWorse;
}

}  // namespace distflow::bench
