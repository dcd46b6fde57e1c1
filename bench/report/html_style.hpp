// The style sheet of the page: colours for light and dark, and one column on a phone.
//
// A constant. The names of classes are those that the drawings and sections use.
#pragma once

#include <string_view>

namespace distflow::bench::report {

extern const std::string_view kStyle;

}  // namespace distflow::bench::report
