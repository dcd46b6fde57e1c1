// Reading the kernel's text files.
//
// Pure functions; any thread.
// Use: const std::vector<std::int64_t> range = numbers_in("32768\t60999\n");
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace distflow::cli {

/// Words between white space.
[[nodiscard]] std::vector<std::string_view> words_in(std::string_view text);
[[nodiscard]] std::vector<std::string_view> lines_in(std::string_view text);

/// The whole of `text` as a number, white space around it allowed.
[[nodiscard]] std::optional<std::int64_t> number_in(std::string_view text);

/// The number behind `key` and white space on the first line that begins with it: "Uid:\t1000\t1000".
[[nodiscard]] std::optional<std::int64_t> number_after(std::string_view text, std::string_view key);

}  // namespace distflow::cli
