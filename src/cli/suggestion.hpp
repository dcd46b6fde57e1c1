// Which known word somebody may have meant who typed another.
//
// Pure functions; any thread.
// Use: if (const auto meant = nearest_word("lsit", {"list", "kill"})) ...   // "list"
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace distflow::cli {

/// How many letters must be put in, left out, exchanged, or swapped with their neighbour to make `a` of `b`.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

/// The known word that `word` begins, or the nearest one within one edit for each three letters; nothing when none is
/// near, or when `word` is longer than any word is likely to be.
[[nodiscard]] std::optional<std::string> nearest_word(std::string_view word, const std::vector<std::string>& known);

}  // namespace distflow::cli
