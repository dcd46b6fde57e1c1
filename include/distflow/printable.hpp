// Makes untrusted text (names, hosts, payloads) safe for a terminal, a log or a file.
//
// A pure function; any thread.
//
// Use: std::cout << distflow::printable(peer.alias) << '\n';
#pragma once

#include <string>
#include <string_view>

#include <distflow/version.hpp>

namespace distflow {

/// `text` as UTF-8 on one line. A code point without a visible form becomes its number, as in `\u{202e}`: control
/// characters (C0, DEL, C1), line and paragraph separators, marks of text direction, and characters without width. A
/// byte that is not UTF-8 becomes its value, as in `\xff`. A backslash stays as it is: the result is for people, and
/// cannot be decoded. Throws std::bad_alloc when there is no memory.
[[nodiscard]] DISTFLOW_API std::string printable(std::string_view text);

}  // namespace distflow
