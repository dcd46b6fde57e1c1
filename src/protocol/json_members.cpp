#include "protocol/json_members.hpp"

#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <charconv>
#include <cstring>

#include "base/assert.hpp"
#include "base/utf8.hpp"
#include "protocol/json_grammar.hpp"
#include "protocol/json_scan.hpp"

namespace distflow::protocol {
namespace {

constexpr unsigned kParseFlags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;

// NOLINTBEGIN(readability-identifier-naming): the names that rapidjson calls.

class StringHandler : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, StringHandler> {
 public:
  explicit StringHandler(std::string& text) noexcept : text_(text) {}

  bool Default() const noexcept { return false; }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    text_.assign(text, size);
    return true;
  }

 private:
  std::string& text_;
};

// NOLINTEND(readability-identifier-naming)

bool is_utf8(std::string_view text) noexcept {
  const char* const end = text.data() + text.size();
  for (const char* p = text.data(); p != end;) {
    const std::size_t size = static_cast<signed char>(*p) >= 0 ? 1 : base::utf8_sequence_size(p, end);
    if (size == 0) return false;
    p += size;
  }
  return true;
}

bool is_quoted(std::string_view slice) noexcept {
  return slice.size() >= 2 && slice.front() == '"' && slice.back() == '"';
}

/// The text of a string without escapes, as nearly all are: where it lies.
std::optional<std::string_view> plain_text(std::string_view slice) noexcept {
  if (!is_quoted(slice) || std::memchr(slice.data(), '\\', slice.size()) != nullptr) return std::nullopt;
  if (!is_json(slice)) return std::nullopt;
  return slice.substr(1, slice.size() - 2);
}

/// False when the slice is no string, or its text would not be valid UTF-8.
bool unescape(std::string_view slice, std::string& text) {
  if (!is_quoted(slice)) return false;
  rapidjson::MemoryStream stream(slice.data(), slice.size());
  StringHandler handler(text);
  rapidjson::Reader reader;
  // rapidjson takes a NUL for the end of the text; only the end is one.
  const bool parsed = !reader.Parse<kParseFlags>(stream, handler).IsError() && stream.Tell() == slice.size();
  // It refuses the first half of a surrogate pair alone, but encodes the second half alone.
  return parsed && is_utf8(text);
}

/// Reads one object from its beginning to its end. Each member function moves past what it is named after, or fails.
class MemberReader {
 public:
  MemberReader(std::string_view text, const OnMember& on_member) noexcept
      : p_(text.data()), end_(p_ + text.size()), on_member_(on_member) {}

  bool object() {
    if (!token('{')) return false;
    if (!token('}')) {
      do {
        if (!member()) return false;
      } while (token(','));
      if (!token('}')) return false;
    }
    return skip_space(p_, end_) == end_;
  }

 private:
  bool member() {
    const std::string_view key = value();
    if (!is_quoted(key) || !token(':')) return false;
    const std::string_view slice = value();
    if (slice.empty()) return false;
    if (const auto plain = plain_text(key)) return on_member_(*plain, slice);
    std::string text;
    return unescape(key, text) && on_member_(text, slice);
  }

  /// Empty when there is none.
  std::string_view value() noexcept {
    const char* const begin = skip_space(p_, end_);
    const char* const after = scan_value(begin, end_);
    if (after == nullptr) return {};
    p_ = after;
    return {begin, static_cast<std::size_t>(after - begin)};
  }

  bool token(char c) noexcept {
    p_ = skip_space(p_, end_);
    if (p_ == end_ || *p_ != c) return false;
    ++p_;
    return true;
  }

  const char* p_;
  const char* const end_;
  const OnMember& on_member_;
};

}  // namespace

bool for_each_member(std::string_view object, const OnMember& on_member) {
  return MemberReader(object, on_member).object();
}

bool for_each_element(std::string_view array, const OnElement& on_element) {
  const char* const end = array.data() + array.size();
  const char* p = skip_space(array.data(), end);
  if (p == end || *p != '[') return false;
  p = skip_space(p + 1, end);
  while (*p != ']') {
    const char* const after = scan_value(p, end);
    DF_ASSERT(after != nullptr);
    if (!on_element({p, static_cast<std::size_t>(after - p)})) return false;
    p = skip_space(after, end);
    if (*p == ',') p = skip_space(p + 1, end);
  }
  return true;
}

bool find_members(std::string_view object, std::span<const std::string_view> keys, std::span<std::string_view> values) {
  DF_ASSERT(keys.size() == values.size());
  return for_each_member(object, [&](std::string_view key, std::string_view value) {
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (key != keys[i]) continue;
      if (!values[i].empty()) return false;
      values[i] = value;
    }
    return true;
  });
}

std::optional<std::string> decode_string(std::string_view slice) {
  if (const auto plain = plain_text(slice)) return std::string(*plain);
  std::string text;
  if (!unescape(slice, text)) return std::nullopt;
  return text;
}

std::optional<std::int64_t> decode_integer(std::string_view slice) noexcept {
  const std::string_view digits = slice.starts_with('-') ? slice.substr(1) : slice;
  if (digits.size() > 1 && digits.front() == '0') return std::nullopt;
  std::int64_t value = 0;
  const char* const end = slice.data() + slice.size();
  const auto [after, error] = std::from_chars(slice.data(), end, value);
  if (error != std::errc() || after != end) return std::nullopt;
  return value;
}

}  // namespace distflow::protocol
