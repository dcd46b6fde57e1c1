#include "pmd/web/figures_text.hpp"

#include <algorithm>

#include "pmd/web/json_count.hpp"
#include "protocol/json_write.hpp"

namespace distflow::pmd {
namespace {

/// Events a second, to one decimal: numbers of nodes are not trusted to be small.
std::string rate_text(std::uint64_t before, std::uint64_t now, std::uint64_t us) {
  if (now <= before || us == 0) return "0";
  const double rate = std::min(static_cast<double>(now - before) * 1e6 / static_cast<double>(us), 1e12);
  const auto tenths = (static_cast<std::uint64_t>(rate * 20) + 1) / 2;  // llround() would take libm to start
  return std::to_string(tenths / 10) + '.' + std::to_string(tenths % 10);
}

std::string head_of(std::string_view node_id) {
  std::string out = R"({"nodeId":)";
  protocol::append_json_string(out, node_id);
  return out;
}

}  // namespace

std::string told_text(std::string_view node_id, const ToldFigures& told, const FiguresBefore& before) {
  std::string text = head_of(node_id);
  const ToldTraffic& traffic = told.traffic;
  const bool is_later = before.at_us > 0 && told.at_us > before.at_us;  // else: its first answer, or it began anew
  const std::uint64_t us = is_later ? told.at_us - before.at_us : 0;
  text += R"(,"in":)" + rate_text(before.in, traffic.received, us);
  text += R"(,"out":)" + rate_text(before.out, traffic.written, us);
  append_count(text, "queued", told.queued);
  append_count(text, "mailbox", told.mailbox);
  const ToldTimes times = p99_since(is_later ? std::string_view(before.latency) : std::string_view(), told.latency);
  if (times.wait) append_count(text, "waitP99Ns", *times.wait);
  if (times.handler) append_count(text, "handlerP99Ns", *times.handler);
  append_count(text, "lost", traffic.not_sent + traffic.dropped);
  text += R"(,"notSent":)" + traffic.not_sent_json;
  return text += R"(,"dropped":)" + traffic.dropped_json + '}';
}

std::string untold_text(std::string_view node_id, std::string_view why) {
  std::string text = head_of(node_id) + R"(,"untold":)";
  protocol::append_json_string(text, why);
  return text += '}';
}

}  // namespace distflow::pmd
