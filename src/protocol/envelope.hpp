// The envelope of a message between nodes: {"from":ID,"to":ID,"payload":VALUE,"timestamp":MS}.
//
// Pure functions; any thread.
//
// What is accepted:
//   1. One object, any order of keys, white space, unknown keys. `from`, `to`, `timestamp` exactly once, `payload` at
//      most once: two readers cannot see two different messages.
//   2. `from` and `to` are strings of 1 to kIdSizeMax bytes of valid UTF-8.
//   3. `timestamp` is a number without fraction and exponent that fits 64 bits, signed. -0 is 0.
//   4. `payload` is one JSON value as far as structure goes (json_scan.hpp); so are the values of unknown keys.
//
// decode_template() reads the one form that nodes write: this order, no white space, ids of plain ASCII. What it takes,
// decode_general() takes with the same fields; a differential fuzzer holds both to it.
//
// Use: Envelope envelope; EnvelopeScratch scratch;
//      if (!decode(frame, envelope, scratch)) return count_malformed();
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace distflow::protocol {

inline constexpr std::size_t kIdSizeMax = 256;

/// Views into the frame, which must outlive them; an id that was written with escapes lies in the scratch.
struct Envelope {
  std::string_view from;
  std::string_view to;
  std::string_view payload;  ///< JSON text without white space around it; empty when there is none.
  bool has_payload = false;  ///< A TypeScript node that sends `undefined` leaves the key out.
  std::int64_t timestamp = 0;

  friend bool operator==(const Envelope&, const Envelope&) = default;
};

/// Where ids with escapes are unescaped to. Each decode() that is given it overwrites it.
struct EnvelopeScratch {
  std::string from;
  std::string to;
};

/// False means "not the canonical form", never "malformed". Allocates nothing.
[[nodiscard]] bool decode_template(std::string_view frame, Envelope& envelope) noexcept;

[[nodiscard]] bool decode_general(std::string_view frame, Envelope& envelope, EnvelopeScratch& scratch);

/// False, with `envelope` in no particular state, when the frame is no envelope.
[[nodiscard]] inline bool decode(std::string_view frame, Envelope& envelope, EnvelopeScratch& scratch) {
  return decode_template(frame, envelope) || decode_general(frame, envelope, scratch);
}

/// What stands before the payload, the same for all messages of a pair: {"from":"A","to":"B","payload":
[[nodiscard]] std::string envelope_prefix(std::string_view from, std::string_view to);

/// The longest that stands behind a payload.
inline constexpr std::size_t kEnvelopeSuffixSizeMax = sizeof(R"(,"timestamp":-9223372036854775808})") - 1;

/// Writes what stands behind the payload, ,"timestamp":MS} , and returns its size. `out` has room for
/// kEnvelopeSuffixSizeMax bytes. The same for all messages of a millisecond.
std::size_t write_envelope_suffix(char* out, std::int64_t timestamp_ms) noexcept;

}  // namespace distflow::protocol
