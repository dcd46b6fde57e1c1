// The double that a JSON number stands for, in any locale.
//
// Pure functions; any thread.
#pragma once

#include <string_view>

namespace distflow::protocol {

/// False when a number of valid grammar has no finite double by the standard library's conversion. That may be so of
/// one too near zero as well.
[[nodiscard]] bool to_double(std::string_view number, double& value);

/// The same by the C library, for standard libraries that convert integers only, as libc++ does up to its release 19.
[[nodiscard]] bool to_double_by_strtod(std::string_view number, double& value);

}  // namespace distflow::protocol
