// An error's message for a log line, where nothing may throw.
//
// A value; one thread.
// Use: log.write(LogLevel::warn, "peer %s: %s", alias, ErrorText(why).c_str());
#pragma once

#include <new>
#include <string>

#include <distflow/error.hpp>

namespace distflow::base {

class ErrorText {
 public:
  /// Of an Error, or of one that says more. Without memory for the message it is what was being done.
  template <class AnyError>
  explicit ErrorText(const AnyError& error) noexcept : without_memory_(error.doing) {
    try {
      text_ = error.message();
    } catch (const std::bad_alloc&) {
    }
  }

  [[nodiscard]] const char* c_str() const { return text_.empty() ? without_memory_ : text_.c_str(); }

 private:
  const char* without_memory_;
  std::string text_;
};

}  // namespace distflow::base
