#include "protocol/json_grammar.hpp"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "base/utf8.hpp"
#include "protocol/byte_block.hpp"

namespace distflow::protocol {
namespace {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }

constexpr int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// Bytes that a string holds as they are: not quotes, backslashes, control characters, nor what is beyond ASCII.
std::uint32_t where_plain(const char* p) noexcept {
  const Block16 block(p);
  return block.above(' ' - 1).but_not(block.equal('"') | block.equal('\\')).bits();
}

bool is_plain_byte(char c) noexcept { return static_cast<signed char>(c) >= ' ' && c != '"' && c != '\\'; }

/// The first byte of [p, end) that is not plain. `begin` is where the text begins: what lies before `p` can be read.
const char* skip_plain(const char* begin, const char* p, const char* end) noexcept {
  for (; end - p >= 16; p += 16) {
    const std::uint32_t plain = where_plain(p);
    if (plain != 0xFFFF) return p + std::countr_one(plain);
  }
  if (end - begin >= 16) return p + std::countr_one(where_plain(end - 16) >> (16 - (end - p)));
  while (p != end && is_plain_byte(*p)) ++p;
  return p;
}

/// Reads a text from its beginning to its end. Each member function moves past what it is named after, or fails.
class Reader {
 public:
  Reader(std::string_view text, LoneSurrogates lone_surrogates) noexcept
      : begin_(text.data()), p_(begin_), end_(p_ + text.size()), lone_surrogates_(lone_surrogates) {}

  [[nodiscard]] bool text() noexcept {
    do {
      if (!value_or_opening()) return false;
      if (!closings()) return false;
    } while (depth_ != 0);
    return p_ == end_;
  }

 private:
  /// A scalar, or the beginning of a container up to where its first value is due or its end stands.
  bool value_or_opening() noexcept {
    for (;;) {
      switch (peek()) {
        case ' ':
        case '\n':
        case '\r':
        case '\t': space(); break;
        case '{':
          if (!open('}')) return false;
          if (peek() == '}') return true;
          if (!key()) return false;
          break;
        case '[':
          if (!open(']')) return false;
          if (peek() == ']') return true;
          break;
        case '"': ++p_; return rest_of_string();
        case 't': return literal("true");
        case 'f': return literal("false");
        case 'n': return literal("null");
        default: return number();
      }
    }
  }

  /// What follows a value: the ends of containers, up to a comma and, in an object, the next key.
  bool closings() noexcept {
    while (depth_ != 0) {
      const char closer = closers_[depth_ - 1];
      if (take_token(',')) return closer == ']' || key();
      if (!take_token(closer)) return false;
      --depth_;
    }
    space();
    return true;
  }

  bool open(char closer) noexcept {
    if (depth_ == kDepthMax) return false;
    closers_[depth_++] = closer;
    ++p_;
    space();
    return true;
  }

  bool key() noexcept { return take_token('"') && rest_of_string() && take_token(':'); }

  bool rest_of_string() noexcept {
    for (;;) {
      p_ = skip_plain(begin_, p_, end_);
      if (take('"')) return true;
      if (peek() == '\\') {
        if (!escape()) return false;
      } else {
        const std::size_t size = base::utf8_sequence_size(p_, end_);
        if (size == 0) return false;
        p_ += size;
      }
    }
  }

  bool escape() noexcept {
    ++p_;
    if (p_ == end_) return false;
    const char c = *p_++;
    if (c == 'u') return unicode_escape();
    return c == '"' || c == '\\' || c == '/' || c == 'b' || c == 'f' || c == 'n' || c == 'r' || c == 't';
  }

  bool unicode_escape() noexcept {
    const int unit = hex4();
    if (unit < 0) return false;
    if (lone_surrogates_ == LoneSurrogates::accept || unit < 0xD800 || unit > 0xDFFF) return true;
    if (unit >= 0xDC00 || !take('\\') || !take('u')) return false;
    const int low = hex4();
    return low >= 0xDC00 && low <= 0xDFFF;
  }

  int hex4() noexcept {
    if (end_ - p_ < 4) return -1;
    int unit = 0;
    for (int i = 0; i < 4; ++i) {
      const int digit = hex_value(*p_++);
      if (digit < 0) return -1;
      unit = unit * 16 + digit;
    }
    return unit;
  }

  bool literal(std::string_view word) noexcept {
    if (static_cast<std::size_t>(end_ - p_) < word.size()) return false;
    if (std::memcmp(p_, word.data(), word.size()) != 0) return false;
    p_ += word.size();
    return true;
  }

  bool number() noexcept {
    take('-');
    if (!take('0') && !digits()) return false;
    if (take('.') && !digits()) return false;
    if (!take('e') && !take('E')) return true;
    if (!take('+')) take('-');
    return digits();
  }

  bool digits() noexcept {
    const char* const begin = p_;
    while (p_ != end_ && is_digit(*p_)) ++p_;
    return p_ != begin;
  }

  void space() noexcept { p_ = skip_space(p_, end_); }
  [[nodiscard]] char peek() const noexcept { return p_ == end_ ? '\0' : *p_; }
  bool take(char c) noexcept {
    if (p_ == end_ || *p_ != c) return false;
    ++p_;
    return true;
  }

  /// With white space before it, which there hardly ever is.
  bool take_token(char c) noexcept {
    if (take(c)) return true;
    space();
    return take(c);
  }

  const char* const begin_;
  const char* p_;
  const char* const end_;
  const LoneSurrogates lone_surrogates_;
  std::size_t depth_ = 0;
  std::array<char, kDepthMax> closers_;
};

}  // namespace

bool is_json(std::string_view text, LoneSurrogates lone_surrogates) noexcept {
  return Reader(text, lone_surrogates).text();
}

}  // namespace distflow::protocol
