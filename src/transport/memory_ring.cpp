#include "transport/memory_ring.hpp"

#include <algorithm>
#include <cstring>

namespace distflow::transport {
namespace {

constexpr std::size_t kCapacity = RingMemory::kCapacity;
/// The other side sees what is copied in steps of this size, so that both copy at the same time.
constexpr std::size_t kStep = std::size_t{16} * 1024;

std::size_t place_of(std::uint64_t position) { return static_cast<std::size_t>(position % kCapacity); }

}  // namespace

std::size_t RingWriter::room() {
  if (is_broken_) return 0;
  return kCapacity - static_cast<std::size_t>(written_ - taken_);
}

std::size_t RingWriter::write(std::string_view bytes) {
  std::size_t copied = 0;
  while (copied < bytes.size()) {
    if (room() < std::min(kStep, bytes.size() - copied)) {
      taken_ = memory_.taken.load(std::memory_order_acquire);
      is_broken_ |= written_ - taken_ > kCapacity;
    }
    const std::size_t place = place_of(written_);
    const std::size_t size = std::min({bytes.size() - copied, room(), kCapacity - place, kStep});
    if (size == 0) break;
    std::memcpy(memory_.bytes + place, bytes.data() + copied, size);
    copied += size;
    written_ += size;
    memory_.written.store(written_, std::memory_order_release);
  }
  return copied;
}

bool RingWriter::is_reader_to_be_woken() {
  std::atomic_thread_fence(std::memory_order_seq_cst);  // the position before the flag: invariant 3
  return memory_.reader_sleeps.load(std::memory_order_relaxed) != 0 && memory_.reader_sleeps.exchange(0) != 0;
}

std::size_t RingReader::unread() {
  if (is_broken_) return 0;
  if (written_ == taken_) {
    written_ = memory_.written.load(std::memory_order_acquire);
    is_broken_ = written_ - taken_ > kCapacity;
    if (is_broken_) return 0;
  }
  return static_cast<std::size_t>(written_ - taken_);
}

bool RingReader::has_unread() { return unread() > 0; }

std::size_t RingReader::read(std::span<char> out) {
  std::size_t copied = 0;
  while (copied < out.size()) {
    const std::size_t place = place_of(taken_);
    const std::size_t size = std::min({out.size() - copied, unread(), kCapacity - place, kStep});
    if (size == 0) break;
    std::memcpy(out.data() + copied, memory_.bytes + place, size);
    copied += size;
    taken_ += size;
    memory_.taken.store(taken_, std::memory_order_release);
  }
  return copied;
}

bool RingReader::is_writer_to_be_woken() {
  std::atomic_thread_fence(std::memory_order_seq_cst);  // the position before the flag: invariant 3
  if (memory_.writer_waits.load(std::memory_order_relaxed) == 0) return false;
  const std::uint64_t left = memory_.written.load(std::memory_order_acquire) - taken_;
  return left <= kCapacity / 2 && memory_.writer_waits.exchange(0) != 0;
}

}  // namespace distflow::transport
