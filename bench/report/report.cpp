#include "bench/report/report.hpp"

#include <fstream>
#include <iostream>

#include "bench/report/compare.hpp"
#include "bench/report/doubts.hpp"
#include "bench/report/html_page.hpp"
#include "bench/report/html_ratios.hpp"
#include "bench/report/results_file.hpp"

namespace distflow::bench {

int run_report(const std::string& results_path, const std::string& html_path) {
  const report::Loaded loaded = report::load_results(results_path);
  if (!loaded.results) {
    std::cerr << loaded.problem << '\n';
    return kUnusableFile;
  }
  std::ofstream page(html_path, std::ios::binary);
  page << report::html_page(*loaded.results);
  page.close();
  if (!page) {
    std::cerr << html_path << ": cannot be written\n";
    return kUnusableFile;
  }
  // For whoever quotes the page, so that text and picture say the same.
  std::cout << report::score_of(*loaded.results).text() << '\n';
  for (const std::string& doubt : report::doubts_of(*loaded.results)) std::cout << doubt << '\n';
  return 0;
}

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
