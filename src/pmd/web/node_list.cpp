#include "pmd/web/node_list.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>

#include "http/request.hpp"
#include "protocol/json_write.hpp"

namespace distflow::pmd {
namespace {

http::Response refusal(int status, std::string_view why) { return {.status = status, .body = std::string(why) + '\n'}; }

/// Nothing for what is no positive number.
std::optional<std::size_t> count_of(std::string_view text) {
  std::size_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, count);
  if (error != std::errc() || at != end || count == 0) return std::nullopt;
  return std::min(count, kNodesPerPart);
}

/// Where a part ends: the number of its last entry, and the node's name, by which the entry is found.
struct Cursor {
  std::uint64_t number = 0;
  std::string node_id;
};

std::string text_of(const Registry::Entry& entry) { return std::to_string(entry.number) + '.' + entry.node.node_id; }

/// Nothing for what text_of() does not write.
std::optional<Cursor> cursor_of(std::string_view text) {
  Cursor cursor;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, cursor.number);
  if (error != std::errc() || at == end || *at != '.') return std::nullopt;
  cursor.node_id = text.substr(static_cast<std::size_t>(at + 1 - text.data()));
  return cursor;
}

}  // namespace

http::Response node_list(const Registry& registry, std::string_view query) {
  std::size_t limit = kNodesPerPart;
  if (const std::optional<std::string> text = http::query_value(query, "limit")) {
    const std::optional<std::size_t> count = count_of(*text);
    if (!count) return refusal(400, "limit is no positive number");
    limit = *count;
  }
  auto place = registry.entries().begin();
  if (const std::optional<std::string> after = http::query_value(query, "after")) {
    const std::optional<Cursor> cursor = cursor_of(*after);
    if (!cursor) return refusal(400, "`after` is no `next` of a part");
    const Registry::Entry* const last = registry.find_id(cursor->node_id);
    if (last == nullptr || last->number != cursor->number) {
      return refusal(410, "the node that the part before ended with is gone: begin anew");
    }
    place = std::next(Registry::Entries::const_iterator(last->place));
  }

  http::Response response{.content_type = "application/json"};
  std::string& out = response.body;
  out = R"({"revision":)" + std::to_string(registry.revision()) + R"(,"count":)" + std::to_string(registry.size()) +
        R"(,"nodes":[)";
  const Registry::Entry* last = nullptr;
  for (; place != registry.entries().end() && limit > 0 && out.size() < kPartSizeMax; ++place, --limit) {
    if (last != nullptr) out += ',';
    last = &*place;
    out += last->text.json();
  }
  out += R"(],"next":)";
  if (place == registry.entries().end() || last == nullptr) {
    out += "null";
  } else {
    protocol::append_json_string(out, text_of(*last));
  }
  out += "}\n";
  return response;
}

}  // namespace distflow::pmd
