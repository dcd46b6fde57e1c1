// Rows that are points of a curve, gathered into the curve's row.
//
// Pure; any thread.
// Use: GrowthRows growth; growth.note(plan, row); for (Row& row : growth.rows()) ...
#pragma once

#include <vector>

#include "bench/director/row.hpp"

namespace distflow::bench {

class GrowthRows {
 public:
  /// Adds what came of a plan, if it is a point of a curve: each entry's median and memory.
  void note(const RowPlan& plan, const Row& row);
  /// One for each curve of two points or more, in the order in which they began.
  [[nodiscard]] std::vector<Row> rows() const;

 private:
  std::vector<Row> rows_;
};

}  // namespace distflow::bench
