#include "bench/director/growth.hpp"

#include <algorithm>
#include <iterator>
#include <string>

namespace distflow::bench {
namespace {

template <class Named>
Named& find_or_add(std::vector<Named>& all, const std::string& name) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const Named& each) { return each.name == name; });
  if (found != all.end()) return *found;
  all.emplace_back();
  all.back().name = name;
  return all.back();
}

}  // namespace

void GrowthRows::note(const RowPlan& plan, const Row& row) {
  if (!plan.point) return;
  Row& curve = find_or_add(rows_, plan.point->growth);
  curve.kind = Kind::growth;
  curve.unit = row.unit;
  curve.better = row.better;
  curve.payload = row.payload;
  curve.x_name = plan.point->x_name;
  for (const Entry& entry : row.entries) {
    const auto estimate = estimate_median(entry.values);
    if (!estimate) continue;
    Growth& growth = find_or_add(curve.growth, entry.name);
    growth.points.emplace_back(plan.point->x, estimate->median);
    growth.memory.emplace_back(plan.point->x, static_cast<double>(entry.memory_bytes));
  }
}

std::vector<Row> GrowthRows::rows() const {
  std::vector<Row> told;
  std::copy_if(rows_.begin(), rows_.end(), std::back_inserter(told), [](const Row& row) {
    return std::any_of(row.growth.begin(), row.growth.end(),
                       [](const Growth& growth) { return growth.points.size() > 1; });
  });
  return told;
}

}  // namespace distflow::bench
