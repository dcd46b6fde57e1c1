#include "cli/doctor/parse.hpp"

#include <charconv>

namespace distflow::cli {
namespace {

std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t begin = text.find_first_not_of(separators);
    if (begin == std::string_view::npos) return parts;
    text.remove_prefix(begin);
    const std::size_t end = text.find_first_of(separators);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end);
  }
}

}  // namespace

std::vector<std::string_view> words_in(std::string_view text) { return split(text, " \t\n"); }
std::vector<std::string_view> lines_in(std::string_view text) { return split(text, "\n"); }

std::optional<std::int64_t> number_in(std::string_view text) {
  const std::vector<std::string_view> words = words_in(text);
  if (words.size() != 1) return std::nullopt;
  std::int64_t number = 0;
  const char* const end = words[0].data() + words[0].size();
  const auto [rest, error] = std::from_chars(words[0].data(), end, number);
  return error == std::errc{} && rest == end ? std::optional(number) : std::nullopt;
}

std::optional<std::int64_t> number_after(std::string_view text, std::string_view key) {
  for (const std::string_view line : lines_in(text)) {
    if (!line.starts_with(key)) continue;
    const std::vector<std::string_view> words = words_in(line.substr(key.size()));
    return words.empty() ? std::nullopt : number_in(words[0]);
  }
  return std::nullopt;
}

}  // namespace distflow::cli
