#include "protocol/envelope.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "protocol/json_members.hpp"
#include "protocol/json_write.hpp"

namespace distflow::protocol {
namespace {

constexpr std::string_view kTimestampKey = R"(,"timestamp":)";

/// A view into the frame where the id was written as it is, which saves the reader a copy.
bool read_id(std::string_view slice, std::string_view& id, std::string& scratch) {
  auto text = decode_string(slice);
  if (!text || text->empty() || text->size() > kIdSizeMax) return false;
  const std::string_view written = slice.substr(1, slice.size() - 2);
  if (text->size() == written.size()) {  // an escape is longer than what it stands for
    id = written;
  } else {
    scratch = std::move(*text);
    id = scratch;
  }
  return true;
}

/// Sorts the members of an object into those of an envelope and the extension.
class MemberSorter {
 public:
  explicit MemberSorter(EnvelopeScratch& scratch) : scratch_(scratch) {
    scratch_.extension.clear();
    scratch_.has_lost_extension = false;
  }

  /// False when the envelope has that member already.
  bool take(std::string_view key, std::string_view value) {
    const auto* const known = std::ranges::find(kEnvelopeKeys, key);
    if (known == kEnvelopeKeys.end()) {
      extend(key, value);
      return true;
    }
    std::string_view& slot = values_[static_cast<std::size_t>(known - kEnvelopeKeys.begin())];
    if (!slot.empty()) return false;
    slot = value;
    return true;
  }

  /// In the order of kEnvelopeKeys; empty where there is none.
  [[nodiscard]] const auto& values() const { return values_; }

 private:
  /// Copies nothing that is longer than the limit: what a stranger sends is not worth the memory.
  void extend(std::string_view key, std::string_view value) {
    std::string& text = scratch_.extension;
    if (scratch_.has_lost_extension) return;
    if (key.size() <= kExtensionSizeMax && value.size() <= kExtensionSizeMax) {
      if (!text.empty()) text += ',';
      append_json_string(text, key);
      text += ':';
      text += value;
      if (text.size() <= kExtensionSizeMax) return;
    }
    scratch_.has_lost_extension = true;
    text.clear();
  }

  EnvelopeScratch& scratch_;
  std::array<std::string_view, kEnvelopeKeys.size()> values_;
};

}  // namespace

bool decode_general(std::string_view frame, Envelope& envelope, EnvelopeScratch& scratch) {
  MemberSorter sorted(scratch);
  const auto take = [&sorted](std::string_view key, std::string_view value) { return sorted.take(key, value); };
  if (!for_each_member(frame, take)) return false;
  const auto& [from, to, payload, timestamp] = sorted.values();
  const auto milliseconds = decode_integer(timestamp);
  if (!milliseconds) return false;
  envelope.timestamp = *milliseconds;
  envelope.payload = payload;
  envelope.extension = Extension(scratch.extension);
  return read_id(from, envelope.from, scratch.from) && read_id(to, envelope.to, scratch.to);
}

std::string envelope_prefix(std::string_view from, std::string_view to) {
  std::string prefix = R"({"from":)";
  append_json_string(prefix, from);
  prefix += R"(,"to":)";
  append_json_string(prefix, to);
  prefix += kPayloadKey;
  return prefix;
}

std::size_t write_envelope_suffix(char* out, std::int64_t timestamp_ms) noexcept {
  std::memcpy(out, kTimestampKey.data(), kTimestampKey.size());
  char* end = std::to_chars(out + kTimestampKey.size(), out + kEnvelopeSuffixSizeMax - 1, timestamp_ms).ptr;
  *end++ = '}';
  return static_cast<std::size_t>(end - out);
}

}  // namespace distflow::protocol
