#include "protocol/ask_members.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/assert.hpp"
#include "protocol/byte_block.hpp"
#include "protocol/decimal_digits.hpp"

namespace distflow::protocol {
namespace {

using AskKind = AskMembers::Kind;

/// An integer in [0, max], written without sign, point and exponent.
std::optional<std::uint64_t> read_number(std::string_view text, std::uint64_t max) noexcept {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [read_to, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || read_to != end || number > max) return std::nullopt;
  return number;
}

std::uint64_t read_id(std::string_view text) noexcept { return read_number(text, kAskIdMax).value_or(0); }

[[gnu::always_inline]] inline Block16 values_at(const char* p) noexcept {
  constexpr char zeros[] = "0000000000000000";
  return Block16(p).minus(Block16(zeros));
}

/// The sixteen digits at `p`, which the ids of nodes have; 0 if they are no id.
[[gnu::always_inline]] inline std::uint64_t read_common_id(const char* p) noexcept {
  const std::uint64_t id = values_at(p).joined_digits();
  return id <= kAskIdMax ? id : 0;
}

AskMembers make_request(std::uint64_t id, std::optional<std::uint64_t> ms, bool has_payload) noexcept {
  if (id == 0 || !ms || (*ms != 0) != has_payload) return {};
  return {.kind = has_payload ? AskKind::request : AskKind::cancel, .id = id, .ms = static_cast<std::int64_t>(*ms)};
}

AskMembers make_reply(std::uint64_t id, std::string_view error, bool has_payload) noexcept {
  if (id == 0 || error.empty() != has_payload) return {.kind = AskKind::invalid};
  if (has_payload) return {.kind = AskKind::reply, .id = id};
  AskMembers members{.kind = AskKind::error, .id = id};
  const bool is_string = error.size() > 2 && error.front() == '"' && error.back() == '"';
  if (!is_string) return {.kind = AskKind::invalid};
  const auto* const known = std::ranges::find(kAskWords, error.substr(1, error.size() - 2));
  if (known != kAskWords.end()) members.word = static_cast<AskWord>(known - kAskWords.begin());
  return members;
}

constexpr std::uint64_t kMsMax = std::uint64_t{1} << 40;  // 34 years
constexpr std::size_t kRequestIdSize = 16;
constexpr std::size_t kMsDigitsMax = 8;  // a day of ms has as many
constexpr std::string_view kAskFirst = R"("ask":)";
constexpr std::string_view kMsNext = R"(,"ms":)";
constexpr std::string_view kReFirst = R"("re":)";
constexpr std::string_view kError = R"(,"error":")";
constexpr std::size_t kMsAt = kAskFirst.size() + kRequestIdSize + kMsNext.size();
constexpr std::size_t kReplySize = kReFirst.size() + kRequestIdSize;

/// Whether the text is there. It need not end there.
[[gnu::always_inline]] inline bool is_at(const char* p, std::string_view text) noexcept {
  return std::memcmp(p, text.data(), text.size()) == 0;
}

[[gnu::always_inline]] inline bool are_digits(std::string_view text) noexcept {
  return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

/// Of a text that nobody has looked at, as of a request that has waited.
ExtensionForm form_of(std::string_view text) noexcept {
  const char* const begin = text.data();
  if (text.size() > kMsAt && is_at(begin, kAskFirst) && is_at(begin + kMsAt - kMsNext.size(), kMsNext) &&
      values_at(begin + kAskFirst.size()).at_most(9).all() && are_digits(text.substr(kMsAt))) {
    return ExtensionForm::request;
  }
  const bool is_reply =
      text.size() == kReplySize && is_at(begin, kReFirst) && values_at(begin + kReFirst.size()).at_most(9).all();
  return is_reply ? ExtensionForm::reply : ExtensionForm::any;
}

/// Other members, another order, or an id of fewer digits.
[[gnu::noinline]] AskMembers read_any(const Extension& extension, bool has_payload) noexcept {
  const std::string_view re = extension.find("re");
  if (!re.empty()) return make_reply(read_id(re), extension.find("error"), has_payload);
  const std::string_view ask = extension.find("ask");
  if (ask.empty()) return {};
  return make_request(read_id(ask), read_number(extension.find("ms"), kMsMax), has_payload);
}

}  // namespace

/// What nodes write is taken in place, many digits at a time.
AskMembers read_ask_members(const Extension& extension, bool has_payload) noexcept {
  const std::string_view text = extension.text();
  const ExtensionForm form = extension.form() == ExtensionForm::any ? form_of(text) : extension.form();
  if (form == ExtensionForm::request && has_payload && text.size() - kMsAt <= kMsDigitsMax) {
    const std::uint64_t id = read_common_id(text.data() + kAskFirst.size());
    const std::uint32_t ms = read_short_decimal(text.data() + text.size(), text.size() - kMsAt);
    if (id != 0 && ms != 0) return {.kind = AskKind::request, .id = id, .ms = ms};
  } else if (form == ExtensionForm::reply && has_payload) {
    const std::uint64_t id = read_common_id(text.data() + kReFirst.size());
    if (id != 0) return {.kind = AskKind::reply, .id = id};
  }
  return read_any(extension, has_payload);
}

/// Inline: the size of each text is known where it is appended.
inline void AskText::append(std::string_view text) noexcept {
  std::memcpy(text_.data() + size_, text.data(), text.size());
  size_ += text.size();
}

inline void AskText::append(std::uint64_t number) noexcept {
  size_ = static_cast<std::size_t>(write_decimal(text_.data() + size_, number) - text_.data());
}

AskText AskText::request(std::uint64_t id, std::int64_t ms) noexcept {
  static_assert(kAskFirst.size() + kMsNext.size() + 2 * kDecimalSizeMax <= kSizeMax);
  DF_ASSERT(ms >= 0);
  AskText text;
  text.append(kAskFirst);
  text.append(id);
  text.append(kMsNext);
  text.append(static_cast<std::uint64_t>(ms));
  return text;
}

AskText AskText::reply(std::uint64_t id) noexcept {
  static_assert(kReFirst.size() + kDecimalSizeMax <= kSizeMax);
  AskText text;
  text.append(kReFirst);
  text.append(id);
  return text;
}

AskText AskText::error(std::uint64_t id, AskWord word) noexcept {
  constexpr std::size_t word_max = std::ranges::max(kAskWords, {}, &std::string_view::size).size();
  static_assert(kReFirst.size() + kDecimalSizeMax + kError.size() + word_max + 1 <= kSizeMax);
  AskText text = reply(id);
  text.append(kError);
  text.append(to_text(word));
  text.append("\"");
  return text;
}

}  // namespace distflow::protocol
