#include "protocol/envelope.hpp"

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

}  // namespace

bool decode_general(std::string_view frame, Envelope& envelope, EnvelopeScratch& scratch) {
  const auto found = find_members(frame, std::array<std::string_view, 4>{"from", "to", "payload", "timestamp"});
  if (!found) return false;
  const auto& [from, to, payload, timestamp] = *found;
  const auto milliseconds = decode_integer(timestamp);
  if (!milliseconds) return false;
  envelope.timestamp = *milliseconds;
  envelope.payload = payload;
  envelope.has_payload = !payload.empty();
  return read_id(from, envelope.from, scratch.from) && read_id(to, envelope.to, scratch.to);
}

std::string envelope_prefix(std::string_view from, std::string_view to) {
  std::string prefix = R"({"from":)";
  append_json_string(prefix, from);
  prefix += R"(,"to":)";
  append_json_string(prefix, to);
  prefix += R"(,"payload":)";
  return prefix;
}

std::size_t write_envelope_suffix(char* out, std::int64_t timestamp_ms) noexcept {
  std::memcpy(out, kTimestampKey.data(), kTimestampKey.size());
  char* end = std::to_chars(out + kTimestampKey.size(), out + kEnvelopeSuffixSizeMax - 1, timestamp_ms).ptr;
  *end++ = '}';
  return static_cast<std::size_t>(end - out);
}

}  // namespace distflow::protocol
