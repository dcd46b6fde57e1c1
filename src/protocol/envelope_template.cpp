// The canonical forms of an envelope, read in place: literals are compared, ids and digits taken many bytes at a time.
//
//   {"from":"7021c0138e13d26a","to":"00000000000051c4","payload":VALUE,"timestamp":1795375753755}
//   0        9               25      33              49          61
//   {"from":"7021c0138e13d26a","to":"00000000000051c4","payload":VALUE,"timestamp":1795375753755,"ask":17,"ms":5000}
//
// Ids are 16 bytes and times 13 digits, which is what every node writes; for these there is a way without loops, and
// for others one with loops. Every instruction counts here: a frame with a string of 128 bytes takes fewer than 150.
// The first form is known by its end, so that its value is all between that and the header. The second form is read
// from the value on, and costs the first one nothing.
#include <algorithm>
#include <bit>
#include <cstring>

#include "protocol/byte_block.hpp"
#include "protocol/envelope.hpp"
#include "protocol/json_scan.hpp"

namespace distflow::protocol {
namespace {

constexpr char kFrom[] = R"({"from":")";
constexpr char kTo[] = R"(","to":")";
constexpr char kPayload[] = R"(","payload":)";
constexpr char kTimestamp[] = R"(,"timestamp":)";
constexpr char kAsk[] = R"(,"ask":)";
constexpr char kMs[] = R"(,"ms":)";
constexpr char kRe[] = R"(,"re":)";

template <std::size_t kSize>
constexpr std::size_t length(const char (&)[kSize]) {
  return kSize - 1;
}

constexpr std::size_t kCommonIdSize = 16;
constexpr std::size_t kCommonFromAt = length(kFrom);
constexpr std::size_t kCommonToAt = kCommonFromAt + kCommonIdSize + length(kTo);
constexpr std::ptrdiff_t kCommonTimeSize = 13;
constexpr std::ptrdiff_t kTimeSizeMax = 18;  // digits that surely fit 64 bits
constexpr std::size_t kCommonSuffixSize = length(kTimestamp) + kCommonTimeSize + length("}");
constexpr char kCommonTail[] = R"(p":0000000000000)";  // the end of kTimestamp, and 13 digits: a block
constexpr std::ptrdiff_t kAskIdSize = 16;
/// That of a reply is the shortest.
constexpr std::size_t kAskSuffixSizeMin = length(kTimestamp) + kCommonTimeSize + length(kRe) + kAskIdSize + length("}");
constexpr std::size_t kCommonValueAt = kCommonToAt + kCommonIdSize + length(kPayload);

/// Bytes that may be in an id here. Others end it, or are read by the general path only: backslashes, what is beyond
/// printable ASCII, and, to save an instruction, space and `!`.
Block16::Lanes plain(const Block16& block) noexcept { return block.above('"').but_not(block.equal('\\')); }

bool is_plain(char c) noexcept { return static_cast<signed char>(c) > '"' && c != '\\'; }

/// Thirteen digits at `p`, behind the last three bytes of kTimestamp.
[[gnu::always_inline]] inline bool read_common_digits(const char* p, std::int64_t& value) noexcept {
  const Block16 values = Block16(p - 3).minus(Block16(kCommonTail));
  value = static_cast<std::int64_t>(values.joined_digits());
  return values.at_most(9).all();
}

template <std::size_t kSize>
bool is_at(const char* p, const char (&literal)[kSize]) noexcept {
  return std::memcmp(p, literal, kSize - 1) == 0;
}

/// A cursor that moves past what it is asked for, or fails.
class Cursor {
 public:
  Cursor(const char* p, const char* end) noexcept : p_(p), end_(end) {}

  template <std::size_t kSize>
  [[nodiscard]] bool take(const char (&literal)[kSize]) noexcept {
    if (static_cast<std::size_t>(end_ - p_) < kSize - 1 || !is_at(p_, literal)) return false;
    p_ += kSize - 1;
    return true;
  }

  /// An id, or a key, up to the quote behind it.
  [[nodiscard]] bool take_id(std::string_view& id) noexcept {
    const char* const begin = p_;
    while (p_ != end_ && is_plain(*p_)) ++p_;
    id = {begin, static_cast<std::size_t>(p_ - begin)};
    return !id.empty() && id.size() <= kIdSizeMax;
  }

  [[nodiscard]] bool take_value() noexcept {
    const char* const after = scan_value(p_, end_);
    if (after != nullptr) p_ = after;
    return after != nullptr;
  }

  /// As many digits as surely fit 64 bits, with no zero before others.
  [[nodiscard, gnu::always_inline]] bool take_time(std::int64_t& value) noexcept {
    const char* const begin = p_;
    if (end_ - p_ > kCommonTimeSize && p_[kCommonTimeSize] == ',' && *p_ != '0' && read_common_digits(p_, value)) {
      p_ += kCommonTimeSize;
      return true;
    }
    std::int64_t sum = 0;
    for (; p_ != end_ && p_ - begin < kTimeSizeMax && *p_ >= '0' && *p_ <= '9'; ++p_) sum = sum * 10 + (*p_ - '0');
    value = sum;
    return p_ != begin && (*begin != '0' || p_ - begin == 1);
  }

  /// All that is left: nothing, or members that are none of the envelope's, each behind a comma.
  [[nodiscard, gnu::always_inline]] bool take_extension(Extension& extension) noexcept {
    if (p_ == end_) return true;
    const std::string_view text(p_ + 1, static_cast<std::size_t>(end_ - p_ - 1));
    if (text.size() > kExtensionSizeMax) return false;
    while (p_ != end_) {
      std::string_view key;
      if (!take(",\"") || !take_id(key) || !take("\":") || !(take_digits() || take_value())) return false;
      if (std::ranges::find(kEnvelopeKeys, key) != kEnvelopeKeys.end()) return false;
    }
    extension = Extension(text);
    return true;
  }

  /// A value of digits alone, as most in an extension are.
  [[nodiscard]] bool take_digits() noexcept {
    const char* p = p_;
    while (p != end_ && *p >= '0' && *p <= '9') ++p;
    if (p == p_ || (p != end_ && *p != ',')) return false;
    p_ = p;
    return true;
  }

  /// From the value, if there is one, to the end.
  [[nodiscard, gnu::always_inline]] bool take_rest(Envelope& envelope, bool has_payload) noexcept {
    const char* const value = p_;
    if (has_payload && !take_value()) return false;
    envelope.payload = {value, static_cast<std::size_t>(p_ - value)};
    return take(kTimestamp) && take_time(envelope.timestamp) && take_extension(envelope.extension);
  }

 private:
  const char* p_;
  const char* end_;
};

[[gnu::always_inline]] inline bool read_common_header(const char* p, Envelope& envelope) noexcept {
  if (!is_at(p, kFrom) || !is_at(p + kCommonFromAt + kCommonIdSize, kTo)) return false;
  if (!is_at(p + kCommonToAt + kCommonIdSize, kPayload)) return false;
  envelope.from = {p + kCommonFromAt, kCommonIdSize};
  envelope.to = {p + kCommonToAt, kCommonIdSize};
  return (plain(Block16(p + kCommonFromAt)) & plain(Block16(p + kCommonToAt))).all();
}

[[gnu::always_inline]] inline bool read_common_suffix(const char* p, std::int64_t& timestamp) noexcept {
  const char* const digits = p + length(kTimestamp);
  if (!is_at(p, kTimestamp) || *digits == '0' || digits[kCommonTimeSize] != '}') return false;
  return read_common_digits(digits, timestamp);
}

/// Ids and times of any length, or no payload.
[[gnu::noinline]] bool decode_with_loops(const char* p, const char* end, Envelope& envelope) noexcept {
  if (p == end || end[-1] != '}') return false;
  Cursor cursor(p, end - 1);
  if (!cursor.take(kFrom) || !cursor.take_id(envelope.from)) return false;
  if (!cursor.take(kTo) || !cursor.take_id(envelope.to)) return false;
  const bool has_payload = cursor.take(kPayload);
  if (!has_payload && !cursor.take("\"")) return false;
  return cursor.take_rest(envelope, has_payload);
}

/// Which of 16 bytes are digits.
[[gnu::always_inline]] inline Block16::Lanes digits_at(const char* p) noexcept {
  constexpr char zeros[] = "0000000000000000";
  return Block16(p).minus(Block16(zeros)).at_most(9);
}

/// Where the suffix of a request or of a reply with 16 digits begins, ,"timestamp":MS,"ask":ID,"ms":N} or
/// ,"timestamp":MS,"re":ID} , in a frame that has the common header; null when there is none.
[[gnu::always_inline]] inline const char* read_ask_suffix(const char* end, Envelope& envelope) noexcept {
  const char* const close = end - 1;
  const std::uint32_t others = ~digits_at(close - kAskIdSize).bits() & 0xFFFFU;
  const char* members = nullptr;  // the comma before them
  const auto form = others == 0 ? ExtensionForm::reply : ExtensionForm::request;
  if (form == ExtensionForm::reply) {
    members = close - kAskIdSize - length(kRe);
    if (!is_at(members, kRe)) return nullptr;
  } else {
    const char* const ms = close - kAskIdSize + std::bit_width(others) - length(kMs);  // behind the last of them
    members = ms - kAskIdSize - length(kAsk);
    if (!is_at(ms, kMs) || ms + length(kMs) == close || !is_at(members, kAsk)) return nullptr;
    if (!digits_at(ms - kAskIdSize).all()) return nullptr;
  }
  const char* const time = members - kCommonTimeSize;
  const char* const suffix = time - length(kTimestamp);
  if (*close != '}' || *time == '0' || !is_at(suffix, kTimestamp)) return nullptr;
  envelope.extension = Extension({members + 1, static_cast<std::size_t>(close - members - 1)}, form);
  return read_common_digits(time, envelope.timestamp) ? suffix : nullptr;
}

constexpr std::size_t kPlainStringSizeMin = 2 + 32;
constexpr std::size_t kPlainStringSizeMax = 512;  // beyond that, memchr does better

/// Whether [p, p + size) is a string that its last byte closes: no quote before it, and no backslash just before it.
/// Not being called plain means nothing.
inline bool is_plain_string(const char* p, std::size_t size) noexcept {
  if (size < kPlainStringSizeMin || size > kPlainStringSizeMax) return false;
  const char* const close = p + size - 1;
  if (*p != '"' || *close != '"' || close[-1] == '\\') return false;
  // The last stride may overlap the one before.
  const char* const last = close - 32;
  Block16::Lanes quotes = Block16(last).equal('"') | Block16(last + 16).equal('"');
  for (++p; p < last; p += 32) quotes = quotes | Block16(p).equal('"') | Block16(p + 16).equal('"');
  return !quotes.any();
}

[[gnu::noinline]] bool is_value(const char* begin, const char* end) noexcept {
  return detail::scan_any(begin, end) == end;
}

/// A frame that has the common header, and not the common suffix.
[[gnu::noinline]] bool decode_extended(const char* begin, const char* end, Envelope& envelope) noexcept {
  const char* const value = begin + kCommonValueAt;
  if (static_cast<std::size_t>(end - value) > kAskSuffixSizeMin) {
    const char* const suffix = read_ask_suffix(end, envelope);
    if (suffix != nullptr && suffix > value) {
      const auto size = static_cast<std::size_t>(suffix - value);
      envelope.payload = {value, size};
      return is_plain_string(value, size) || is_value(value, suffix);
    }
    envelope.extension.clear();
  }
  return end[-1] == '}' && Cursor(value, end - 1).take_rest(envelope, true);
}

}  // namespace

// Nothing here needs a stack frame: what would is called last.
bool decode_template(std::string_view frame, Envelope& envelope) noexcept {
  const char* const begin = frame.data();
  const char* const end = begin + frame.size();
  envelope.extension.clear();
  if (frame.size() > kCommonValueAt + kCommonSuffixSize && read_common_header(begin, envelope)) {
    if (!read_common_suffix(end - kCommonSuffixSize, envelope.timestamp)) return decode_extended(begin, end, envelope);
    const std::size_t size = frame.size() - kCommonValueAt - kCommonSuffixSize;
    envelope.payload = {begin + kCommonValueAt, size};
    if (is_plain_string(begin + kCommonValueAt, size)) return true;
    return is_value(begin + kCommonValueAt, end - kCommonSuffixSize);
  }
  return decode_with_loops(begin, end, envelope);
}

}  // namespace distflow::protocol
