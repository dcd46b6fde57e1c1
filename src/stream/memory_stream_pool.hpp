// What a node's memory streams share: the chunk they receive into, their bounds, and what the log has said.
//
// Loop thread only. Must outlive the streams.
// Use: MemoryStreamPool pool{.chunk = io::ReceiveChunk(chunks), .ring_size = 65536, .count_max = 16};
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include <distflow/result.hpp>

#include "base/log.hpp"
#include "io/receive_chunk.hpp"

namespace distflow::stream {

/// Bytes of a ring.
inline constexpr std::size_t kRingSizeMin = 4096;
inline constexpr std::size_t kRingSizeMax = std::size_t{16} * 1024 * 1024;
[[nodiscard]] constexpr bool is_ring_size(std::size_t size) {
  return size >= kRingSizeMin && size <= kRingSizeMax && std::has_single_bit(size);
}

struct MemoryStreamPool {
  io::ReceiveChunk chunk;                ///< what all of them receive into
  std::size_t ring_size = kRingSizeMin;  ///< of those created here; larger ones of others are refused
  std::uint32_t count_max = 0;
  std::uint32_t count = 0;
  std::uint64_t chunks_missing = 0;  ///< times that receiving paused for lack of a chunk
  bool has_told_failure = false;     ///< the log says that the system refuses memory

  /// At which level to log that there is no memory for a connection. A refusal by the system is logged at `level`,
  /// once. Own bounds, broken offers and systems without shared memory are nothing to act upon: debug.
  base::LogLevel level_of_failure(const Error& why, base::LogLevel level);
};

}  // namespace distflow::stream
