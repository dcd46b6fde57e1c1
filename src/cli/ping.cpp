#include "cli/ping.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <distflow/printable.hpp>

#include "base/chunk_pool.hpp"
#include "cli/exit_code.hpp"
#include "cli/node_table.hpp"
#include "cli/report.hpp"
#include "cli/stream_setup.hpp"
#include "io/backend_choice.hpp"
#include "io/clock.hpp"
#include "io/reactor.hpp"
#include "io/resolver.hpp"
#include "protocol/control_frame.hpp"
#include "protocol/json_write.hpp"
#include "stream/dialer.hpp"
#include "transport/connection.hpp"
#include "transport/out_buffer.hpp"

namespace distflow::cli {
namespace {

using protocol::ControlFrame;

constexpr std::uint64_t kCountByDefault = 10;
constexpr const char* kFrom = "distflow-ping";  // no node has it: nothing is ever sent there

/// One connection, on which one ping is under way at a time.
class Pinger final : private transport::ConnectionObserver {
 public:
  Pinger(std::unique_ptr<io::Backend> backend, base::ChunkPool& chunks, protocol::NodeInfo node)
      : reactor_(std::move(backend), {}),
        resolver_(reactor_),
        out_(chunks),
        node_(std::move(node)),
        dialer_(reactor_, resolver_, stream_setup(), {},
                base::Delegate<void(Result<stream::OpenStream>)>::to<&Pinger::on_dialed>(*this)),
        connection_(reactor_, chunks, *this, {}) {}
  ~Pinger() {
    dialer_.cancel();
    if (connection_.is_opened() && !connection_.is_closed()) connection_.close();
    while ((connection_.is_opened() && !is_closed_) || reactor_.backend().handle_count() > 0)
      reactor_.turn(base::kNever);
  }

  Result<void> connect(base::Duration timeout) {
    dialer_.dial(node_.host, node_.port, node_.node_id);
    turn_until([this] { return outcome_.has_value(); }, timeout);
    if (!outcome_) return Error{Errc::timed_out, "connecting to the node"};
    return *outcome_;
  }

  /// How long it took; nothing when no answer came in time.
  std::optional<base::Duration> ping(base::Duration timeout) {
    const std::string nonce = std::to_string(++number_);
    answered_at_.reset();
    const base::Instant sent_at = io::system_now();
    const auto frame = out_.encode(protocol::write_control_frame(kFrom, node_.node_id, io::system_wall_ms(),
                                                                 {.kind = ControlFrame::Kind::ping, .nonce = nonce}));
    if (!frame || connection_.send(*frame) != transport::SendResult::queued) return std::nullopt;
    turn_until([this] { return answered_at_.has_value() || !connection_.is_open(); }, timeout);
    if (!answered_at_) return std::nullopt;
    return *answered_at_ - sent_at;
  }

  void pause(base::Duration time) {
    turn_until([] { return false; }, time);
  }
  [[nodiscard]] bool is_open() const { return connection_.is_open(); }

 private:
  template <class Condition>
  void turn_until(Condition condition, base::Duration timeout) {
    const base::Instant until = base::saturating_add(io::system_now(), timeout);
    while (!condition() && io::system_now() < until) reactor_.turn(until);
  }

  void on_dialed(Result<stream::OpenStream> outcome) {
    outcome_ = outcome ? Result<void>() : Result<void>(outcome.error());
    if (outcome) connection_.open(*std::move(outcome));
  }

  void on_frames(transport::Connection& connection) override {
    framing::Frame frame;
    while (connection.next_frame(frame)) {
      const std::optional<ControlFrame> answer = protocol::read_control_frame(frame.body);
      // One that comes too late is none to the ping that is under way.
      if (answer && answer->kind == ControlFrame::Kind::pong && answer->nonce == std::to_string(number_))
        answered_at_ = io::system_now();
    }
  }
  void on_sent(transport::Connection&, const transport::DepartedFrames&) override {}
  void on_closed(transport::Connection&, Error) override { is_closed_ = true; }

  io::Reactor reactor_;
  io::Resolver resolver_;
  transport::OutBuffer out_;
  const protocol::NodeInfo node_;
  std::optional<Result<void>> outcome_;
  std::optional<base::Instant> answered_at_;
  std::uint64_t number_ = 0;
  bool is_closed_ = false;
  stream::Dialer dialer_;
  transport::Connection connection_;
};

double to_us(base::Duration time) { return std::chrono::duration<double, std::micro>(time).count(); }

Report unreachable(const Arguments& arguments, const protocol::NodeInfo& node, const Error& why) {
  return report_failure(
      arguments, kExitNo, "node_unreachable",
      fmt::format("Node '{}' cannot be reached at {}: {}.", printable(arguments.name), to_place(node.host, node.port),
                  why.code.message()),
      "See whether its process runs, and whether its address is one that this machine reaches: 'distflow doctor'.");
}

}  // namespace

base::Duration percentile(const std::vector<base::Duration>& times, unsigned percent) {
  const std::size_t rank = (times.size() * percent + 99) / 100;
  return times[rank == 0 ? 0 : rank - 1];
}

Report report_ping(const Arguments& arguments, const protocol::NodeInfo& node, Pings pings) {
  std::vector<base::Duration>& times = pings.times;
  const std::uint64_t sent = pings.sent;
  std::sort(times.begin(), times.end());
  const int exit_code = times.size() == pings.asked ? kExitSuccess : kExitNo;
  const auto at = [&times](unsigned percent) { return to_us(percentile(times, percent)); };
  if (arguments.is_json) {
    std::string json = R"({"nodeId":)";
    protocol::append_json_string(json, node.node_id);
    json += fmt::format(R"(,"via":"tcp","sent":{},"answered":{})", sent, times.size());
    if (!times.empty()) {
      json += fmt::format(R"(,"minUs":{:.1f},"p50Us":{:.1f},"p90Us":{:.1f},"p99Us":{:.1f},"maxUs":{:.1f})", at(0),
                          at(50), at(90), at(99), at(100));
    }
    return {.exit_code = exit_code, .out = json_line(json + "}"), .err = {}};
  }
  std::string out = fmt::format("{} pings to '{}' ({}) at {} over TCP, {} answered\n", sent, printable(name_of(node)),
                                printable(node.node_id), to_place(node.host, node.port), times.size());
  if (!times.empty()) {
    out += fmt::format("round trip: min {:.1f} us, p50 {:.1f} us, p90 {:.1f} us, p99 {:.1f} us, max {:.1f} us\n", at(0),
                       at(50), at(90), at(99), at(100));
  }
  std::string err;
  if (sent < pings.asked) err = fmt::format("The connection ended after {} of {} pings.\n", sent, pings.asked);
  return {.exit_code = exit_code, .out = out, .err = err};
}

Report ping(const Arguments& arguments, pmd::BlockingClient& client) {
  const Result<protocol::NodeInfo> node = client.resolve(arguments.name);
  if (!node) return report_error(arguments, node.error());
  if (!node->has_cap(protocol::kPingCap)) {
    return report_failure(arguments, kExitNo, "unsupported",
                          fmt::format("Node '{}' answers no pings.", printable(arguments.name)),
                          "It is a node of another implementation or of an older version.");
  }
  const Result<io::BackendKind> kind = io::backend_kind_from_environment();
  if (!kind) return report_error(arguments, kind.error());
  base::ChunkPool chunks{base::ChunkPoolOptions{}};
  Result<io::SelectedBackend> selected = io::select_backend(*kind, chunks);
  if (!selected) return report_error(arguments, selected.error());
  Pinger pinger(std::move(selected->backend), chunks, *node);
  if (const Result<void> connected = pinger.connect(arguments.timeout); !connected)
    return unreachable(arguments, *node, connected.error());
  Pings pings{.asked = arguments.count > 0 ? arguments.count : kCountByDefault, .times = {}};
  while (pings.sent < pings.asked && pinger.is_open()) {
    if (pings.sent > 0) pinger.pause(arguments.interval);
    ++pings.sent;
    if (const auto time = pinger.ping(arguments.timeout)) pings.times.push_back(*time);
  }
  return report_ping(arguments, *node, std::move(pings));
}

}  // namespace distflow::cli
