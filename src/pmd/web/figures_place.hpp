// Where a viewer of the figures stands: what it has, and how far it has come in reading what is new.
//
// A value; any thread. It travels as text, which means nothing to the viewer:
//   1. "7": the viewer has all figures up to the change with the number 7, and nothing for "0".
//   2. "7.90.55": it reads what has changed since then, of the nodes that had a place at the change 90. The last one
//      that it has read has the place 55. Places do not change while figures do, so such a reading comes to an end.
// Use: const std::optional<FiguresPlace> place = FiguresPlace::read(text); ... response += place->text();
#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace distflow::pmd {

struct FiguresPlace {
  std::uint64_t since = 0;  ///< the viewer has what has changed up to this number
  std::uint64_t until = 0;  ///< the last number when the reading that is under way began; 0: none is under way
  std::uint64_t after = 0;  ///< where that reading goes on

  [[nodiscard]] static std::optional<FiguresPlace> read(std::string_view text) {
    std::array<std::uint64_t, 3> numbers{};
    std::size_t count = 0;
    const char* at = text.data();
    const char* const end = at + text.size();
    for (;;) {
      const auto [next, error] = std::from_chars(at, end, numbers[count]);
      if (error != std::errc()) return std::nullopt;
      ++count;
      if (next == end) break;
      if (*next != '.' || count == numbers.size()) return std::nullopt;
      at = next + 1;
    }
    if (count == 2) return std::nullopt;
    return FiguresPlace{.since = numbers[0], .until = numbers[1], .after = numbers[2]};
  }
  [[nodiscard]] std::string text() const {
    if (until == 0) return std::to_string(since);
    return std::to_string(since) + '.' + std::to_string(until) + '.' + std::to_string(after);
  }
};

}  // namespace distflow::pmd
