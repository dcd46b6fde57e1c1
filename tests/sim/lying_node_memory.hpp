// Memory that nodes share, as a liar lays it out and reaches into it (stream/memory_stream.hpp).
//
// Pure functions; one thread.
#pragma once

#include <algorithm>
#include <new>
#include <string_view>

#include "io/shared_memory.hpp"
#include "stream/memory_stream.hpp"

namespace distflow::test {

inline std::size_t lane_size(std::size_t ring_size) { return stream::MemoryHeader::kSize + 2 * ring_size; }

inline std::size_t ring_size_in(std::size_t lane_size) { return (lane_size - stream::MemoryHeader::kSize) / 2; }

inline void prepare_lane(const io::SharedMemory& memory, std::string_view nonce) {
  auto& header = *new (memory.bytes.get()) stream::MemoryHeader;
  std::ranges::copy(nonce.substr(0, stream::MemoryHeader::kNonceSize), header.nonce.begin());
}

inline stream::RingMemory ring_of(const io::SharedMemory& memory, std::size_t ring_size, std::size_t which) {
  auto& header = *std::launder(reinterpret_cast<stream::MemoryHeader*>(memory.bytes.get()));
  char* const bytes = reinterpret_cast<char*>(memory.bytes.get()) + stream::MemoryHeader::kSize + which * ring_size;
  return {header.rings[which], {bytes, ring_size}};
}

}  // namespace distflow::test
