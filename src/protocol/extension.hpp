// The extension of a message: the members of its envelope beyond `from`, `to`, `payload` and `timestamp`.
//
//     {"from":A,"to":B,"payload":V,"timestamp":T,"ask":17,"ms":5000}
//                                                "ask":17,"ms":5000     its text
//
// A view of text that must outlive it; any thread.
//   1. The text is empty, or members with one comma between them, no white space around keys and values, and no braces.
//   2. It has at most kExtensionSizeMax bytes.
//   3. Nothing looks into it before it is asked for a member. find() allocates nothing, reads each byte at most twice,
//      and may be given any bytes.
// Use: if (const auto id = decode_integer(envelope.extension.find("ask"))) ...
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace distflow::protocol {

/// Bytes. An envelope with more beyond its four members has no extension.
inline constexpr std::size_t kExtensionSizeMax = 4096;

/// What is known of an extension's text, beyond line 1: that of a request or of a reply as nodes write it
/// (ask_members.hpp), with an id of 16 digits.
enum class ExtensionForm : std::uint8_t { any, request, reply };

class Extension {
 public:
  Extension() = default;
  explicit Extension(std::string_view text, ExtensionForm form = ExtensionForm::any) noexcept
      : data_(text.data()), size_and_form_(text.size() | static_cast<std::uint64_t>(form) << kFormAt) {}

  [[nodiscard]] bool empty() const noexcept { return size_and_form_ == 0; }
  [[nodiscard]] std::string_view text() const noexcept { return {data_, static_cast<std::uint32_t>(size_and_form_)}; }
  /// Of an empty text it is any.
  [[nodiscard]] ExtensionForm form() const noexcept { return static_cast<ExtensionForm>(size_and_form_ >> kFormAt); }

  /// The JSON text of that member's value, whose grammar nobody has checked; empty when it is not there exactly once,
  /// or the text is not what line 1 says. `key` is compared as it is written: it has no character that JSON escapes.
  [[nodiscard]] std::string_view find(std::string_view key) const noexcept;

  /// Leaves the pointer as it is: one store, in what each message passes through.
  void clear() noexcept { size_and_form_ = 0; }

  friend bool operator==(const Extension& a, const Extension& b) noexcept { return a.text() == b.text(); }

 private:
  static constexpr unsigned kFormAt = 32;  // no text has so many bytes

  const char* data_ = nullptr;
  std::uint64_t size_and_form_ = 0;  // one word: each message asks whether it is empty
};

}  // namespace distflow::protocol
