// Which colour a contestant has, the same on the whole page, and which dash, within a drawing.
//
// Built once, then constant; any thread.
//
//   1. Variants of distflow share its colour, and limits share theirs; dashes tell them apart, and the first has none.
//   2. Peers have colours of their own, chosen to differ for colour-blind people too, and dashes after the last colour.
//
// Use: const Palette palette(results); svg += "<path class=\"" + palette.css_class(row, entry.name) + "\" .../>";
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "bench/report/results.hpp"

namespace distflow::bench::report {

/// Whether a contestant is distflow itself, in whatever mode.
[[nodiscard]] bool is_ours(std::string_view name);
/// Whether a contestant is a limit: what the machine does with nothing in between.
[[nodiscard]] bool is_limit(std::string_view name);

class Palette {
 public:
  explicit Palette(const Results& results);

  /// Of an entry of the row, such as "series ours dash1"; the names are those of html_style.
  [[nodiscard]] std::string css_class(const Row& row, const std::string& name) const;

 private:
  std::map<std::string, std::size_t> peers_;  // in the order in which they appear
};

}  // namespace distflow::bench::report
