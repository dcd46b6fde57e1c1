#include "cli/watch.hpp"

#include <distflow/printable.hpp>

#include <fmt/format.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/chunk_pool.hpp"
#include "base/escape.hpp"
#include "cli/end_signals.hpp"
#include "cli/exit_code.hpp"
#include "cli/node_table.hpp"
#include "cli/report.hpp"
#include "cli/stream_setup.hpp"
#include "io/backend_choice.hpp"
#include "io/clock.hpp"
#include "io/reactor.hpp"
#include "io/resolver.hpp"
#include "pmd/client/client.hpp"
#include "transport/out_buffer.hpp"

namespace distflow::cli {
namespace {

using protocol::NodeInfo;

enum class Change { present, join, update, leave };

const char* to_word(Change change) {
  switch (change) {
    case Change::present: return "present";
    case Change::join: return "join";
    case Change::update: return "update";
    case Change::leave: return "leave";
  }
  return "";
}

Style to_style(Change change) {
  if (change == Change::join) return Style::good;
  return change == Change::leave ? Style::bad : Style::faint;
}

class Watch final : private pmd::ClientObserver {
 public:
  Watch(const Arguments& arguments, const Screen& screen, std::unique_ptr<io::Backend> backend, base::ChunkPool& chunks)
      : arguments_(arguments),
        screen_(screen),
        reactor_(std::move(backend), {}),
        resolver_(reactor_),
        out_(chunks),
        client_({reactor_, resolver_, stream_setup(), chunks, out_}, *this, options_for(arguments)) {}

  Report run() {
    {
      const EndSignals signals([this] { reactor_.stop(); });
      client_.start();
      reactor_.run();
    }
    client_.close();
    // A connect that was given up closes its handle by itself, a little later.
    while (!is_closed_ || reactor_.backend().handle_count() > 0) reactor_.turn(base::kNever);
    return std::move(end_);
  }

 private:
  static pmd::ClientOptions options_for(const Arguments& arguments) {
    pmd::ClientOptions options;
    options.host = arguments.host;
    options.port = arguments.port;
    options.is_watching = true;
    return options;
  }

  void on_snapshot(std::vector<NodeInfo> nodes) override {
    is_told_of_loss_ = false;
    std::erase_if(nodes, [this](const NodeInfo& node) { return !matches_pattern(arguments_.nodes.pattern, node); });
    if (!known_) {
      begin(std::move(nodes));
      return;
    }
    std::map<std::string, NodeInfo> gone = *known_;
    for (const NodeInfo& node : nodes) {
      gone.erase(node.node_id);
      on_join(node);
    }
    for (const auto& [id, node] : gone) on_leave(node);
  }

  void begin(Nodes nodes) {
    known_.emplace();
    for (const NodeInfo& node : nodes) known_->emplace(node.node_id, node);
    nodes = select_nodes(std::move(nodes), {}).nodes;
    if (!arguments_.is_json) {
      print(nodes.empty() ? "No nodes yet.\n" : node_table(nodes, io::system_wall_ms()).text(screen_));
      return;
    }
    for (const NodeInfo& node : nodes) report(Change::present, node);
  }

  void on_join(const NodeInfo& node) override {
    if (!known_ || !matches_pattern(arguments_.nodes.pattern, node)) return;
    const auto [entry, is_new] = known_->try_emplace(node.node_id, node);
    if (is_new) {
      report(Change::join, node);
      return;
    }
    NodeInfo before = std::exchange(entry->second, node);
    before.last_heartbeat_ms = node.last_heartbeat_ms;
    if (before != node) report(Change::update, node);
  }

  void on_leave(const NodeInfo& node) override {
    if (known_ && known_->erase(node.node_id) > 0) report(Change::leave, node);
  }

  void on_disconnected(const Error& why) override { tell_loss(why); }
  void on_unreachable(const Error& why, std::uint32_t) override {
    if (known_) {
      tell_loss(why);
      return;
    }
    end_ = report_error(arguments_, why == Errc::end_of_stream ? Error{Errc::not_a_pmd, why.doing} : why);
    reactor_.stop();
  }
  void on_closed() override { is_closed_ = true; }

  /// Once a loss: attempts follow each other quickly.
  void tell_loss(const Error& why) {
    if (std::exchange(is_told_of_loss_, true)) return;
    static_cast<void>(say("distflow", {.exit_code = kExitSuccess,
                                       .out = {},
                                       .err = "The PMD is away (" + why.message() + "). Looking for it again.\n"}));
  }

  void report(Change change, const NodeInfo& node) {
    if (arguments_.is_json) {
      std::string json = fmt::format(R"({{"event":"{}","time":{},"node":)", to_word(change), io::system_wall_ms());
      protocol::append_node(json, node);
      print(base::printable_json(json + "}") + "\n");
      return;
    }
    const std::string line =
        fmt::format("{}  {:<6}  {}  {}  {}", to_iso_time(io::system_wall_ms()), to_word(change),
                    printable(name_of(node)), to_place(node.host, node.port), printable(node.node_id));
    print(styled(screen_, to_style(change), cut_to_width(line, screen_.width)) + "\n");
  }

  void print(std::string text) {
    if (end_.exit_code != kExitSuccess) return;
    end_.exit_code = say("distflow", {.exit_code = kExitSuccess, .out = std::move(text), .err = {}});
    if (end_.exit_code != kExitSuccess) reactor_.stop();
  }

  const Arguments& arguments_;
  const Screen screen_;
  io::Reactor reactor_;
  io::Resolver resolver_;
  transport::OutBuffer out_;
  pmd::Client client_;
  std::optional<std::map<std::string, NodeInfo>> known_;  // by nodeId; since the first snapshot
  Report end_;
  bool is_told_of_loss_ = false;
  bool is_closed_ = false;
};

}  // namespace

Report watch_nodes(const Arguments& arguments, const Screen& screen) {
  const Result<io::BackendKind> kind = io::backend_kind_from_environment();
  if (!kind) return report_error(arguments, kind.error());
  base::ChunkPool chunks{base::ChunkPoolOptions{}};
  Result<io::SelectedBackend> selected = io::select_backend(*kind, chunks);
  if (!selected) return report_error(arguments, selected.error());
  return Watch(arguments, screen, std::move(selected->backend), chunks).run();
}

}  // namespace distflow::cli
