#include "cli/node_start.hpp"

#include <string>

#include "base/escape.hpp"
#include "cli/exit_code.hpp"
#include "protocol/json_write.hpp"

namespace distflow::cli {

NodeOptions node_options(const Arguments& arguments) {
  NodeOptions options;
  options.pmd_host = arguments.host;
  options.pmd_port = arguments.port;
  return options;
}

Report report_start_error(const Arguments& arguments, const StartError& error) {
  const bool is_refused = error == Errc::alias_in_use || error == Errc::registration_refused ||
                          error == Errc::invalid_option || error == Errc::already_running;
  Report report{.exit_code = is_refused ? kExitNo : kExitUnreachable, .out = {}, .err = error.message() + "\n"};
  if (!arguments.is_json) return report;
  std::string json = R"({"error":"not_started","message":)";
  protocol::append_json_string(json, error.message());
  report.out = base::printable_json(json + "}") + "\n";
  return report;
}

}  // namespace distflow::cli
