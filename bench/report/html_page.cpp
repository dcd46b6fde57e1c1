#include "bench/report/html_page.hpp"

#include "bench/report/doubts.hpp"
#include "bench/report/html_ratios.hpp"
#include "bench/report/html_row.hpp"
#include "bench/report/html_style.hpp"
#include "bench/report/html_text.hpp"
#include "bench/report/palette.hpp"

namespace distflow::bench::report {
namespace {

std::string fact(std::string_view name, const std::string& value) {
  return element("dt", "", name) + element("dd", "", value);
}

/// "2026-11-25T15:20:00Z" without what only a program needs; any other text as it is.
std::string readable_date(std::string date) {
  if (date.size() != 20 || date[10] != 'T' || date[19] != 'Z') return date;
  date[10] = ' ';
  return date.substr(0, 16) + " UTC";
}

std::string settings_of(const Results& results) {
  std::string text;
  for (const auto& [name, value] : results.settings) {
    text.append(text.empty() ? "" : ", ").append(name).append(" ").append(value);
  }
  return text;
}

std::string header(const Results& results) {
  std::string html = "<header><h1>distflow, measured</h1>" + element("span", "unit", readable_date(results.date));
  html += "<dl class=\"facts\">" + fact("commit", results.commit);
  html += fact("machine", results.cpu + ", " + results.cores + " cores, " + results.kernel);
  html += fact("settings", settings_of(results));
  html += "<dt>command</dt><dd>" + element("code", "", results.command) + "</dd></dl>";
  for (const std::string& doubt : doubts_of(results)) html += element("p", "doubt", doubt);
  return html + "</header>\n";
}

}  // namespace

std::string html_page(const Results& results) {
  const Palette palette(results);
  std::string html =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
      "<meta name=\"color-scheme\" content=\"light dark\"><title>distflow, measured</title>\n<style>";
  html += kStyle;
  html += "</style></head>\n<body><main>\n" + header(results) + html_summary(results) + "\n";
  for (std::size_t i = 0; i < results.rows.size(); ++i) html += html_row(results.rows[i], palette, row_id(i));
  html +=
      "<footer>Contestants took turns, block by block, in one run; what counts are the ratios. CPU time is that of all "
      "of a "
      "contestant’s processes, for each message or round trip.</footer>\n</main></body></html>\n";
  return html;
}

}  // namespace distflow::bench::report
