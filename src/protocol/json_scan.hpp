// Where one JSON value ends, seen from its structure alone, a vector at a time.
//
// Pure functions; any thread.
//
// 1. What scan_value() accepts is one value and nothing beside it: strings are closed (escapes honoured), brackets
//    match by kind, and outside strings there is no backslash. A reader that takes the slice for a value cannot be led
//    out of it: `1,"from":"admin"` ends after the 1.
// 2. Every JSON value (json_grammar.hpp) nested at most kDepthMax deep is accepted. The grammar inside is not
//    checked: `{"a" 1}` and `tru` pass, and parsing refuses them.
// 3. Iterative: the depth of the input never becomes depth of the stack.
//
// Use: const char* after = scan_value(p, end); if (after == nullptr) return malformed;
#pragma once

#include <cstddef>
#include <cstring>

namespace distflow::protocol {

/// The deepest nesting of arrays and objects that is accepted, in a scan and in the grammar.
inline constexpr std::size_t kDepthMax = 1024;

namespace detail {
[[nodiscard]] const char* scan_any(const char* begin, const char* end) noexcept;
}

/// One past the value that begins exactly at `begin`; nullptr when no value begins there or it does not end by `end`.
[[nodiscard]] inline const char* scan_value(const char* begin, const char* end) noexcept {
  // Most strings hold no quote of their own: then the first one that no backslash precedes is the end.
  if (begin != end && *begin == '"') {
    const auto* const quote =
        static_cast<const char*>(std::memchr(begin + 1, '"', static_cast<std::size_t>(end - begin - 1)));
    if (quote == nullptr) return nullptr;
    if (quote[-1] != '\\') return quote + 1;
  }
  return detail::scan_any(begin, end);
}

/// The first byte of [p, end) that is no JSON white space; `end` if there is none.
[[nodiscard]] inline const char* skip_space(const char* p, const char* end) noexcept {
  while (p != end && static_cast<unsigned char>(*p) <= ' ' && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
    ++p;
  return p;
}

}  // namespace distflow::protocol
