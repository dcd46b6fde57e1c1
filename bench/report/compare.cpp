#include "bench/report/compare.hpp"

#include <algorithm>
#include <cmath>

#include "bench/report/format.hpp"

namespace distflow::bench::report {
namespace {

const Row* partner_of(const Row& row, const Results& results) {
  const auto matches = [&row](const Row& other) {
    return other.name == row.name && other.kind == row.kind && other.unit == row.unit &&
           other.higher_is_better == row.higher_is_better;
  };
  const auto found = std::find_if(results.rows.begin(), results.rows.end(), matches);
  return found == results.rows.end() ? nullptr : &*found;
}

const Entry* partner_of(const Entry& entry, const Row* row) {
  if (row == nullptr) return nullptr;
  const auto found = std::find_if(row->entries.begin(), row->entries.end(),
                                  [&](const Entry& other) { return other.name == entry.name; });
  return found == row->entries.end() ? nullptr : &*found;
}

/// Of the row, or of the noisiest row where it says nothing of its own.
double noise_of(const Row& row, const Results& results) {
  const auto widest = [](const Row& any, double so_far) {
    for (const Ratio& ratio : any.ratios) {
      if (ratio.is_noise() && ratio.figure) so_far = std::max(so_far, ratio.figure->high - ratio.figure->low);
    }
    return so_far;
  };
  double noise = widest(row, -1);
  if (noise >= 0) return noise;
  for (const Row& other : results.rows) noise = widest(other, noise);
  return std::max(noise, 0.);
}

std::optional<double> median_of(const Entry* entry) {
  if (entry == nullptr || !entry->figure) return std::nullopt;
  return entry->figure->median;
}

Verdict judge(const Interval& before, const Interval& after, double change, double noise, bool higher_is_better) {
  const bool overlap = after.low <= before.high && before.low <= after.high;
  if (overlap || std::abs(change) <= noise) return Verdict::within_noise;
  return (change > 0) == higher_is_better ? Verdict::better : Verdict::worse;
}

/// One of the two may be missing.
void compare_figures(const Row& row, const Entry* before, const Entry* after, double noise, Comparison& comparison) {
  const Entry& any = before != nullptr ? *before : *after;
  Change change{row.name, any.name, row.unit, median_of(before), median_of(after), Verdict::not_judged};
  if (!change.before && !change.after) return;
  if (!change.after) {
    change.verdict = Verdict::gone;
  } else if (!change.before) {
    change.verdict = Verdict::appeared;
  } else if (const auto fraction = change.fraction()) {
    change.verdict = judge(*before->figure, *after->figure, *fraction, noise, row.higher_is_better);
  }
  comparison.changes.push_back(std::move(change));
}

std::optional<double> value_at(const Points& points, double x) {
  for (const auto& [point_x, y] : points) {
    if (point_x == x) return y;
  }
  return std::nullopt;
}

void compare_points(const Row& row, const Entry* before, const Entry* after, Comparison& comparison) {
  const Entry none;
  const Points& before_points = (before != nullptr ? *before : none).points;
  const Points& after_points = (after != nullptr ? *after : none).points;
  const auto add = [&](double x, std::optional<double> from, std::optional<double> to) {
    const std::string name = (before != nullptr ? before : after)->name + ", " + format_tick(x, "") + " " + row.x_name;
    const Verdict verdict = !to ? Verdict::gone : !from ? Verdict::appeared : Verdict::not_judged;
    comparison.changes.push_back({row.name, name, row.unit, from, to, verdict});
  };
  for (const auto& [x, y] : before_points) add(x, y, value_at(after_points, x));
  for (const auto& [x, y] : after_points) {
    if (!value_at(before_points, x)) add(x, std::nullopt, y);
  }
}

std::string setting_of(const Results& results, const std::string& name) {
  for (const auto& [key, value] : results.settings) {
    if (key == name) return value;
  }
  return "none";
}

std::vector<std::string> warnings_of(const Results& before, const Results& after) {
  std::vector<std::string> warnings;
  const auto differ = [&](const std::string& what, const std::string& from, const std::string& to) {
    if (from != to) warnings.push_back(what + " differs: " + from + ", then " + to);
  };
  differ("the processor", before.cpu, after.cpu);
  differ("the number of cores", before.cores, after.cores);
  differ("the kernel", before.kernel, after.kernel);
  for (const auto& [name, value] : before.settings)
    differ("the setting '" + name + "'", value, setting_of(after, name));
  for (const auto& [name, value] : after.settings) {
    if (setting_of(before, name) == "none") differ("the setting '" + name + "'", "none", value);
  }
  return warnings;
}

}  // namespace

std::optional<double> Change::fraction() const {
  if (!before || !after || *before == 0) return std::nullopt;
  return *after / *before - 1;
}

bool Comparison::has_worse() const {
  return std::any_of(changes.begin(), changes.end(), [](const Change& c) { return c.verdict == Verdict::worse; });
}

Comparison compare(const Results& before, const Results& after) {
  Comparison comparison{warnings_of(before, after), {}};
  const auto compare_entry = [&](const Row& row, const Entry* from, const Entry* to, double noise) {
    if (row.kind == Kind::growth) {
      compare_points(row, from, to, comparison);
    } else {
      compare_figures(row, from, to, noise, comparison);
    }
  };
  for (const Row& row : before.rows) {
    const Row* const partner = partner_of(row, after);
    const double noise = std::max(noise_of(row, before), partner == nullptr ? 0 : noise_of(*partner, after));
    for (const Entry& entry : row.entries) compare_entry(row, &entry, partner_of(entry, partner), noise);
    if (partner == nullptr) continue;
    for (const Entry& entry : partner->entries) {
      if (partner_of(entry, &row) == nullptr) compare_entry(row, nullptr, &entry, noise);
    }
  }
  for (const Row& row : after.rows) {
    if (partner_of(row, before) != nullptr) continue;
    for (const Entry& entry : row.entries) compare_entry(row, nullptr, &entry, 0);
  }
  return comparison;
}

}  // namespace distflow::bench::report
