#include "cli/send.hpp"

#include <distflow/node_runtime.hpp>
#include <distflow/printable.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <streambuf>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "cli/exit_code.hpp"
#include "cli/node_start.hpp"
#include "cli/report.hpp"
#include "protocol/json_grammar.hpp"

namespace distflow::cli {
namespace {

using Clock = std::chrono::steady_clock;

// Between two looks at what the node has sent: it has no call that waits for it.
constexpr std::chrono::milliseconds kLook{1};
constexpr std::size_t kShownMax = 60;               // bytes of a payload in an error
constexpr std::size_t kLineMax = 16 * 1024 * 1024;  // bytes: no message on the wire is longer
constexpr std::size_t kErrorsMax = 20;              // lines that are named; all are counted
// So that the node's own deadline, which has the better reason, comes first.
constexpr std::chrono::seconds kGrace{5};

std::string shown(std::string_view text) {
  return "'" + printable(text.substr(0, kShownMax)) + (text.size() > kShownMax ? "...'" : "'");
}

}  // namespace

std::string explain_no_json(std::string_view text) {
  std::string message = "The message is not one JSON value: " + shown(text) + ".";
  const bool may_be_text = text.find_first_of("{}[]\"") == std::string_view::npos && !text.empty();
  if (may_be_text) message += " A text needs its quotes: '\"" + printable(text.substr(0, kShownMax)) + "\"'.";
  return message;
}

namespace {

class Sender {
 public:
  Sender(const Arguments& arguments, NodeRuntime& node)
      : arguments_(arguments), node_(node), target_(node.target(arguments.name)) {}

  void send(std::string_view json) {
    const Clock::time_point give_up = Clock::now() + arguments_.timeout;
    SendVerdict verdict = node_.send(target_, json);
    // The program that feeds the standard input waits, as for any program that writes slowly.
    while (verdict == SendVerdict::queue_full && Clock::now() < give_up) {
      std::this_thread::sleep_for(kLook);
      verdict = node_.send(target_, json);
    }
    if (is_under_way(verdict)) {
      ++accepted_;
    } else {
      refuse(verdict);
    }
  }

  /// Lines of white space alone are passed over. What follows a line that is no JSON is sent all the same.
  void send_lines(std::streambuf& lines) {
    std::string line;
    for (std::uint64_t number = 1; read_line(lines, line); ++number) {
      if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
      if (line.size() > kLineMax) {
        refuse(SendVerdict::too_large, fmt::format("Line {} has more than {} bytes.", number, kLineMax));
      } else if (!protocol::is_json(line)) {
        refuse(SendVerdict::invalid_json, fmt::format("Line {}: {}", number, explain_no_json(line)));
      } else {
        send(line);
      }
    }
  }

  Report finish() {
    const Clock::time_point give_up = Clock::now() + arguments_.timeout + kGrace;
    while (has_some_under_way(node_.stats().sent) && Clock::now() < give_up) std::this_thread::sleep_for(kLook);
    // Orderly, for what the system has is lost when a connection is cut that has bytes of the peer unread.
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(give_up - Clock::now());
    static_cast<void>(node_.shutdown(std::max(left, std::chrono::milliseconds(0))));
    const SendStats sent = node_.stats().sent;
    return arguments_.is_json ? as_json(sent) : as_text(sent);
  }

 private:
  using Loss = std::pair<const char*, std::uint64_t>;

  /// False at the end. Of a longer line, kLineMax + 1 bytes.
  static bool read_line(std::streambuf& lines, std::string& line) {
    constexpr auto end = std::streambuf::traits_type::eof();
    line.clear();
    auto c = lines.sbumpc();
    if (c == end) return false;
    for (; c != end && c != '\n'; c = lines.sbumpc()) {
      if (line.size() <= kLineMax) line.push_back(static_cast<char>(c));
    }
    return true;
  }

  void refuse(SendVerdict verdict, const std::string& why = {}) {
    ++refused_[static_cast<std::size_t>(verdict)];
    if (!why.empty() && ++error_count_ <= kErrorsMax) errors_ += why + "\n";
  }

  /// By our own count: the node's lags behind, until its thread has taken the messages over.
  [[nodiscard]] bool has_some_under_way(const SendStats& sent) const {
    return accepted_ > sent.written + sent.dropped();
  }

  /// By their names in stats.hpp, and those of the verdicts.
  [[nodiscard]] std::vector<Loss> losses(const SendStats& sent) const {
    std::vector<Loss> all{{"unreachable", sent.dropped_unreachable}, {"connection_lost", sent.dropped_connection_lost},
                          {"peer_left", sent.dropped_peer_left},     {"unresolved", sent.dropped_unresolved},
                          {"queue_full", sent.dropped_queue_full},   {"not_sent_in_time", sent.dropped_shutdown}};
    for (std::size_t i = 0; i < refused_.size(); ++i) {
      const char* const name = to_string(static_cast<SendVerdict>(i));
      const auto same = std::find_if(all.begin(), all.end(),
                                     [name](const Loss& loss) { return std::string_view(loss.first) == name; });
      if (same != all.end()) {
        same->second += refused_[i];
      } else {
        all.emplace_back(name, refused_[i]);
      }
    }
    std::erase_if(all, [](const Loss& loss) { return loss.second == 0; });
    return all;
  }

  [[nodiscard]] Report as_text(const SendStats& sent) const {
    const std::vector<Loss> lost = losses(sent);
    Report report{.exit_code = lost.empty() ? kExitSuccess : kExitNo, .out = {}, .err = errors_};
    if (lost.empty()) return report;
    report.err += fmt::format("{} sent to '{}'; not sent:\n", sent.written, printable(arguments_.name));
    for (const auto& [reason, count] : lost) report.err += fmt::format("  {} {}\n", count, reason);
    return report;
  }

  [[nodiscard]] Report as_json(const SendStats& sent) const {
    const std::vector<Loss> lost = losses(sent);
    std::string reasons;
    for (const auto& [reason, count] : lost)
      reasons += fmt::format(R"({}"{}":{})", reasons.empty() ? "" : ",", reason, count);
    return {.exit_code = lost.empty() ? kExitSuccess : kExitNo,
            .out = fmt::format("{{\"sent\":{},\"notSent\":{{{}}}}}\n", sent.written, reasons),
            .err = errors_};
  }

  const Arguments& arguments_;
  NodeRuntime& node_;
  Target target_;
  std::uint64_t accepted_ = 0;
  std::array<std::uint64_t, 16> refused_{};  // by verdict
  std::string errors_;
  std::size_t error_count_ = 0;
};

}  // namespace

Report send(const Arguments& arguments) {
  const bool is_stream = arguments.payload == "-";
  if (!is_stream && !protocol::is_json(arguments.payload))
    return report_usage(arguments, explain_no_json(arguments.payload));
  NodeOptions options = node_options(arguments);
  options.connect_deadline = std::chrono::duration_cast<std::chrono::milliseconds>(arguments.timeout);
  auto node = NodeRuntime::start(options);
  if (!node) return report_start_error(arguments, node.error());
  if (const Result<PeerInfo> peer = node->resolve(arguments.name); !peer) {
    static_cast<void>(node->shutdown());
    return report_error(arguments, peer.error());
  }
  Sender sender(arguments, *node);
  if (is_stream) {
    std::ios::sync_with_stdio(false);
    sender.send_lines(*std::cin.rdbuf());
  } else {
    sender.send(arguments.payload);
  }
  return sender.finish();
}

}  // namespace distflow::cli
