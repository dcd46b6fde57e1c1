#include "bench/report/likeness.hpp"

#include <algorithm>
#include <utility>

namespace distflow::bench::report {
namespace {

constexpr const char* kOverTcp = ", TCP";

auto entry_named(std::vector<Entry>& entries, const std::string& name) {
  return std::find_if(entries.begin(), entries.end(), [&](const Entry& entry) { return entry.name == name; });
}

}  // namespace

bool is_through_memory(const Row& row, const std::string& name) {
  return std::any_of(row.entries.begin(), row.entries.end(),
                     [&](const Entry& entry) { return entry.name == name + kOverTcp; });
}

std::string shown_name(const Row& row, const std::string& name) {
  return is_through_memory(row, name) ? name + ", memory" : name;
}

bool is_memory_against_tcp(const Row& row, const Ratio& ratio) {
  return !ratio.is_noise() && is_through_memory(row, ratio.of) != is_through_memory(row, ratio.to);
}

std::string shown_name(const Row& row, const Ratio& ratio) {
  const std::string of = shown_name(row, ratio.of);
  if (ratio.is_noise()) return of + " against itself";
  const bool is_of_tcp = ratio.to.ends_with(kOverTcp);
  const char* const over = is_memory_against_tcp(row, ratio) && !is_of_tcp ? " over TCP" : "";
  return of + " ÷ " + shown_name(row, ratio.to) + over;
}

std::vector<Ratio> like_for_like_first(const Row& row) {
  std::vector<Ratio> ratios = row.ratios;
  std::stable_partition(ratios.begin(), ratios.end(),
                        [&](const Ratio& ratio) { return !is_memory_against_tcp(row, ratio); });
  return ratios;
}

std::vector<Entry> tcp_first(const Row& row) {
  std::vector<Entry> entries = row.entries;
  for (const Entry& entry : row.entries) {
    if (!is_through_memory(row, entry.name)) continue;
    const auto through_memory = entry_named(entries, entry.name);
    const auto over_tcp = entry_named(entries, entry.name + kOverTcp);
    if (through_memory < over_tcp) std::rotate(through_memory, over_tcp, over_tcp + 1);
  }
  return entries;
}

}  // namespace distflow::bench::report
