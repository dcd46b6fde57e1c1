#include "bench/report/results_file.hpp"

#include <rapidjson/document.h>
#include <rapidjson/error/en.h>

#include <algorithm>
#include <fstream>
#include <vector>

#include "bench/report/json_place.hpp"

namespace distflow::bench::report {
namespace {

constexpr unsigned kParseFlags =
    rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag | rapidjson::kParseValidateEncodingFlag;

/// Nothing if no block came through: the director then writes no median.
std::optional<Interval> read_interval(const JsonPlace& place) {
  if (!place.has("median")) return std::nullopt;
  return Interval{place.number("median"), place.number("low"), place.number("high")};
}

Points read_points(const JsonPlace& place, const char* name) {
  Points points;
  for (const JsonPlace& element : place.list(name)) {
    if (const auto point = element.pair()) points.push_back(*point);
  }
  return points;
}

Entry read_entry(const JsonPlace& place, Kind kind) {
  Entry entry;
  entry.name = place.text("name");
  if (kind == Kind::growth) {
    entry.points = read_points(place, "points");
  } else {
    entry.figure = read_interval(place);
  }
  return entry;
}

Ratio read_ratio(const JsonPlace& place) { return {place.text("of"), place.text("to"), read_interval(place)}; }

Kind read_kind(const JsonPlace& place) {
  const std::string kind = place.text("kind");
  if (kind == "latency") return Kind::latency;
  if (kind == "growth") return Kind::growth;
  if (kind != "throughput") place.complain("is of an unknown kind: '" + kind + "'");
  return Kind::throughput;
}

Row read_row(const JsonPlace& place) {
  Row row;
  row.name = place.text("name");
  row.kind = read_kind(place);
  row.unit = place.text("unit");
  const std::string better = place.text("better");
  if (better != "higher" && better != "lower") place.complain("has a 'better' that is neither 'higher' nor 'lower'");
  row.higher_is_better = better == "higher";
  if (row.kind == Kind::growth) row.x_name = place.text("x_name");
  for (const JsonPlace& entry : place.list("entries")) row.entries.push_back(read_entry(entry, row.kind));
  if (place.has("ratios")) {
    for (const JsonPlace& ratio : place.list("ratios")) row.ratios.push_back(read_ratio(ratio));
  }
  return row;
}

Results read_all(const JsonPlace& root) {
  Results results;
  const std::string format = root.text("format");
  if (format != kResultsFormat) {
    root.complain("has the format '" + format + "', and not '" + std::string(kResultsFormat) + "'");
    return results;
  }
  results.kernel = root.text("kernel");
  results.cpu = root.text("cpu");
  results.cores = root.text("cores");
  results.settings = root.object("settings").members();
  for (const JsonPlace& row : root.list("rows")) results.rows.push_back(read_row(row));
  return results;
}

std::string place_in(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const std::size_t line_begin = before.rfind('\n') + 1;  // npos + 1 is 0
  return "line " + std::to_string(line) + ", column " + std::to_string(before.size() - line_begin + 1);
}

}  // namespace

Loaded parse_results(std::string_view text) {
  rapidjson::Document document;
  document.Parse<kParseFlags>(text.data(), text.size());
  if (document.HasParseError()) {
    return {std::nullopt, "is not JSON: " + place_in(text, document.GetErrorOffset()) + ": " +
                              rapidjson::GetParseError_En(document.GetParseError())};
  }
  std::string problem;
  Results results = read_all(JsonPlace(document, problem));
  if (!problem.empty()) return {std::nullopt, problem};
  return {std::move(results), {}};
}

Loaded load_results(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text;
  std::vector<char> piece(64 * 1024);
  while (file.read(piece.data(), static_cast<std::streamsize>(piece.size())), file.gcount() > 0) {
    text.append(piece.data(), static_cast<std::size_t>(file.gcount()));
    if (text.size() > kResultsSizeMax) return {std::nullopt, path + ": is too large"};
  }
  if (!file.eof()) return {std::nullopt, path + ": cannot be read"};
  Loaded loaded = parse_results(text);
  if (!loaded.results) loaded.problem.insert(0, path + ": ");
  return loaded;
}

}  // namespace distflow::bench::report
