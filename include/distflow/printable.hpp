// Text that others have chosen, made fit for a terminal, a log or a file: names, hosts, payloads.
//
// A pure function; any thread.
//
// Use: std::cout << distflow::printable(peer.alias) << '\n';
#pragma once

#include <string>
#include <string_view>

#include <distflow/version.hpp>

namespace distflow {

/// `text` as UTF-8 on one line. A code point that has no visible form of its own becomes its number, as in `\u{202e}`:
/// control characters (C0, DEL, C1), line and paragraph separators, everything that sets the direction of text, and
/// what has no width. A byte that is no UTF-8 becomes its value, as in `\xff`. A backslash stays as it is: the result
/// is for reading, and not to be decoded. Throws std::bad_alloc without memory.
[[nodiscard]] std::string printable(std::string_view text);

}  // namespace distflow
