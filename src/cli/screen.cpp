#include "cli/screen.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <fmt/format.h>

#include <cstdlib>

namespace distflow::cli {
namespace {

std::string_view variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? std::string_view() : value;
}

// The parameters of the terminal's command "Select Graphic Rendition" (ECMA-48, 8.3.117).
const char* graphic_rendition(Style style) {
  switch (style) {
    case Style::heading: return "1";
    case Style::good: return "32";
    case Style::bad: return "31";
    case Style::faint: return "2";
  }
  return "0";
}

}  // namespace

Screen Screen::of_standard_output() {
  if (::isatty(STDOUT_FILENO) != 1) return {};
  winsize size{};
  const bool has_size = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
  return {.is_terminal = true,
          .width = has_size ? std::size_t{size.ws_col} : 0,
          .has_colour = variable("NO_COLOR").empty() && variable("TERM") != "dumb"};
}

std::string styled(const Screen& screen, Style style, std::string_view text) {
  if (!screen.has_colour) return std::string(text);
  return fmt::format("\x1b[{}m{}\x1b[0m", graphic_rendition(style), text);
}

}  // namespace distflow::cli
