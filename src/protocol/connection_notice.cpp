#include "protocol/connection_notice.hpp"

#include "protocol/json_members.hpp"
#include "protocol/json_write.hpp"

namespace distflow::protocol {
namespace {

using Kind = ConnectionNotice::Kind;

constexpr std::string_view kEnd = "end";

constexpr std::string_view verb_of(Kind kind) { return kind == Kind::ask ? "ask " : "may "; }

std::optional<ConnectionNotice> parse(std::string_view text) {
  if (text == kEnd) return ConnectionNotice{};
  for (const Kind kind : {Kind::ask, Kind::may}) {
    const std::string_view verb = verb_of(kind);
    if (!text.starts_with(verb)) continue;
    const std::string_view nonce = text.substr(verb.size());
    if (nonce.empty() || nonce.size() > ConnectionNotice::kNonceSizeMax) return std::nullopt;
    return ConnectionNotice{.kind = kind, .nonce = std::string(nonce)};
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
  append_json_string(json,
                     notice.kind == Kind::end ? std::string(kEnd) : std::string(verb_of(notice.kind)) + notice.nonce);
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
