// A received message on its way from its frame to its handler.
//
// A plain value. It holds no lease of its chunk: the contract of each class that keeps a Mail names the holder.
// It has no receiver: all that a node receives is for that node.
// Use: handle(mail.from_text(), mail.payload_text());
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/chunk_pool.hpp"
#include "protocol/extension.hpp"
#include "runtime/counters/counters.hpp"

namespace distflow::runtime {

/// Slices of one chunk.
struct alignas(64) Mail {
  base::Chunk* chunk;    ///< where from, payload and extension lie
  PeerCounters* sender;  ///< outlives the message
  const char* from;
  const char* payload;
  const char* extension;   ///< any pointer where extension_size is 0
  std::int64_t timestamp;  ///< ms since the Unix epoch, as it came
  std::uint32_t payload_size;
  std::uint32_t text_size;  ///< bytes of from, payload and extension together: added up once, asked for twice
  std::uint16_t from_size;
  std::uint16_t extension_size;
  std::uint32_t came_at;  ///< by the loop's clock, modulo 2^32: of a message in µs, of a request as below

  /// The bytes it is charged for: its text and itself.
  [[nodiscard]] std::size_t charge() const { return sizeof(Mail) + text_size; }
  /// False: the message came without a payload.
  [[nodiscard]] bool has_payload() const { return payload_size != 0; }
  [[nodiscard]] std::string_view from_text() const { return {from, from_size}; }
  [[nodiscard]] std::string_view payload_text() const { return {payload, payload_size}; }
  /// Its text has not been checked.
  [[nodiscard]] protocol::Extension extension_view() const {
    return protocol::Extension(std::string_view(extension, extension_size));
  }
};

/// Of a request: when it came, in even ms, which may be one ahead; and whether the connection that it came on is that
/// of the node that it says it is from.
class RequestOrigin {
 public:
  [[nodiscard]] static std::uint32_t word_of(std::uint32_t now_ms, bool is_proven) {
    return ((now_ms + 1) & ~std::uint32_t{1}) | (is_proven ? 1U : 0U);
  }
  explicit RequestOrigin(const Mail& request) : word_(request.came_at) {}
  [[nodiscard]] std::uint32_t came_at_ms() const { return word_ & ~std::uint32_t{1}; }
  [[nodiscard]] bool is_proven() const { return (word_ & 1U) != 0; }

 private:
  std::uint32_t word_;
};
static_assert(protocol::kExtensionSizeMax <= UINT16_MAX);
static_assert(sizeof(Mail) == 64, "a message is one cache line");

}  // namespace distflow::runtime
