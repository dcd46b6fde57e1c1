// Where a call stands: std::source_location, or the little that is needed of it where the compiler has none (clang 14).
//
// A value. Use: void f(SourcePlace where = SourcePlace::current());
#pragma once

#include <version>

#ifdef __cpp_lib_source_location
#include <source_location>
#else
#include <cstdint>
#endif

namespace distflow::test {

#ifdef __cpp_lib_source_location
using SourcePlace = std::source_location;
#else
class SourcePlace {
 public:
  static constexpr SourcePlace current(const char* file = __builtin_FILE(), const char* function = __builtin_FUNCTION(),
                                       std::uint32_t line = __builtin_LINE()) {
    return {file, function, line};
  }

  [[nodiscard]] constexpr const char* file_name() const { return file_; }
  [[nodiscard]] constexpr const char* function_name() const { return function_; }
  [[nodiscard]] constexpr std::uint32_t line() const { return line_; }

 private:
  constexpr SourcePlace(const char* file, const char* function, std::uint32_t line)
      : file_(file), function_(function), line_(line) {}

  const char* file_;
  const char* function_;
  std::uint32_t line_;
};
#endif

}  // namespace distflow::test
