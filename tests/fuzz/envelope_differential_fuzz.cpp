// What the template takes, the general path takes with the same fields. What either takes, written anew as nodes write
// it, is read with the same fields again.
//
// The input is a frame, or, to come to the point sooner, the payload or the extension of one: a frame of a canonical
// form is made around it.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.hpp"
#include "protocol/envelope.hpp"

namespace {

using namespace distflow::protocol;

constexpr std::string_view kTime = R"(,"timestamp":1795375753755)";

std::string written(const Envelope& envelope) {
  std::string frame = envelope_prefix(envelope.from, envelope.to);
  if (!envelope.has_payload()) frame.resize(frame.size() - kPayloadKey.size());
  frame += envelope.payload;
  std::array<char, kEnvelopeSuffixSizeMax> suffix;  // as far as it is written
  frame.append(suffix.data(), write_envelope_suffix(suffix.data(), envelope.timestamp));
  if (envelope.extension.empty()) return frame;
  frame.back() = ',';
  return frame.append(envelope.extension.text()) += '}';
}

void check_anew(const Envelope& envelope) {
  const std::string frame = written(envelope);
  Envelope anew;
  EnvelopeScratch scratch;
  DF_ASSERT(decode(frame, anew, scratch));
  DF_ASSERT(anew == envelope);
}

void check(std::string_view frame) {
  Envelope by_template;
  Envelope by_general;
  EnvelopeScratch scratch;
  const bool is_canonical = decode_template(frame, by_template);
  const bool is_envelope = decode_general(frame, by_general, scratch);
  DF_ASSERT(is_envelope || !is_canonical);
  DF_ASSERT(!is_canonical || by_template == by_general);
  DF_ASSERT(!is_canonical || !scratch.has_lost_extension);
  if (is_envelope) check_anew(by_general);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string prefix = envelope_prefix("7021c0138e13d26a", "00000000000051c4");
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check(input);
  check((prefix + std::string(input)).append(kTime) += '}');
  check(((prefix + "1").append(kTime) += ',').append(input) += '}');
  return 0;
}
