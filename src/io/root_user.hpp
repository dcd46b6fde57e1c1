// The user that may ask and see everything on its system.
#pragma once

#include <cstdint>

namespace distflow::io {

inline constexpr std::uint32_t kRootUser = 0;

}  // namespace distflow::io
