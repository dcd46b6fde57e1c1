// Both ways to read an envelope live through any frame, and what they give lies in the frame or the scratch.
// So does the reading of a notice, and of a member of an extension.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/assert.hpp"
#include "protocol/control_frame.hpp"
#include "protocol/envelope.hpp"
#include "protocol/json_scan.hpp"

namespace {

using namespace distflow::protocol;

bool lies_in(std::string_view whole, std::string_view part) {
  return part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size();
}

void check(const Extension& extension) {
  const std::string_view text = extension.text();
  DF_ASSERT(text.size() <= kExtensionSizeMax);
  for (const std::string_view key : {"ask", "ms", "connection", "a", ""}) {
    const std::string_view value = extension.find(key);
    DF_ASSERT(value.empty() || lies_in(text, value));
  }
  for (const std::string_view key : kEnvelopeKeys) DF_ASSERT(extension.find(key).empty());
}

void check(const Envelope& envelope, std::string_view frame) {
  DF_ASSERT(!envelope.from.empty() && envelope.from.size() <= kIdSizeMax);
  DF_ASSERT(!envelope.to.empty() && envelope.to.size() <= kIdSizeMax);
  check(envelope.extension);
  if (!envelope.has_payload()) return;
  const char* const begin = envelope.payload.data();
  const char* const end = begin + envelope.payload.size();
  DF_ASSERT(begin >= frame.data() && end <= frame.data() + frame.size());
  DF_ASSERT(scan_value(begin, end) == end);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view frame(reinterpret_cast<const char*>(data), size);
  const Extension as_it_is(frame.substr(0, kExtensionSizeMax));
  for (const std::string_view key : {"ask", "ms", ""})
    DF_ASSERT(lies_in(frame, as_it_is.find(key)) || as_it_is.find(key).empty());
  Envelope envelope;
  EnvelopeScratch scratch;
  if (decode_template(frame, envelope)) check(envelope, frame);
  if (decode_general(frame, envelope, scratch)) check(envelope, frame);
  if (const auto notice = read_control_frame(frame)) DF_ASSERT(notice->nonce.size() <= notice->kNonceSizeMax);
  return 0;
}
