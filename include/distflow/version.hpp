// The release of these headers, and the build settings that a program must share with the library.
//
// Every other public header includes this one. Values; any thread.
//   1. A compiler in a mode before C++20 stops here, with an #error that says so.
//   2. A program does not link if its types of the standard library or of distflow have another layout than those in
//      libdistflow.a. The linker reports `undefined reference to distflow::abi::built_with<...>::anchor`; the template
//      arguments name the settings of the program. Build both with the same release of distflow, the same standard
//      library, and the same _GLIBCXX_DEBUG and _GLIBCXX_USE_CXX11_ABI.
#pragma once

#if __cplusplus < 202002L
#error "distflow needs C++20: compile with -std=c++20, or with target_compile_features(... cxx_std_20)"
#endif

#include <string_view>

// NOLINTBEGIN(readability-identifier-naming): macros that programs see have the library's name
#define DISTFLOW_VERSION_MAJOR 0
#define DISTFLOW_VERSION_MINOR 1
#define DISTFLOW_VERSION_PATCH 0

/// What the shared library exports: every public function that is not inline, and nothing else.
#if defined(__GNUC__)
#define DISTFLOW_API __attribute__((visibility("default")))
#else
#define DISTFLOW_API
#endif

#define DISTFLOW_DETAIL_TEXT(number) #number
#define DISTFLOW_DETAIL_VERSION(a, b, c) DISTFLOW_DETAIL_TEXT(a) "." DISTFLOW_DETAIL_TEXT(b) "." DISTFLOW_DETAIL_TEXT(c)
// NOLINTEND(readability-identifier-naming)

namespace distflow {

/// "0.1.0"
inline constexpr std::string_view kVersion =
    DISTFLOW_DETAIL_VERSION(DISTFLOW_VERSION_MAJOR, DISTFLOW_VERSION_MINOR, DISTFLOW_VERSION_PATCH);

// Default visibility for the types, too: a program that is compiled with hidden visibility would otherwise look for the
// anchor in itself.
#pragma GCC visibility push(default)
namespace abi {

// NOLINTBEGIN(readability-identifier-naming): the names are for the reader of a linker's message.

template <int Major, int Minor>
struct release {};
struct libcxx {};
struct libstdcxx_with_new_strings {};
struct libstdcxx_with_old_strings {};
struct plain_containers {};
struct debug_containers {};

#if defined(_LIBCPP_VERSION)
using standard_library = libcxx;
#elif defined(_GLIBCXX_USE_CXX11_ABI) && !_GLIBCXX_USE_CXX11_ABI
using standard_library = libstdcxx_with_old_strings;
#else
using standard_library = libstdcxx_with_new_strings;
#endif

#if defined(_GLIBCXX_DEBUG)
using containers = debug_containers;
#else
using containers = plain_containers;
#endif

/// The library defines it for its own settings only.
template <class Release, class StandardLibrary, class Containers>
struct built_with {
  static const char anchor;
};

using this_way = built_with<release<DISTFLOW_VERSION_MAJOR, DISTFLOW_VERSION_MINOR>, standard_library, containers>;

template <>
const char this_way::anchor;

// NOLINTEND(readability-identifier-naming)

// NOLINTBEGIN(readability-identifier-naming): as above
#if defined(__has_attribute)
#if __has_attribute(retain)
#define DISTFLOW_DETAIL_RETAIN __attribute__((used, retain, visibility("hidden")))
#endif
#endif
#if !defined(DISTFLOW_DETAIL_RETAIN)
#define DISTFLOW_DETAIL_RETAIN __attribute__((used, visibility("hidden")))
#endif
// NOLINTEND(readability-identifier-naming)

/// Makes each program that includes this need the library's anchor: one pointer, which nothing reads. It is hidden: a
/// shared library that exported it could never be unloaded.
// NOLINTNEXTLINE(cppcoreguidelines-interfaces-global-init): an address, which the linker knows
DISTFLOW_DETAIL_RETAIN inline const char* const kRequired = &this_way::anchor;

}  // namespace abi
#pragma GCC visibility pop
}  // namespace distflow
