#include "bench/report/doubts.hpp"

#include <cstdlib>

#include "bench/report/format.hpp"

namespace distflow::bench::report {

std::vector<std::string> doubts_of(const Results& results) {
  std::vector<std::string> doubts;
  if (results.load_before && *results.load_before > kQuietLoad) {
    doubts.push_back("The machine was busy before the run began: its load was " + format_digits(*results.load_before) +
                     " on " + results.cores + " cores.");
  }
  if (results.steal && *results.steal > kStealMax) {
    doubts.push_back("Others had " + format_digits(100 * *results.steal) +
                     " % of the processors’ time during the run: it was stolen from this virtual machine.");
  }
  for (const auto& [name, value] : results.settings) {
    const double rounds = std::strtod(value.c_str(), nullptr);
    if (name == "pairs" && rounds < kRoundsToQuote) {
      doubts.push_back("Few rounds: " + value + ", where a figure to quote needs " + format_fixed(kRoundsToQuote, 0) +
                       ".");
    }
  }
  return doubts;
}

}  // namespace distflow::bench::report
