// The report: one page of HTML that needs nothing but itself.
//
// Pure functions; any thread.
//
//   1. No script and nothing from elsewhere: styles and drawings are in the page.
//   2. Every text of the results is escaped.
//
// Use: file << html_page(results);
#pragma once

#include <string>

#include "bench/report/results.hpp"

namespace distflow::bench::report {

[[nodiscard]] std::string html_page(const Results& results);

}  // namespace distflow::bench::report
