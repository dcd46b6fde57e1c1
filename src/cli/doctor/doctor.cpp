#include "cli/doctor/doctor.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/escape.hpp"
#include "cli/exit_code.hpp"
#include "protocol/json_write.hpp"

namespace distflow::cli {
namespace {

constexpr std::array kChecks{
    Check{"pmd", check_pmd},     Check{"addresses", check_addresses},
    Check{"clock", check_clock}, Check{"locks", check_locks},
    Check{"ipv6", check_ipv6},   Check{"descriptors", check_descriptors},
    Check{"ports", check_ports}, Check{"memory", check_memory},
    Check{"uring", check_uring}, Check{"congestion", check_congestion},
    Check{"load", check_load},
};

struct Examined {
  const char* name;
  Outcome outcome;
};

bool is_problem(const Finding& finding) { return finding.severity == Severity::problem; }

/// "ok", "hint", "problem", "unchecked": the worst of it.
std::string_view verdict_on(const Outcome& outcome) {
  if (!outcome.unchecked.empty()) return "unchecked";
  if (std::any_of(outcome.findings.begin(), outcome.findings.end(), is_problem)) return "problem";
  return outcome.findings.empty() ? "ok" : "hint";
}

Style style_of(std::string_view verdict) {
  if (verdict == "problem") return Style::bad;
  return verdict == "ok" ? Style::good : Style::faint;
}

std::string to_text(const Examined& examined, const Screen& screen) {
  const std::string_view verdict = verdict_on(examined.outcome);
  const Outcome& outcome = examined.outcome;
  std::string text = styled(screen, style_of(verdict), fmt::format("{:<9}", verdict));
  text += fmt::format("  {:<11}  {}\n", examined.name, outcome.unchecked.empty() ? outcome.seen : outcome.unchecked);
  for (const Finding& finding : outcome.findings)
    text += fmt::format("           {:<11}  {}\n           {:<11}  > {}\n", "", finding.what, "", finding.remedy);
  return text;
}

void append_member(std::string& json, std::string_view name, std::string_view value) {
  json += fmt::format(R"("{}":)", name);
  protocol::append_json_string(json, value);
}

std::string to_json(const Examined& examined) {
  std::string json = "{";
  append_member(json, "name", examined.name);
  append_member(json += ',', "verdict", verdict_on(examined.outcome));
  if (!examined.outcome.seen.empty()) append_member(json += ',', "seen", examined.outcome.seen);
  if (!examined.outcome.unchecked.empty()) append_member(json += ',', "why", examined.outcome.unchecked);
  json += R"(,"findings":[)";
  for (const Finding& finding : examined.outcome.findings) {
    if (json.back() != '[') json += ',';
    append_member(json += '{', "severity", is_problem(finding) ? "problem" : "hint");
    append_member(json += ',', "what", finding.what);
    append_member(json += ',', "remedy", finding.remedy);
    json += '}';
  }
  return json + "]}";
}

}  // namespace

std::span<const Check> all_checks() { return kChecks; }

Report examine(const Arguments& arguments, SystemView& system, const Screen& screen) {
  std::vector<Examined> all;
  std::size_t problem_count = 0;
  std::size_t hint_count = 0;
  for (const Check& check : all_checks()) {
    all.push_back({check.name, check.run(system)});
    for (const Finding& finding : all.back().outcome.findings) ++(is_problem(finding) ? problem_count : hint_count);
  }
  Report report{.exit_code = problem_count == 0 ? kExitSuccess : kExitNo, .out = {}, .err = {}};
  if (arguments.is_json) {
    std::string checks;
    for (const Examined& one : all) checks += (checks.empty() ? "" : ",") + to_json(one);
    report.out = base::printable_json(
                     fmt::format(R"({{"problems":{},"hints":{},"checks":[{}]}})", problem_count, hint_count, checks)) +
                 "\n";
    return report;
  }
  for (const Examined& one : all) report.out += to_text(one, screen);
  report.out += fmt::format("\n{} problem{}, {} hint{}.\n", problem_count, problem_count == 1 ? "" : "s", hint_count,
                            hint_count == 1 ? "" : "s");
  return report;
}

}  // namespace distflow::cli
