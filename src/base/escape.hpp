// Which text may reach a terminal, a log or a file as it is, and what is written instead of the rest.
//
// Pure functions; any thread. The one home of this decision: <distflow/printable.hpp>, the log and the command line's
// JSON all ask here. Text is judged by code points, not by bytes: the bytes of U+009B, which begins a terminal's
// command as ESC [ does, are ordinary ones in other characters.
//
// Use: for (Escaper escaper(text, Escaper::Spelling::text); !escaper.is_done();) out += escaper.next();
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace distflow::base {

/// Whether a code point shows itself. Not so: Unicode's categories Cc, Cf, Zl, Zp and Cs, and what has the property
/// Default_Ignorable_Code_Point (variation selectors, fillers, tags), by Unicode 15. None of those can be seen, many
/// steer how their neighbours are shown, and two names that differ in them look alike.
[[nodiscard]] bool is_visible(char32_t code_point) noexcept;

/// Text in pieces, each either as it was or an escape.
class Escaper {
 public:
  enum class Spelling {
    text,  ///< `\u{202e}`; `\xff` for a byte that is no UTF-8
    json,  ///< `\u202e`, two of them beyond U+FFFF; `\ufffd` for a byte that is no UTF-8; C0 stays as it is
  };

  Escaper(std::string_view text, Spelling spelling) noexcept
      : p_(text.data()), end_(p_ + text.size()), spelling_(spelling) {}

  [[nodiscard]] bool is_done() const noexcept { return p_ == end_; }

  /// One code point, or its escape of at most 12 bytes, which is valid until the next call.
  std::string_view next() noexcept;

 private:
  std::string_view spell(char32_t code_point) noexcept;
  std::string_view spell_byte(unsigned char byte) noexcept;

  const char* p_;
  const char* const end_;
  const Spelling spelling_;
  std::array<char, 16> escape_{};
};

/// JSON text of the same value, valid UTF-8 whatever it was made from, in which nothing invisible stands unescaped.
/// `json` must be JSON, but its strings may have bytes that are no UTF-8; each of these becomes U+FFFD.
[[nodiscard]] std::string printable_json(std::string_view json);

}  // namespace distflow::base
