// Which names a pattern on the command line means.
//
// A pure function; any thread. Its time is at most the product of both sizes, whatever the pattern.
// Use: if (matches_pattern("worker-*", "worker-7")) ...
#pragma once

#include <string_view>

namespace distflow::cli {

/// `*` stands for any number of bytes, `?` for one. A pattern without either matches each name that contains it; the
/// empty one matches every name.
[[nodiscard]] bool matches_pattern(std::string_view pattern, std::string_view name);

}  // namespace distflow::cli
