#include "protocol/connection_notice.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "protocol/json_members.hpp"
#include "protocol/json_write.hpp"

namespace distflow::protocol {
namespace {

using Kind = ConnectionNotice::Kind;

constexpr std::string_view kEnd = "end";
constexpr std::string_view kMoved = "moved";

struct Verb {
  Kind kind;
  std::string_view text;
};
constexpr std::array<Verb, 5> kVerbs{{{Kind::ask, "ask "},
                                      {Kind::may, "may "},
                                      {Kind::memory, "memory "},
                                      {Kind::mapped, "mapped "},
                                      {Kind::unmapped, "unmapped "}}};

std::string text_of(const ConnectionNotice& notice) {
  const auto* const verb = std::ranges::find(kVerbs, notice.kind, &Verb::kind);
  if (verb == kVerbs.end()) return std::string(notice.kind == Kind::end ? kEnd : kMoved);
  std::string text(verb->text);
  if (notice.kind == Kind::memory) text += std::to_string(notice.ring_size) + ' ' + notice.memory_name + ' ';
  return text + notice.nonce;
}

bool is_sized(std::string_view text, std::size_t size_max) { return !text.empty() && text.size() <= size_max; }

/// Takes the text up to the next space, and that.
std::string_view take_word(std::string_view& text) {
  const std::string_view word = text.substr(0, text.find(' '));
  text.remove_prefix(std::min(text.size(), word.size() + 1));
  return word;
}

std::optional<ConnectionNotice> parse_rest(Kind kind, std::string_view rest) {
  ConnectionNotice notice{.kind = kind};
  if (kind == Kind::memory) {
    const std::string_view size = take_word(rest);
    const char* const end = size.data() + size.size();
    const auto [read_to, error] = std::from_chars(size.data(), end, notice.ring_size);
    notice.memory_name = take_word(rest);
    if (error != std::errc() || read_to != end) return std::nullopt;
    if (!is_sized(notice.memory_name, ConnectionNotice::kMemoryNameSizeMax)) return std::nullopt;
  }
  if (!is_sized(rest, ConnectionNotice::kNonceSizeMax)) return std::nullopt;
  notice.nonce = rest;
  return notice;
}

std::optional<ConnectionNotice> parse(std::string_view text) {
  if (text == kEnd) return ConnectionNotice{.kind = Kind::end};
  if (text == kMoved) return ConnectionNotice{.kind = Kind::moved};
  for (const Verb& verb : kVerbs) {
    if (text.starts_with(verb.text)) return parse_rest(verb.kind, text.substr(verb.text.size()));
  }
  return std::nullopt;
}

}  // namespace

std::string write_connection_notice(std::string_view from, std::string_view to, std::int64_t timestamp_ms,
                                    const ConnectionNotice& notice) {
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

std::optional<ConnectionNotice> read_connection_notice(std::string_view frame) {
  const auto found = find_members(frame, std::array<std::string_view, 1>{"connection"});
  if (!found || found->front().empty()) return std::nullopt;
  const auto text = decode_string(found->front());
  return text ? parse(*text) : std::nullopt;
}

}  // namespace distflow::protocol
