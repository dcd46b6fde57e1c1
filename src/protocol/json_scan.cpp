#include "protocol/json_scan.hpp"

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "protocol/byte_block.hpp"

namespace distflow::protocol {
namespace {

constexpr std::size_t kStride = 64;

/// What lies in a stride: bit i of each mask is byte i.
struct Masks {
  std::uint64_t quotes;
  std::uint64_t backslashes;
  std::uint64_t events;  ///< `{}[]` and backslashes; also `Y_y` and DEL, which two instructions cannot tell from them.
};

template <class Where>
[[gnu::always_inline]] inline std::uint64_t gather(const Block16 (&blocks)[4], Where where) noexcept {
  return Block16::Lanes::join(where(blocks[0]), where(blocks[1]), where(blocks[2]), where(blocks[3]));
}

[[gnu::always_inline]] inline Masks look_at(const char* stride) noexcept {
  const Block16 blocks[] = {Block16(stride), Block16(stride + 16), Block16(stride + 32), Block16(stride + 48)};
  const auto quote = [](const Block16& block) { return block.equal('"'); };
  const auto bracket = [](const Block16& block) { return block.masked_equal('\xD9', '\x59'); };
  const auto backslash = [](const Block16& block) { return block.equal('\\'); };
  const auto some = backslash(blocks[0]) | backslash(blocks[1]) | backslash(blocks[2]) | backslash(blocks[3]);
  const std::uint64_t backslashes = __builtin_expect(some.any(), 0) ? gather(blocks, backslash) : 0;
  return {gather(blocks, quote), backslashes, gather(blocks, bracket) | backslashes};
}

/// The last `left` bytes, fewer than a stride, of [begin, end).
Masks look_at_last(const char* begin, const char* end, std::size_t left) noexcept {
  if (static_cast<std::size_t>(end - begin) < kStride) {
    char stride[kStride] = {};
    std::memcpy(stride, end - left, left);
    return look_at(stride);
  }
  const Masks masks = look_at(end - kStride);
  const std::size_t seen = kStride - left;
  return {masks.quotes >> seen, masks.backslashes >> seen, masks.events >> seen};
}

/// The bytes that a backslash takes its meaning from. `carry` is 1 when the stride's first byte is one, on return
/// when the next stride's is.
std::uint64_t escaped_bytes(std::uint64_t backslashes, std::uint64_t& carry) noexcept {
  std::uint64_t escaped = carry;
  carry = 0;
  for (std::uint64_t rest = backslashes & ~escaped; rest != 0;) {
    const std::uint64_t escape = rest & (~rest + 1);
    escaped |= escape << 1;
    carry = escape >> 63;
    rest &= ~(escape | escape << 1);
  }
  return escaped;
}

/// Bit i of the result is the parity of bits 0 to i: set from an opening quote up to the closing one.
std::uint64_t parity_so_far(std::uint64_t bits) noexcept {
  bits ^= bits << 1;
  bits ^= bits << 2;
  bits ^= bits << 4;
  bits ^= bits << 8;
  bits ^= bits << 16;
  bits ^= bits << 32;
  return bits;
}

/// The brackets that are open, as the bytes that close them. The first is open from the start.
class OpenBrackets {
 public:
  explicit OpenBrackets(char first) noexcept { closers_[0] = closer_of(first); }

  [[nodiscard]] bool open(char bracket) noexcept {
    if (depth_ == kDepthMax) return false;
    closers_[depth_++] = closer_of(bracket);
    return true;
  }
  [[nodiscard]] bool close(char bracket) noexcept { return closers_[--depth_] == bracket; }
  [[nodiscard]] bool empty() const noexcept { return depth_ == 0; }

 private:
  static char closer_of(char bracket) noexcept { return static_cast<char>(bracket + 2); }  // '{' + 2 == '}'

  std::size_t depth_ = 1;
  std::array<char, kDepthMax> closers_;
};

const char* scan_container(const char* begin, const char* end) noexcept {
  OpenBrackets brackets(*begin);
  const char* p = begin + 1;
  std::uint64_t in_string = 0;  // all ones when the stride begins inside a string
  std::uint64_t escaped = 0;    // 1 when the stride's first byte is escaped
  while (p != end) {
    const auto left = static_cast<std::size_t>(end - p);
    Masks masks = left < kStride ? look_at_last(begin, end, left) : look_at(p);
    if (__builtin_expect((masks.backslashes | escaped) != 0, 0)) {
      masks.quotes &= ~escaped_bytes(masks.backslashes, escaped);
    }
    const std::uint64_t inside = parity_so_far(masks.quotes) ^ in_string;
    in_string = static_cast<std::uint64_t>(static_cast<std::int64_t>(inside) >> 63);

    for (std::uint64_t events = masks.events & ~inside; events != 0; events &= events - 1) {
      const char* at = p + std::countr_zero(events);
      const char lower = static_cast<char>(*at | 0x20);  // of '[' it makes '{', of ']' '}'
      if (lower == '{') {
        if (!brackets.open(*at)) return nullptr;
      } else if (lower == '}') {
        if (!brackets.close(*at)) return nullptr;
        if (brackets.empty()) return at + 1;
      } else if (*at == '\\') {
        return nullptr;
      }
    }
    if (left < kStride) break;
    p += kStride;
  }
  return nullptr;
}

/// Only quotes are sought: an even number of backslashes before one means that it closes.
const char* scan_string(const char* begin, const char* end) noexcept {
  for (const char* p = begin + 1;;) {
    const auto* quote = static_cast<const char*>(std::memchr(p, '"', static_cast<std::size_t>(end - p)));
    if (quote == nullptr) return nullptr;
    const char* escapes = quote;
    while (escapes != p && escapes[-1] == '\\') --escapes;
    if ((quote - escapes) % 2 == 0) return quote + 1;
    p = quote + 1;
  }
}

constexpr bool is_scalar_byte(char c) {
  if (c <= ' ' || c == '\x7F') return false;  // white space, control characters, and where char is signed, non-ASCII
  return c != '"' && c != ',' && c != ':' && c != '[' && c != ']' && c != '{' && c != '}' && c != '\\';
}

constexpr auto kIsScalar = [] {
  std::array<bool, 256> table{};
  for (unsigned c = 0; c < 128; ++c) table[c] = is_scalar_byte(static_cast<char>(c));
  return table;
}();

const char* scan_scalar(const char* begin, const char* end) noexcept {
  const char* p = begin;
  while (p != end && kIsScalar[static_cast<unsigned char>(*p)]) ++p;
  return p == begin ? nullptr : p;
}

}  // namespace

const char* detail::scan_any(const char* begin, const char* end) noexcept {
  if (begin == end) return nullptr;
  switch (*begin) {
    case '"': return scan_string(begin, end);
    case '{':
    case '[': return scan_container(begin, end);
    default: return scan_scalar(begin, end);
  }
}

}  // namespace distflow::protocol
