#include "cli/commands.hpp"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include <distflow/printable.hpp>

#include "cli/ask.hpp"
#include "cli/audit.hpp"
#include "cli/dead_letters.hpp"
#include "cli/doctor/doctor.hpp"
#include "cli/doctor/real_system.hpp"
#include "cli/listen.hpp"
#include "cli/metrics.hpp"
#include "cli/node_page.hpp"
#include "cli/ping.hpp"
#include "cli/send.hpp"
#include "cli/stream_setup.hpp"
#include "cli/top.hpp"
#include "cli/watch.hpp"
#include "cli/web.hpp"
#include "io/clock.hpp"
#include "pmd/client/client_blocking.hpp"
#include "pmd/launch/launcher.hpp"

namespace distflow::cli {
namespace {

using pmd::BlockingClient;

Report show_status(const Arguments& arguments, BlockingClient& client) {
  const Result<Nodes> nodes = client.list();
  if (!nodes) return report_error(arguments, nodes.error());
  const Result<protocol::Hello> hello = client.hello();
  return report_status(arguments, *nodes, hello ? std::optional(*hello) : std::nullopt);
}

Report show_running(const Arguments& arguments, BlockingClient& client) {
  const Result<Nodes> nodes = client.list();
  if (!nodes) return report_error(arguments, nodes.error());
  const Result<protocol::Hello> hello = client.hello();
  return report_running(arguments, *nodes, hello ? std::optional(*hello) : std::nullopt);
}

Report show_nodes(const Arguments& arguments, BlockingClient& client) {
  Result<Nodes> nodes = client.list();
  if (!nodes) return report_error(arguments, nodes.error());
  return report_nodes(arguments, std::move(*nodes), io::system_wall_ms(), Screen::of_standard_output());
}

Report show_node(const Arguments& arguments, BlockingClient& client) {
  return node_page(arguments, client, Screen::of_standard_output());
}

Report show_top(const Arguments& arguments, BlockingClient& client) {
  return top(arguments, client, Screen::of_standard_output());
}

Report show_audit(const Arguments& arguments, BlockingClient& client) {
  return audit(arguments, client, Screen::of_standard_output());
}

Report show_dead_letters(const Arguments& arguments, BlockingClient& client) {
  return dead_letters(arguments, client, Screen::of_standard_output());
}

Report run_doctor(const Arguments& arguments) {
  RealSystem system(arguments.host, arguments.port);
  return examine(arguments, system, Screen::of_standard_output());
}

Report list(const Arguments& arguments, BlockingClient& client) {
  const Result<Nodes> nodes = client.list();
  if (!nodes) return report_error(arguments, nodes.error());
  return report_list(arguments, *nodes, io::system_wall_ms(), Screen::of_standard_output());
}

Report resolve(const Arguments& arguments, BlockingClient& client) {
  const Result<protocol::NodeInfo> node = client.resolve(arguments.name);
  return node ? report_resolved(arguments, *node) : report_error(arguments, node.error());
}

/// The nodes in the way of a PMD's end, named; nothing when there are none.
std::optional<Report> refuse_for_nodes(const Arguments& arguments, BlockingClient& client) {
  const Result<Nodes> nodes = client.list();
  if (!nodes) return report_error(arguments, nodes.error());
  if (nodes->empty()) return std::nullopt;
  return report_kill_refused(arguments, *nodes);
}

Report kill(const Arguments& arguments, BlockingClient& client) {
  // Our PMD refuses by itself. A TypeScript one ends though nodes are registered: the nodes are looked at before, too.
  const auto force = arguments.is_forced ? protocol::Force::yes : protocol::Force::no;
  if (force == protocol::Force::no) {
    if (const std::optional<Report> refused = refuse_for_nodes(arguments, client)) return *refused;
  }
  const bool ends_at_once = client.hello().has_value();  // a TypeScript one waits for its connections to end
  if (const Result<void> told = client.shutdown_pmd(force); !told) {
    // A node may have registered since.
    const bool may_be_for_nodes = told.error() == Errc::refused && force == protocol::Force::no;
    const std::optional<Report> refused = may_be_for_nodes ? refuse_for_nodes(arguments, client) : std::nullopt;
    return refused ? *refused : report_error(arguments, told.error());
  }
  // So that its port is free for the next one; if it takes longer, it has been told all the same.
  if (ends_at_once) static_cast<void>(client.wait_for_end());
  return report_killed(arguments);
}

Report ask_pmd(const Arguments& arguments, Report (*command)(const Arguments&, BlockingClient&)) {
  const Result<std::unique_ptr<BlockingClient>> client =
      BlockingClient::create(stream_setup(), {.host = arguments.host, .port = arguments.port});
  return client ? command(arguments, **client) : report_error(arguments, client.error());
}

/// Of whatever holds the port that a new PMD was to have.
Report describe_holder(const Arguments& arguments, BlockingClient& client) {
  const Result<Nodes> nodes = client.list();
  return nodes ? report_running_already(arguments) : report_error(arguments, nodes.error());
}

/// Of a PMD that has just been started with a page. One whose port another program holds serves nodes all the same.
void add_page(const Arguments& arguments, Report& started) {
  const Result<pmd::PageAnswer> page = ask_for_page(arguments);
  if (page && page->refusal.empty()) {
    started.out += fmt::format("Its page: http://127.0.0.1:{}/\n", page->port);
    return;
  }
  started.err = fmt::format("It does not serve its page yet, and tries again each second: {}\n",
                            page ? printable(page->refusal) : page.error().message());
}

Report start(const Arguments& arguments) {
  const Result<pmd::LaunchOutcome> outcome = pmd::launch_pmd({.host = arguments.host,
                                                              .port = arguments.port,
                                                              .ttl = arguments.ttl,
                                                              .idle_exit = arguments.idle_exit,
                                                              .log_level = arguments.log_level,
                                                              .web_port = arguments.web_port});
  if (!outcome) return report_launch_error(arguments, outcome.error(), pmd::places_of_pmd_program());
  if (outcome->kind != pmd::LaunchOutcome::Kind::started) return ask_pmd(arguments, describe_holder);
  Report started = report_started(outcome->port, outcome->pid);
  if (arguments.web_port) add_page(arguments, started);
  return started;
}

}  // namespace

Report run_command(const Arguments& arguments) {
  switch (arguments.command) {
    case Command::overview: return report_overview(arguments, ask_pmd(arguments, show_running));
    case Command::nodes:
      return arguments.is_watching ? watch_nodes(arguments, Screen::of_standard_output())
                                   : ask_pmd(arguments, show_nodes);
    case Command::node: return ask_pmd(arguments, show_node);
    case Command::top: return ask_pmd(arguments, show_top);
    case Command::audit: return ask_pmd(arguments, show_audit);
    case Command::dead_letters: return ask_pmd(arguments, show_dead_letters);
    case Command::metrics: return ask_pmd(arguments, metrics);
    case Command::ping: return ask_pmd(arguments, ping);
    case Command::listen: return listen(arguments);
    case Command::send: return send(arguments);
    case Command::ask: return ask(arguments);
    case Command::web: return web(arguments);
    case Command::doctor: return run_doctor(arguments);
    case Command::start: return start(arguments);
    case Command::status: return ask_pmd(arguments, show_status);
    case Command::list: return ask_pmd(arguments, list);
    case Command::resolve: return ask_pmd(arguments, resolve);
    case Command::kill: return ask_pmd(arguments, kill);
  }
  return {};
}

}  // namespace distflow::cli
