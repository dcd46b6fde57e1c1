// What the standard output is: a terminal with a width and perhaps with colour, or something that programs read.
//
// A value; one thread.
// Use: const Screen screen = Screen::of_standard_output(); std::cout << table.text(screen);
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace distflow::cli {

struct Screen {
  bool is_terminal = false;
  std::size_t width = 0;  ///< columns; 0: lines are not cut
  /// Only on a terminal; not where NO_COLOR is set and not empty (no-color.org), nor where TERM is "dumb".
  bool has_colour = false;

  [[nodiscard]] static Screen of_standard_output();
};

enum class Style { heading, good, bad, faint };

/// `text` in that style where the screen has colour; else as it is.
[[nodiscard]] std::string styled(const Screen& screen, Style style, std::string_view text);

}  // namespace distflow::cli
