// Text within HTML.
//
// Pure functions; any thread. Use: page += "<h2>" + escaped(row.name) + "</h2>";
#pragma once

#include <string>
#include <string_view>

namespace distflow::bench::report {

/// Fit for an element and for a quoted attribute; control characters become question marks.
[[nodiscard]] std::string escaped(std::string_view text);

/// "<TAG class=\"NAME\">ESCAPED</TAG>"; no class if the name is empty.
[[nodiscard]] std::string element(std::string_view tag, std::string_view css_class, std::string_view text);

}  // namespace distflow::bench::report
