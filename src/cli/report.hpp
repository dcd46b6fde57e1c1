// What `distflow` says: texts for people, one JSON object for programs.
//
// Pure functions; any thread.
// What others have named is escaped in both (base/escape): in texts name by name, in JSON as a whole.
// Use: return say("distflow", report_status(arguments, nodes, hello));
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <distflow/result.hpp>

#include "cli/arguments.hpp"
#include "cli/console.hpp"
#include "cli/node_table.hpp"
#include "cli/screen.hpp"
#include "protocol/pmd_reply.hpp"

namespace distflow::cli {

/// `hello` is absent for a PMD of another make.
Report report_status(const Arguments& arguments, const Nodes& nodes, const std::optional<protocol::Hello>& hello);
/// `now_ms`: since the Unix epoch, for the ages.
Report report_nodes(const Arguments& arguments, Nodes nodes, std::int64_t now_ms, const Screen& screen);
/// On a terminal the table of report_nodes(). Elsewhere the text of the TypeScript command line, which programs read.
Report report_list(const Arguments& arguments, const Nodes& nodes, std::int64_t now_ms, const Screen& screen);
Report report_resolved(const Arguments& arguments, const protocol::NodeInfo& node);
/// The same as text for people, with the PMD's release.
Report report_running(const Arguments& arguments, const Nodes& nodes, const std::optional<protocol::Hello>& hello);
/// Of bare `distflow`: that, or an error, then the help. Always a success: it is to show the way.
Report report_overview(const Arguments& arguments, const Report& running);
Report report_killed(const Arguments& arguments);
Report report_kill_refused(const Arguments& arguments, const Nodes& nodes);
Report report_started(std::uint16_t port, int pid);
Report report_running_already(const Arguments& arguments);
/// Why a PMD could not be started.
/// `places`: where the program was looked for.
Report report_launch_error(const Arguments& arguments, const Error& error, const std::string& places);
/// What came of asking one.
Report report_error(const Arguments& arguments, const Error& error);

/// A failure: `message` says what happened and why, `remedy` what to do; `name` is a word that stays from release to
/// release.
Report report_failure(const Arguments& arguments, int exit_code, std::string_view name, const std::string& message,
                      const std::string& remedy);

/// JSON on one line that programs may read and people may look at, whatever others have named.
std::string json_line(std::string_view json);

/// A word of the command line that cannot be used.
Report report_usage(const Arguments& arguments, const std::string& message);
/// What is wrong with the command line, as one JSON object.
std::string usage_error_json(std::string_view message);

/// What to do about a name that no node has.
std::string where_names_are(const Arguments& arguments);

/// The options that lead another command to the same PMD: " --port 7000"; empty for the default place.
std::string same_place(const Arguments& arguments);

/// "1 node", "2 nodes".
std::string counted(std::uint64_t count, std::string_view noun);

/// "2026-11-22T19:02:27.959Z"; the number itself when it is no time of the years 0 to 9999.
std::string to_iso_time(std::int64_t ms_since_epoch);

}  // namespace distflow::cli
