#include "protocol/json_members.hpp"

#include <rapidjson/reader.h>

#include <charconv>

#include "base/assert.hpp"
#include "protocol/json_grammar.hpp"
#include "protocol/json_scan.hpp"

namespace distflow::protocol {
namespace {

constexpr unsigned kParseFlags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag;

// NOLINTBEGIN(readability-identifier-naming): the names that rapidjson calls.

/// A rapidjson input stream in which a stretch of the text can be hidden: an empty string is read in its place.
///
/// An empty string, because no byte that follows can join it to become another token.
class MemberStream {
 public:
  using Ch = char;

  explicit MemberStream(std::string_view text) noexcept : at_(text.data()), begin_(at_), end_(at_ + text.size()) {}

  [[nodiscard]] char Peek() const noexcept {
    if (at_ == hidden_) return '"';
    return at_ == end_ ? '\0' : *at_;  // NOLINT(clang-analyzer-core.NullDereference): null is the end, then
  }
  char Take() noexcept {
    if (at_ == hidden_) return take_hidden();
    return at_ == end_ ? '\0' : *at_++;
  }
  [[nodiscard]] std::size_t Tell() const noexcept { return static_cast<std::size_t>(at_ - begin_); }

  // What rapidjson would write to when it parses in place, which kParseFlags do not ask for.
  char* PutBegin() noexcept { DF_ASSERT(false); }
  void Put(char) noexcept { DF_ASSERT(false); }
  void Flush() noexcept { DF_ASSERT(false); }
  std::size_t PutEnd(char*) noexcept { DF_ASSERT(false); }

  /// `stretch` must lie ahead, and not be empty.
  void hide(std::string_view stretch) noexcept {
    hidden_ = stretch.data();
    after_hidden_ = hidden_ + stretch.size();
    opened_ = false;
  }

  [[nodiscard]] const char* at() const noexcept { return at_; }
  [[nodiscard]] const char* end() const noexcept { return end_; }
  [[nodiscard]] bool at_end() const noexcept { return at_ == end_; }

 private:
  char take_hidden() noexcept {
    if (opened_) {
      at_ = after_hidden_;
      hidden_ = &kNowhere;
    }
    opened_ = true;
    return '"';
  }

  static constexpr char kNowhere = '\0';

  const char* at_;
  const char* const begin_;
  const char* const end_;
  const char* hidden_ = &kNowhere;
  const char* after_hidden_ = nullptr;
  bool opened_ = false;  ///< The first of the two quotes has been taken.
};

/// Lets one object through, and hides each of its values as its key goes by.
class MemberHandler : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, MemberHandler> {
 public:
  MemberHandler(MemberStream& stream, const OnMember& on_member) noexcept : stream_(stream), on_member_(on_member) {}

  bool Default() const noexcept { return false; }
  bool StartObject() const noexcept { return true; }
  bool EndObject(rapidjson::SizeType) const noexcept { return true; }
  bool String(const char*, rapidjson::SizeType, bool) const noexcept { return in_object_; }

  bool Key(const char* key, rapidjson::SizeType size, bool) {
    in_object_ = true;
    const char* p = skip_space(stream_.at(), stream_.end());
    if (p == stream_.end() || *p != ':') return false;
    p = skip_space(p + 1, stream_.end());
    const char* const after = scan_value(p, stream_.end());
    if (after == nullptr) return false;
    const std::string_view value(p, static_cast<std::size_t>(after - p));
    stream_.hide(value);
    return on_member_({key, size}, value);
  }

 private:
  MemberStream& stream_;
  const OnMember& on_member_;
  bool in_object_ = false;
};

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
    const std::size_t size = static_cast<signed char>(*p) >= 0 ? 1 : utf8_sequence_size(p, end);
    if (size == 0) return false;
    p += size;
  }
  return true;
}

}  // namespace

bool for_each_member(std::string_view object, const OnMember& on_member) {
  MemberStream stream(object);
  MemberHandler handler(stream, on_member);
  rapidjson::Reader reader;
  // rapidjson takes a NUL for the end of the text; only the end is one.
  return !reader.Parse<kParseFlags>(stream, handler).IsError() && stream.at_end();
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
  if (slice.size() < 2 || slice.front() != '"' || slice.back() != '"') return std::nullopt;
  std::string text;
  MemberStream stream(slice);
  StringHandler handler(text);
  rapidjson::Reader reader;
  if (reader.Parse<kParseFlags>(stream, handler).IsError() || !stream.at_end()) return std::nullopt;
  // rapidjson refuses the first half of a surrogate pair alone, but encodes the second half alone.
  if (!is_utf8(text)) return std::nullopt;
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
