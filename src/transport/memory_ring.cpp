#include "transport/memory_ring.hpp"

#include <algorithm>
#include <cstring>

namespace distflow::transport {
namespace {

/// The other side sees what is copied in steps of this size, so that both copy at the same time.
constexpr std::size_t kStep = std::size_t{16} * 1024;

std::size_t place_of(std::uint64_t position, std::size_t capacity) {
  return static_cast<std::size_t>(position) & (capacity - 1);
}

}  // namespace

std::size_t RingWriter::room() {
  if (is_broken_) return 0;
  return memory_.bytes.size() - static_cast<std::size_t>(written_ - taken_);
}

std::size_t RingWriter::write(std::string_view bytes) {
  const std::size_t capacity = memory_.bytes.size();
  std::size_t copied = 0;
  while (copied < bytes.size()) {
    if (room() < std::min(kStep, bytes.size() - copied)) {
      taken_ = memory_.control.taken.load(std::memory_order_acquire);
      is_broken_ |= written_ - taken_ > memory_.bytes.size();
    }
    const std::size_t place = place_of(written_, capacity);
    const std::size_t size = std::min({bytes.size() - copied, room(), capacity - place, kStep});
    if (size == 0) break;
    std::memcpy(memory_.bytes.data() + place, bytes.data() + copied, size);
    copied += size;
    written_ += size;
    memory_.control.written.store(written_, std::memory_order_release);
  }
  return copied;
}

bool RingWriter::is_reader_to_be_woken() {
  return memory_.control.reader_sleeps.exchange(0, std::memory_order_seq_cst) != 0;  // pairs with sleep()
}

std::size_t RingReader::unread() {
  if (is_broken_) return 0;
  if (written_ == taken_) {
    written_ = memory_.control.written.load(std::memory_order_acquire);
    is_broken_ = written_ - taken_ > memory_.bytes.size();
    if (is_broken_) return 0;
  }
  return static_cast<std::size_t>(written_ - taken_);
}

bool RingReader::has_unread() { return unread() > 0; }

std::size_t RingReader::read(std::span<char> out) {
  const std::size_t capacity = memory_.bytes.size();
  std::size_t copied = 0;
  while (copied < out.size()) {
    const std::size_t place = place_of(taken_, capacity);
    const std::size_t size = std::min({out.size() - copied, unread(), capacity - place, kStep});
    if (size == 0) break;
    std::memcpy(out.data() + copied, memory_.bytes.data() + place, size);
    copied += size;
    taken_ += size;
    memory_.control.taken.store(taken_, std::memory_order_release);
  }
  return copied;
}

bool RingReader::is_writer_to_be_woken() {
  const std::uint64_t left = memory_.control.written.load(std::memory_order_acquire) - taken_;
  if (left > memory_.bytes.size() / 2) return false;  // whoever goes on reading comes to this again
  return memory_.control.writer_waits.exchange(0, std::memory_order_seq_cst) != 0;  // pairs with wait_for_room()
}

}  // namespace distflow::transport
