#include "runtime/topic/retained.hpp"

#include <cstring>
#include <new>
#include <utility>

#include "framing/frame.hpp"

namespace distflow::runtime {

std::size_t Retained::keep(const transport::EncodedRun& run) {
  const std::size_t count_max = count_max_.load(std::memory_order_acquire);
  if (count_max == 0) return forget_if_off(), 0;
  std::size_t lost = 0;
  std::uint32_t left = run.count;
  for (std::string_view rest = run.bytes; !rest.empty(); --left) {
    const std::size_t size = framing::kHeaderSize + framing::read_header(rest.data());
    if (left <= count_max && !keep_one(rest.substr(0, size), count_max)) {
      ++lost;
      clear();
    }
    rest.remove_prefix(size);
  }
  return lost;
}

bool Retained::keep_one(std::string_view frame, std::size_t count_max) {
  const std::size_t bytes_max = bytes_max_.load(std::memory_order_relaxed);
  if (frame.size() > bytes_max) return false;
  try {
    if (ring_.size() != count_max) resize(count_max);
  } catch (const std::bad_alloc&) {
    return false;
  }
  base::ChunkRef chunk;
  while (end_ - first_ == count_max || bytes_ + frame.size() > bytes_max) {
    base::ChunkRef dropped = drop_first();
    if (dropped->is_sole_lease() && dropped->capacity() >= frame.size()) chunk = std::move(dropped);
  }
  if (!chunk) chunk = base::ChunkRef::adopt(base::Chunk::allocate(frame.size()));
  if (!chunk) return false;
  std::memcpy(chunk->data(), frame.data(), frame.size());
  place_of(end_) = {.chunk = std::move(chunk), .size = frame.size()};
  ++end_;
  bytes_ += frame.size();
  return true;
}

void Retained::resize(std::size_t count_max) {
  std::vector<Kept> ring(count_max);
  while (end_ - first_ > count_max) drop_first();
  for (Number number = first_; number < end_; ++number) ring[number % count_max] = std::move(place_of(number));
  ring_.swap(ring);
}

base::ChunkRef Retained::drop_first() {
  Kept& kept = place_of(first_);
  ++first_;
  bytes_ -= kept.size;
  return std::move(kept.chunk);
}

void Retained::clear() {
  while (first_ < end_) drop_first();
}

void Retained::forget_if_off() {
  if (is_on()) return;
  clear();
  std::vector<Kept>().swap(ring_);
}

Retained::Message Retained::at(Number number) const {
  if (number < first_ || number >= end_) return {};
  const Kept& kept = ring_[number % ring_.size()];
  return {.chunk = base::ChunkRef::share(*kept.chunk), .bytes = {kept.chunk->data(), kept.size}};
}

}  // namespace distflow::runtime
