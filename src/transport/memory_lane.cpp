#include "transport/memory_lane.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace distflow::transport {

MemoryLane::MemoryLane(LanePlaces& places, io::SharedMemory memory, RingMemory& out, RingMemory& in)
    : writer(out),
      reader(in),
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
  DF_ASSERT(nonce.size() == LaneMemory::kNonceSize);
  if (places.count >= places.count_max) return Error{Errc::queue_full, "sharing memory"};
  Result<io::SharedMemory> memory = backend.create_memory(sizeof(LaneMemory));
  if (!memory) return memory.error();
  LaneMemory& lane = *new (memory->bytes.get()) LaneMemory;
  std::ranges::copy(nonce, lane.nonce.begin());
  return std::unique_ptr<MemoryLane>(new MemoryLane(places, *std::move(memory), lane.rings[0], lane.rings[1]));
}

Result<std::unique_ptr<MemoryLane>> MemoryLane::open(LanePlaces& places, io::Backend& backend, std::string_view name,
                                                     std::string_view nonce) {
  if (places.count >= places.count_max) return Error{Errc::queue_full, "sharing memory"};
  Result<io::SharedMemory> memory = backend.open_memory(name, sizeof(LaneMemory));
  if (!memory) return memory.error();
  auto& lane = *std::launder(reinterpret_cast<LaneMemory*>(memory->bytes.get()));
  if (!std::ranges::equal(nonce, lane.nonce)) return Error{Errc::malformed, "opening shared memory"};
  return std::unique_ptr<MemoryLane>(new MemoryLane(places, *std::move(memory), lane.rings[1], lane.rings[0]));
}

}  // namespace distflow::transport
