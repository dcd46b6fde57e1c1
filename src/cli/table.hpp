// A table for people: columns aligned by what is seen of each cell, lines cut to the terminal's width.
//
// A value; one thread. Cells must be fit to print already (distflow/printable.hpp).
// Use: Table table({"NAME", "ADDRESS"}); table.add({"pong", "127.0.0.1:4000"}); out += table.text(screen);
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "cli/screen.hpp"

namespace distflow::cli {

/// Columns of a terminal that `text`, which is UTF-8, takes: two for a wide character of East Asia or an emoji, one for
/// each other. A combining mark counts one, too: a line may come out short, never too long.
[[nodiscard]] std::size_t display_width(std::string_view text);

/// `text` where it fits into `width` columns; else its beginning, with "…" as the last of them. 0: all of it.
[[nodiscard]] std::string cut_to_width(std::string_view text, std::size_t width);

class Table {
 public:
  explicit Table(std::vector<std::string> heads) : heads_(std::move(heads)) {}

  /// As many cells as there are heads.
  void add(std::vector<std::string> cells);
  /// The head and a line for each row, in their order, each with its end.
  [[nodiscard]] std::string text(const Screen& screen) const;

 private:
  [[nodiscard]] std::string line(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths) const;

  std::vector<std::string> heads_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace distflow::cli
