// What the template takes, the general path takes with the same fields.
//
// The input is a frame, or, to come to the point sooner, the payload of one: a frame of the canonical form is made
// around it.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.hpp"
#include "protocol/envelope.hpp"

namespace {

using namespace distflow::protocol;

void check(std::string_view frame) {
  Envelope by_template;
  if (!decode_template(frame, by_template)) return;
  Envelope by_general;
  EnvelopeScratch scratch;
  DF_ASSERT(decode_general(frame, by_general, scratch));
  DF_ASSERT(by_template == by_general);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::string prefix = envelope_prefix("7021c0138e13d26a", "00000000000051c4");
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  check(input);
  check(prefix + std::string(input) + R"(,"timestamp":1795375753755})");
  return 0;
}
