// `distflow send NAME JSON|-`: sends one message, or one for each line of the standard input, and waits until the
// system has them. What was dropped is reported by reason.
//
// Blocking, for --timeout at most once the input has ended. SIGINT and SIGTERM end the program at once.
// Use: return send(arguments);
#pragma once

#include <string>
#include <string_view>

#include "cli/arguments.hpp"
#include "cli/console.hpp"

namespace distflow::cli {

Report send(const Arguments& arguments);

/// What is wrong with a word that is to be one JSON value, and what may have been meant.
[[nodiscard]] std::string explain_no_json(std::string_view text);

}  // namespace distflow::cli
