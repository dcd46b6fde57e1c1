#include "protocol/ask_members.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/assert.hpp"
#include "protocol/decimal_digits.hpp"

namespace distflow::protocol {
namespace {

using Kind = AskMembers::Kind;

/// An integer in [0, max], written without sign, point and exponent.
std::optional<std::uint64_t> read_number(std::string_view text, std::uint64_t max) noexcept {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [read_to, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || read_to != end || number > max) return std::nullopt;
  return number;
}

std::uint64_t read_id(std::string_view text) noexcept { return read_number(text, kAskIdMax).value_or(0); }

/// Takes the text up to `c`, and that.
std::string_view take_up_to(std::string_view& text, char c) noexcept {
  const std::string_view part = text.substr(0, text.find(c));
  text.remove_prefix(std::min(text.size(), part.size() + 1));
  return part;
}

AskMembers make_request(std::uint64_t id, std::optional<std::uint64_t> ms, bool has_payload) noexcept {
  if (id == 0 || !ms || (*ms != 0) != has_payload) return {};
  return {.kind = has_payload ? Kind::request : Kind::cancel, .id = id, .ms = static_cast<std::int64_t>(*ms)};
}

AskMembers make_reply(std::uint64_t id, std::string_view error, bool has_payload) noexcept {
  if (id == 0 || error.empty() != has_payload) return {.kind = Kind::invalid};
  if (has_payload) return {.kind = Kind::reply, .id = id};
  AskMembers members{.kind = Kind::error, .id = id};
  const bool is_string = error.size() > 2 && error.front() == '"' && error.back() == '"';
  if (!is_string) return {.kind = Kind::invalid};
  const auto* const known = std::ranges::find(kAskWords, error.substr(1, error.size() - 2));
  if (known != kAskWords.end()) members.word = static_cast<AskWord>(known - kAskWords.begin());
  return members;
}

constexpr std::uint64_t kMsMax = std::uint64_t{1} << 40;  // 34 years
constexpr std::string_view kAsk = R"("ask":)";
constexpr std::string_view kMs = R"("ms":)";
constexpr std::string_view kCommaMs = R"(,"ms":)";
constexpr std::string_view kRe = R"("re":)";
constexpr std::string_view kError = R"("error":)";

/// Other members, or another order.
[[gnu::noinline]] AskMembers read_any(const Extension& extension, bool has_payload) noexcept {
  const std::string_view re = extension.find("re");
  if (!re.empty()) return make_reply(read_id(re), extension.find("error"), has_payload);
  const std::string_view ask = extension.find("ask");
  if (ask.empty()) return {};
  return make_request(read_id(ask), read_number(extension.find("ms"), kMsMax), has_payload);
}

}  // namespace

AskMembers read_ask_members(const Extension& extension, bool has_payload) noexcept {
  std::string_view text = extension.text();
  if (text.starts_with(kAsk)) {
    text.remove_prefix(kAsk.size());
    const std::uint64_t id = read_id(take_up_to(text, ','));
    if (!text.starts_with(kMs)) return read_any(extension, has_payload);
    const auto ms = read_number(text.substr(kMs.size()), kMsMax);
    if (id != 0 && ms) return make_request(id, ms, has_payload);
  } else if (text.starts_with(kRe)) {
    text.remove_prefix(kRe.size());
    const std::uint64_t id = read_id(take_up_to(text, ','));
    if (id != 0 && text.empty() && has_payload) return make_reply(id, {}, has_payload);
  }
  return read_any(extension, has_payload);
}

/// Inline: the size of most texts is known where they are appended.
inline void AskText::append(std::string_view text) noexcept {
  DF_ASSERT(text.size() <= text_.size() - size_);
  std::memcpy(text_.data() + size_, text.data(), text.size());
  size_ += text.size();
}

inline void AskText::append(std::uint64_t number) noexcept {
  DF_ASSERT(kDecimalSizeMax <= text_.size() - size_);
  size_ = static_cast<std::size_t>(write_decimal(text_.data() + size_, number) - text_.data());
}

AskText AskText::request(std::uint64_t id, std::int64_t ms) noexcept {
  DF_ASSERT(ms >= 0);
  AskText text;
  text.append(kAsk);
  text.append(id);
  text.append(kCommaMs);
  text.append(static_cast<std::uint64_t>(ms));
  return text;
}

AskText AskText::reply(std::uint64_t id) noexcept {
  AskText text;
  text.append(kRe);
  text.append(id);
  return text;
}

AskText AskText::error(std::uint64_t id, AskWord word) noexcept {
  AskText text = reply(id);
  text.append(",");
  text.append(kError);
  text.append("\"");
  text.append(to_text(word));
  text.append("\"");
  return text;
}

}  // namespace distflow::protocol
