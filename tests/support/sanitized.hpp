// Whether a sanitizer watches the tests.
//
// Use: constexpr std::uint64_t kSeeds = kIsSanitized ? 50 : 200;
#pragma once

namespace distflow::test {

/// Simulated worlds take a hundred times as long then.
#ifdef DISTFLOW_SANITIZED
inline constexpr bool kIsSanitized = true;
#else
inline constexpr bool kIsSanitized = false;
#endif

}  // namespace distflow::test
