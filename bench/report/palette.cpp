#include "bench/report/palette.hpp"

namespace distflow::bench::report {
namespace {

constexpr std::size_t kPeerColours = 5;
constexpr std::size_t kDashes = 4;

std::string with_dash(const std::string& css_class, std::size_t dash) {
  return dash % kDashes == 0 ? css_class : css_class + " dash" + std::to_string(dash % kDashes);
}

}  // namespace

bool is_ours(std::string_view name) { return name.starts_with("distflow"); }

bool is_limit(std::string_view name) {
  return name.starts_with("raw") || name.starts_with("ready-made") || name.find("limit") != std::string_view::npos;
}

Palette::Palette(const Results& results) {
  for (const Row& row : results.rows) {
    for (const Entry& entry : row.entries) {
      if (!is_ours(entry.name) && !is_limit(entry.name)) peers_.try_emplace(entry.name, peers_.size());
    }
  }
}

std::string Palette::css_class(const Row& row, const std::string& name) const {
  if (const auto peer = peers_.find(name); peer != peers_.end()) {
    return with_dash("series peer" + std::to_string(peer->second % kPeerColours), peer->second / kPeerColours);
  }
  std::size_t before = 0;  // of its kind, in this row
  for (const Entry& entry : row.entries) {
    if (entry.name == name) break;
    if (is_ours(name) ? is_ours(entry.name) : is_limit(entry.name)) ++before;
  }
  return with_dash(is_ours(name) ? "series ours" : "series limit", before);
}

}  // namespace distflow::bench::report
