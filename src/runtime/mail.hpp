// A message between its frame and its handler.
//
// A plain value. It leases nothing by itself: whoever keeps it says in its contract who holds the lease of the chunk.
// Use: handle(mail.from_text(), mail.payload_text());
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/chunk_pool.hpp"
#include "runtime/counters.hpp"

namespace distflow::runtime {

/// Slices of one chunk.
struct alignas(64) Mail {
  base::Chunk* chunk;    ///< where from, to and payload lie
  PeerCounters* sender;  ///< outlives the message
  const char* from;
  const char* to;
  const char* payload;
  std::int64_t timestamp;  ///< ms since the Unix epoch, as it came
  std::uint32_t payload_size;
  std::uint32_t text_size;  ///< bytes of from, to and payload together: added up once, asked for twice
  std::uint16_t from_size;
  std::uint16_t to_size;
  bool has_payload;  ///< false: the message came without one

  /// The bytes it is charged for: its text and itself.
  [[nodiscard]] std::size_t charge() const { return sizeof(Mail) + text_size; }
  [[nodiscard]] std::string_view from_text() const { return {from, from_size}; }
  [[nodiscard]] std::string_view to_text() const { return {to, to_size}; }
  [[nodiscard]] std::string_view payload_text() const { return {payload, payload_size}; }
};
static_assert(sizeof(Mail) == 64, "a message is one cache line");

}  // namespace distflow::runtime
