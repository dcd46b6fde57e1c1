#include "cli/dead_letters.hpp"

#include <fmt/format.h>

#include <array>
#include <thread>
#include <utility>

#include <distflow/printable.hpp>

#include "cli/exit_code.hpp"
#include "cli/node_table.hpp"
#include "cli/report.hpp"
#include "cli/table.hpp"
#include "io/clock.hpp"
#include "protocol/json_members.hpp"
#include "protocol/json_write.hpp"

namespace distflow::cli {
namespace {

using protocol::decode_integer;
using protocol::decode_string;
using protocol::find_members;

constexpr const char* kUnreadable = "what it tells cannot be read";
/// For all parts: as many letters as a node may keep take half of it.
constexpr base::Duration kReadingMax = base::seconds(60);
/// A node answers so many questions a second, and begins anew with the next one.
constexpr base::Duration kBusyPause = base::milliseconds(50);
constexpr const char* kOld = "it, or its PMD, is of a version that tells of no dead letters";

std::uint64_t to_count(std::string_view json) {
  const auto count = decode_integer(json);
  return count && *count > 0 ? static_cast<std::uint64_t>(*count) : 0;
}

std::string why(const Result<pmd::ToldStats>& told) {
  if (!told) return told.error() == Errc::node_not_found ? "it has left" : told.error().message();
  return printable(told->refusal);
}

/// What a node answers instead of letters, for a person to read.
std::string said_refusal(std::string_view json) {
  const std::string reason = printable(decode_string(json).value_or(""));
  return reason.empty() ? kUnreadable : reason;
}

/// False where it is none.
bool read_letter(std::string_view json, ToldLetter& letter) {
  constexpr std::array<std::string_view, 8> names = {"number",  "at",     "sent_at", "to",
                                                     "node_id", "reason", "size",    "text"};
  const auto found = find_members(json, names);
  if (!found) return false;
  const auto& [number, at, sent_at, to, node_id, reason, size, text] = *found;
  letter = {.number = to_count(number),
            .at_ms = decode_integer(at).value_or(0),
            .sent_at_ms = decode_integer(sent_at).value_or(0),
            .to = decode_string(to).value_or(""),
            .node_id = decode_string(node_id).value_or(""),
            .reason = decode_string(reason).value_or(""),
            .size = to_count(size),
            .text = decode_string(text).value_or("")};
  return letter.number > 0;
}

std::string letter_json(const ToldLetter& letter) {
  std::string json =
      fmt::format(R"({{"number":{},"at":{},"sentAt":{},"to":)", letter.number, letter.at_ms, letter.sent_at_ms);
  protocol::append_json_string(json, letter.to);
  if (!letter.node_id.empty()) {
    json += R"(,"nodeId":)";
    protocol::append_json_string(json, letter.node_id);
  }
  json += R"(,"reason":)";
  protocol::append_json_string(json, letter.reason);
  json += fmt::format(R"(,"size":{},"text":)", letter.size);
  protocol::append_json_string(json, letter.text);
  return json += '}';
}

std::string letters_json(const protocol::NodeInfo& node, const std::vector<ToldLetter>& letters) {
  std::string json = R"({"node":)";
  protocol::append_node(json, node);
  json += R"(,"letters":[)";
  for (const ToldLetter& letter : letters) {
    if (&letter != letters.data()) json += ',';
    json += letter_json(letter);
  }
  return json += "]}";
}

Report untold(const Arguments& arguments, const std::string& reason) {
  return report_failure(
      arguments, kExitNo, "untold",
      fmt::format("Node '{}' does not tell its dead letters: {}.", printable(arguments.name), reason),
      "Only the node's user and root are told, by nodes of this version whose option introspection is not off, through "
      "a PMD that runs as that user or as root.");
}

/// The order went out, and its outcome did not come.
Report unknown_outcome(const Arguments& arguments, const std::string& reason) {
  return report_failure(
      arguments, kExitNo, "untold",
      fmt::format("It is not known whether node '{}' has sent its dead letters again: {}.", printable(arguments.name),
                  reason),
      "Those that it has sent are not among its dead letters any more: look at these before you ask again.");
}

}  // namespace

Report redrive_letters(const Arguments& arguments, const protocol::NodeInfo& node, const AskOnce& ask) {
  const Result<pmd::ToldStats> told = ask({.node_id = node.node_id, .what = protocol::StatsKind::redrive});
  if (!told || told->refusal == protocol::kStatsUnanswered) return unknown_outcome(arguments, why(told));
  if (!told->refusal.empty()) return untold(arguments, why(told));
  const auto found = find_members(told->json, std::array<std::string_view, 3>{"redriven", "kept", "refused"});
  if (!found) return unknown_outcome(arguments, kUnreadable);
  const auto& [redriven, kept, refused] = *found;
  if (!refused.empty()) return untold(arguments, said_refusal(refused));
  if (redriven.empty()) return untold(arguments, kOld);
  return report_redriven(arguments, node, to_count(redriven), to_count(kept));
}

std::string read_letters(const AskOnce& ask, const std::string& node_id, base::Instant until,
                         std::vector<ToldLetter>& letters) {
  std::uint64_t after = 0;
  do {
    const Result<pmd::ToldStats> told =
        ask({.node_id = node_id, .after = after, .what = protocol::StatsKind::dead_letters});
    if (told && told->refusal == protocol::kStatsBusy && io::system_now() + kBusyPause < until) {
      std::this_thread::sleep_for(kBusyPause);
      continue;  // the same part: there may be many, and others ask as well
    }
    if (!told || !told->refusal.empty()) return why(told);
    const auto found = find_members(told->json, std::array<std::string_view, 3>{"dead_letters", "next", "refused"});
    if (!found) return kUnreadable;
    const auto& [list, next, refused] = *found;
    if (!refused.empty()) return said_refusal(refused);
    if (list.empty()) return kOld;
    const std::size_t before = letters.size();
    const bool is_read = protocol::for_each_element(list, [&letters](std::string_view json) {
      ToldLetter letter;
      if (letters.size() >= kLettersMax || !read_letter(json, letter)) return false;
      letters.push_back(std::move(letter));
      return true;
    });
    if (!is_read) return kUnreadable;
    const std::uint64_t following = to_count(next);
    if (following <= after) return {};
    if (letters.size() == before) return kUnreadable;
    after = following;
  } while (io::system_now() < until);
  return "it has not told all of them in time";
}

Report report_letters(const Arguments& arguments, const protocol::NodeInfo& node,
                      const std::vector<ToldLetter>& letters, std::int64_t now_ms, const Screen& screen) {
  if (arguments.is_json) return {.exit_code = kExitSuccess, .out = json_line(letters_json(node, letters)), .err = {}};
  std::string out = fmt::format("{} dead {} of '{}' ({})\n", letters.size(), letters.size() == 1 ? "letter" : "letters",
                                printable(name_of(node)), printable(node.node_id));
  if (letters.empty()) return {.exit_code = kExitSuccess, .out = out, .err = {}};
  Table table({"DROPPED", "TO", "REASON", "BYTES", "TEXT"});
  for (const ToldLetter& letter : letters) {
    table.add({to_age(letter.at_ms, now_ms), printable(letter.to), printable(letter.reason),
               fmt::format("{}", letter.size), printable(letter.text) + (letter.text.size() < letter.size ? "…" : "")});
  }
  return {.exit_code = kExitSuccess, .out = out + table.text(screen), .err = {}};
}

Report report_read(const Arguments& arguments, const protocol::NodeInfo& node, const std::vector<ToldLetter>& letters,
                   const std::string& why_not_all, std::int64_t now_ms, const Screen& screen) {
  if (why_not_all.empty()) return report_letters(arguments, node, letters, now_ms, screen);
  if (letters.empty()) return untold(arguments, why_not_all);
  Report report = report_failure(
      arguments, kExitNo, "incomplete",
      fmt::format("Node '{}' has more dead letters than these: {}.", printable(arguments.name), why_not_all),
      "A node answers 200 such questions a second: ask again when nobody else asks.");
  report.out = report_letters(arguments, node, letters, now_ms, screen).out;
  return report;
}

Report report_redriven(const Arguments& arguments, const protocol::NodeInfo& node, std::uint64_t redriven,
                       std::uint64_t kept) {
  const int exit_code = kept == 0 ? kExitSuccess : kExitNo;
  if (arguments.is_json) {
    std::string json = R"({"node":)";
    protocol::append_node(json, node);
    json += fmt::format(R"(,"redriven":{},"kept":{}}})", redriven, kept);
    return {.exit_code = exit_code, .out = json_line(json), .err = {}};
  }
  std::string out = fmt::format("{} sent again by '{}'", redriven, printable(name_of(node)));
  if (kept > 0) out += fmt::format(", {} kept: their names are still unknown, or there is no room", kept);
  return {.exit_code = exit_code, .out = out + "\n", .err = {}};
}

Report dead_letters(const Arguments& arguments, pmd::BlockingClient& client, const Screen& screen) {
  const Result<protocol::NodeInfo> node = client.resolve(arguments.name);
  if (!node) return report_error(arguments, node.error());
  const AskOnce ask = [&client](const pmd::StatsQuestion& question) { return client.stats({question}).front(); };
  if (arguments.is_redriving) return redrive_letters(arguments, *node, ask);
  std::vector<ToldLetter> letters;
  const base::Instant until = base::saturating_add(io::system_now(), kReadingMax);
  const std::string reason = read_letters(ask, node->node_id, until, letters);
  return report_read(arguments, *node, letters, reason, io::system_wall_ms(), screen);
}

}  // namespace distflow::cli
