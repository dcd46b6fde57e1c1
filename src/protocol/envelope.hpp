// The envelope of a message between nodes, in its two canonical forms: as most messages are, and with an extension.
//
//     {"from":ID,"to":ID,"payload":VALUE,"timestamp":MS}
//     {"from":ID,"to":ID,"payload":VALUE,"timestamp":MS,"ask":17,"ms":5000}
//
// Pure functions; any thread.
//
// What is accepted:
//   1. One object, any order of keys, white space, unknown keys. `from`, `to`, `timestamp` exactly once, `payload` at
//      most once: two readers cannot see two different messages.
//   2. `from` and `to` are strings of 1 to kIdSizeMax bytes of valid UTF-8.
//   3. `timestamp` is a number without fraction and exponent that fits 64 bits, signed. -0 is 0.
//   4. `payload` is one JSON value as far as structure goes (json_scan.hpp); so are the values of other members.
//   5. The other members are the extension (extension.hpp), wherever they stand: in their order, without white space
//      around keys and values, and with keys escaped as append_json_string() does it. If that is longer than
//      kExtensionSizeMax the envelope has none.
//
// decode_template() reads the forms that nodes write: this order, no white space, ids and keys of plain ASCII. What it
// takes, decode_general() takes with the same fields; a differential fuzzer holds both to it.
//
// Use: Envelope envelope; EnvelopeScratch scratch;
//      if (!decode(frame, envelope, scratch)) return count_malformed();
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/extension.hpp"

namespace distflow::protocol {

inline constexpr std::size_t kIdSizeMax = 256;

/// All other members are the extension.
inline constexpr std::array<std::string_view, 4> kEnvelopeKeys{"from", "to", "payload", "timestamp"};

/// Views into the frame, which must outlive them. Of what decode_general() reads, an id that was written with escapes,
/// and the extension, lie in the scratch.
struct Envelope {
  std::string_view from;
  std::string_view to;
  std::string_view payload;  ///< JSON text without white space around it; empty when there is none.
  std::int64_t timestamp = 0;
  Extension extension;

  /// A TypeScript node that sends `undefined` leaves the key out.
  [[nodiscard]] bool has_payload() const noexcept { return !payload.empty(); }

  friend bool operator==(const Envelope&, const Envelope&) = default;
};

/// What decode_general() makes of what cannot be used where it lies. Each call overwrites it.
struct EnvelopeScratch {
  std::string from;
  std::string to;
  std::string extension;
  bool has_lost_extension = false;  ///< it was longer than kExtensionSizeMax
};

/// False means "not a canonical form", never "malformed". Allocates nothing.
[[nodiscard]] bool decode_template(std::string_view frame, Envelope& envelope) noexcept;

[[nodiscard]] bool decode_general(std::string_view frame, Envelope& envelope, EnvelopeScratch& scratch);

/// False, with `envelope` in no particular state, when the frame is no envelope.
[[nodiscard]] inline bool decode(std::string_view frame, Envelope& envelope, EnvelopeScratch& scratch) {
  return decode_template(frame, envelope) || decode_general(frame, envelope, scratch);
}

/// What stands between the ids and the payload; left out with it.
inline constexpr std::string_view kPayloadKey = R"(,"payload":)";

/// What stands before the payload, the same for all messages of a pair: {"from":"A","to":"B","payload":
[[nodiscard]] std::string envelope_prefix(std::string_view from, std::string_view to);

/// The longest that stands behind a payload.
inline constexpr std::size_t kEnvelopeSuffixSizeMax = sizeof(R"(,"timestamp":-9223372036854775808})") - 1;

/// Writes what stands behind the payload, ,"timestamp":MS} , and returns its size. `out` has room for
/// kEnvelopeSuffixSizeMax bytes. The same for all messages of a millisecond.
std::size_t write_envelope_suffix(char* out, std::int64_t timestamp_ms) noexcept;

}  // namespace distflow::protocol
