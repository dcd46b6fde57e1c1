#include "transport/memory_lane.hpp"

#include <algorithm>
#include <new>
#include <system_error>
#include <utility>

namespace distflow::transport {
namespace {

std::size_t memory_size(std::size_t ring_size) { return LaneHeader::kSize + 2 * ring_size; }

stream::RingMemory ring_of(const io::SharedMemory& memory, LaneHeader& header, std::size_t ring_size,
                           std::size_t which) {
  char* const bytes = reinterpret_cast<char*>(memory.bytes.get()) + LaneHeader::kSize + which * ring_size;
  return {header.rings[which], {bytes, ring_size}};
}

}  // namespace

base::LogLevel LanePlaces::level_of_failure(const Error& why, base::LogLevel level) {
  const bool is_systems = why.code.category() == std::generic_category();
  if (!is_systems || why.code == std::errc::function_not_supported) return base::LogLevel::debug;
  return std::exchange(has_told_failure, true) ? base::LogLevel::debug : level;
}

MemoryLane::MemoryLane(LanePlaces& places, io::SharedMemory memory, LaneHeader& header, std::size_t ring_size,
                       std::size_t own_ring)
    : writer(ring_of(memory, header, ring_size, own_ring)),
      reader(ring_of(memory, header, ring_size, 1 - own_ring)),
      memory_timer(base::Delegate<void()>::to<&MemoryLane::on_memory_timer>(*this)),
      places_(places),
      memory_(std::move(memory)) {
  ++places_.count;
}

MemoryLane::~MemoryLane() {
  lookout.unlink();
  if (--places_.count == 0) places_.chunk.release();
}

Result<std::unique_ptr<MemoryLane>> MemoryLane::create(LanePlaces& places, io::Backend& backend,
                                                       std::string_view nonce) {
  DF_ASSERT(nonce.size() == LaneHeader::kNonceSize && is_ring_size(places.ring_size));
  if (places.count >= places.count_max) return Error{Errc::queue_full, "sharing memory"};
  Result<io::SharedMemory> memory = backend.create_memory(memory_size(places.ring_size));
  if (!memory) return memory.error();
  LaneHeader& header = *new (memory->bytes.get()) LaneHeader;
  std::ranges::copy(nonce, header.nonce.begin());
  return std::unique_ptr<MemoryLane>(new MemoryLane(places, *std::move(memory), header, places.ring_size, 0));
}

Result<std::unique_ptr<MemoryLane>> MemoryLane::open(LanePlaces& places, io::Backend& backend, std::string_view name,
                                                     std::size_t ring_size, std::string_view nonce) {
  if (places.count >= places.count_max) return Error{Errc::queue_full, "sharing memory"};
  if (!is_ring_size(ring_size)) return Error{Errc::malformed, "opening shared memory"};
  if (ring_size > places.ring_size) return Error{Errc::queue_full, "sharing memory of rings larger than one's own"};
  Result<io::SharedMemory> memory = backend.open_memory(name, memory_size(ring_size));
  if (!memory) return memory.error();
  LaneHeader& header = *std::launder(reinterpret_cast<LaneHeader*>(memory->bytes.get()));
  if (!std::ranges::equal(nonce, header.nonce)) return Error{Errc::malformed, "opening shared memory"};
  return std::unique_ptr<MemoryLane>(new MemoryLane(places, *std::move(memory), header, ring_size, 1));
}

}  // namespace distflow::transport
