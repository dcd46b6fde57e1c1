#include "cli/table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/assert.hpp"
#include "base/utf8.hpp"

namespace distflow::cli {
namespace {

struct Range {
  char32_t first;
  char32_t last;
};

// What terminals show two columns wide: the blocks whose characters have the East Asian Width W or F (Unicode, UAX 11).
constexpr std::array kWide{Range{0x1100, 0x115F},   Range{0x2E80, 0x303E},   Range{0x3041, 0xA4CF},
                           Range{0xAC00, 0xD7A3},   Range{0xF900, 0xFAFF},   Range{0xFE30, 0xFE6F},
                           Range{0xFF00, 0xFF60},   Range{0xFFE0, 0xFFE6},   Range{0x1F300, 0x1F64F},
                           Range{0x1F680, 0x1F6FF}, Range{0x1F900, 0x1F9FF}, Range{0x20000, 0x3FFFD}};

std::size_t width_of(char32_t code_point) {
  const auto holds = [code_point](const Range& range) { return code_point >= range.first && code_point <= range.last; };
  return std::any_of(kWide.begin(), kWide.end(), holds) ? 2 : 1;
}

/// The size and the columns of the character at the head of [p, end); a byte that is no UTF-8 is one of each.
std::pair<std::size_t, std::size_t> measure(const char* p, const char* end) {
  const std::size_t size = base::utf8_sequence_size(p, end);
  return size == 0 ? std::pair<std::size_t, std::size_t>{1, 1} : std::pair{size, width_of(base::decode_utf8(p, size))};
}

}  // namespace

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (const char *p = text.data(), *const end = p + text.size(); p != end;) {
    const auto [size, columns] = measure(p, end);
    p += size;
    width += columns;
  }
  return width;
}

std::string cut_to_width(std::string_view text, std::size_t width) {
  if (width == 0 || display_width(text) <= width) return std::string(text);
  const char* p = text.data();
  const char* const end = p + text.size();
  for (std::size_t used = 0;;) {
    const auto [size, columns] = measure(p, end);
    if (used + columns > width - 1) break;
    p += size;
    used += columns;
  }
  return std::string(text.data(), p) + "…";
}

void Table::add(std::vector<std::string> cells) {
  DF_ASSERT(cells.size() == heads_.size());
  rows_.push_back(std::move(cells));
}

std::string Table::line(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths) const {
  fmt::memory_buffer out;
  for (std::size_t i = 0; i + 1 < cells.size(); ++i)
    fmt::format_to(fmt::appender(out), "{}{:{}}  ", cells[i], "", widths[i] - display_width(cells[i]));
  fmt::format_to(fmt::appender(out), "{}", cells.back());
  std::string text = fmt::to_string(out);
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

std::string Table::text(const Screen& screen) const {
  std::vector<std::size_t> widths;
  for (const std::string& head : heads_) widths.push_back(display_width(head));
  for (const std::vector<std::string>& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], display_width(row[i]));
  }
  std::string text = styled(screen, Style::heading, cut_to_width(line(heads_, widths), screen.width)) + "\n";
  for (const std::vector<std::string>& row : rows_) text += cut_to_width(line(row, widths), screen.width) + "\n";
  return text;
}

}  // namespace distflow::cli
