#include "cli/web.hpp"

#include <fmt/format.h>

#include <string>
#include <system_error>

#include <distflow/printable.hpp>

#include "cli/exit_code.hpp"
#include "cli/stream_setup.hpp"
#include "io/address.hpp"
#include "pmd/client/client_blocking.hpp"
#include "pmd/launch/launcher.hpp"

namespace distflow::cli {
namespace {

std::uint16_t wanted_port(const Arguments& arguments) { return arguments.web_port.value_or(kDefaultWebPort); }

/// Whether a PMD of that host would be started on this machine.
bool is_this_machine(const std::string& host) {
  if (host == "localhost") return true;
  const Result<io::Address> address = io::Address::parse(host, 0);
  return address && address->is_loopback();
}

/// A PMD that is told to end by hand gives its nodes to the one that is started next.
std::string restart_text(const Arguments& arguments) {
  return fmt::format(
      "'distflow pmd kill --force{}' ends it, and 'distflow web{}{}' then starts another with the page: "
      "its nodes go on, and register with that one.",
      same_place(arguments), same_place(arguments),
      arguments.web_port ? fmt::format(" --web-port {}", *arguments.web_port) : "");
}

Report report_refusal(const Arguments& arguments, const std::string& refusal) {
  const std::string place = to_place(arguments.host, arguments.port);
  if (refusal == protocol::kUnknownMessageType)
    return report_failure(arguments, kExitNo, "web_unknown",
                          "The PMD at " + place + " is of another make or version, and opens no page when it is asked.",
                          restart_text(arguments));
  if (refusal == protocol::kWebUnsupported)
    return report_failure(arguments, kExitNo, "web_unsupported", "The PMD at " + place + " has no page to serve.",
                          "It is built without its HTTP server: build distflow with Boost (DISTFLOW_WEB), then " +
                              restart_text(arguments));
  if (refusal == protocol::kWebDenied)
    return report_failure(arguments, kExitNo, "web_denied",
                          "The PMD at " + place + " opens its page for its own user and for root only.",
                          "Ask on its machine, at 127.0.0.1, as that user or as root; or start it with --web-port, as "
                          "where the system does not say who asks.");
  return report_failure(arguments, kExitNo, "web_refused", "The PMD serves no page: " + printable(refusal) + ".",
                        "It goes on without one. Give another port with --web-port, or ask again later.");
}

Report report_page(const Arguments& arguments, const Result<pmd::PageAnswer>& answer) {
  if (!answer) return report_error(arguments, answer.error());
  if (!answer->refusal.empty()) return report_refusal(arguments, answer->refusal);
  return {.exit_code = kExitSuccess, .out = fmt::format("http://127.0.0.1:{}/\n", answer->port), .err = {}};
}

}  // namespace

Result<pmd::PageAnswer> ask_for_page(const Arguments& arguments) {
  const Result<std::unique_ptr<pmd::BlockingClient>> client =
      pmd::BlockingClient::create(stream_setup(), {.host = arguments.host, .port = arguments.port});
  if (!client) return client.error();
  return (*client)->open_page(wanted_port(arguments));
}

Report web(const Arguments& arguments) {
  const Result<pmd::PageAnswer> answer = ask_for_page(arguments);
  const bool is_nobody_there = !answer && answer.error().code == std::errc::connection_refused;
  if (!is_nobody_there || !is_this_machine(arguments.host)) return report_page(arguments, answer);
  // Without the page: one that is told of it at its start waits for a port that another holds, and takes it later.
  const Result<pmd::LaunchOutcome> outcome = pmd::launch_pmd({.host = arguments.host, .port = arguments.port});
  if (!outcome) return report_launch_error(arguments, outcome.error(), pmd::places_of_pmd_program());
  return report_page(arguments, ask_for_page(arguments));
}

}  // namespace distflow::cli
