#include "protocol/control_frame.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "protocol/json_members.hpp"
#include "protocol/json_write.hpp"

namespace distflow::protocol {
namespace {

using Kind = ControlFrame::Kind;

struct Word {
  Kind kind;
  std::string_view text;
};
constexpr std::array<Word, 6> kWords{{{Kind::both, "both"},
                                      {Kind::one, "one"},
                                      {Kind::end, "end"},
                                      {Kind::mapped, "mapped"},
                                      {Kind::unmapped, "unmapped"},
                                      {Kind::moved, "moved"}}};
constexpr std::string_view kMemory = "memory ";
constexpr std::string_view kPing = "ping ";
constexpr std::string_view kPong = "pong ";

std::string text_of(const ControlFrame& notice) {
  const auto* const word = std::ranges::find(kWords, notice.kind, &Word::kind);
  if (word != kWords.end()) return std::string(word->text);
  if (notice.kind == Kind::ping) return std::string(kPing) + notice.nonce;
  if (notice.kind == Kind::pong) return std::string(kPong) + notice.nonce;
  return std::string(kMemory) + std::to_string(notice.ring_size) + ' ' + notice.memory_name + ' ' + notice.nonce;
}

bool is_sized(std::string_view text, std::size_t size_max) { return !text.empty() && text.size() <= size_max; }

/// Takes the text up to the next space, and that.
std::string_view take_word(std::string_view& text) {
  const std::string_view word = text.substr(0, text.find(' '));
  text.remove_prefix(std::min(text.size(), word.size() + 1));
  return word;
}

/// What stands behind kMemory.
std::optional<ControlFrame> parse_memory(std::string_view text) {
  ControlFrame notice{.kind = Kind::memory};
  const std::string_view size = take_word(text);
  const char* const end = size.data() + size.size();
  const auto [read_to, error] = std::from_chars(size.data(), end, notice.ring_size);
  if (error != std::errc() || read_to != end) return std::nullopt;
  notice.memory_name = take_word(text);
  if (!is_sized(notice.memory_name, ControlFrame::kMemoryNameSizeMax)) return std::nullopt;
  if (!is_sized(text, ControlFrame::kNonceSizeMax)) return std::nullopt;
  notice.nonce = text;
  return notice;
}

std::optional<ControlFrame> parse_echo(Kind kind, std::string_view nonce) {
  if (!is_sized(nonce, ControlFrame::kNonceSizeMax)) return std::nullopt;
  return ControlFrame{.kind = kind, .nonce = std::string(nonce)};
}

std::optional<ControlFrame> parse(std::string_view text) {
  if (text.starts_with(kMemory)) return parse_memory(text.substr(kMemory.size()));
  if (text.starts_with(kPing)) return parse_echo(Kind::ping, text.substr(kPing.size()));
  if (text.starts_with(kPong)) return parse_echo(Kind::pong, text.substr(kPong.size()));
  const auto* const word = std::ranges::find(kWords, text, &Word::text);
  if (word == kWords.end()) return std::nullopt;
  return ControlFrame{.kind = word->kind};
}

}  // namespace

std::string write_control_frame(std::string_view from, std::string_view to, std::int64_t timestamp_ms,
                                const ControlFrame& notice) {
  std::string json = R"({"from":)";
  append_json_string(json, from);
  json += R"(,"to":)";
  append_json_string(json, to);
  json += R"(,"timestamp":)";
  json += std::to_string(timestamp_ms);
  json += R"(,"connection":)";
  append_json_string(json, text_of(notice));
  json += '}';
  return json;
}

std::optional<ControlFrame> read_control_frame(std::string_view frame) {
  const auto found = find_members(frame, std::array<std::string_view, 1>{"connection"});
  if (!found || found->front().empty()) return std::nullopt;
  const auto text = decode_string(found->front());
  return text ? parse(*text) : std::nullopt;
}

}  // namespace distflow::protocol
