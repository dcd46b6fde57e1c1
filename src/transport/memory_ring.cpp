#include "transport/memory_ring.hpp"

#include <algorithm>
#include <cstring>

namespace distflow::transport {
namespace {

/// The other side sees what is copied in steps of this size, so that both copy at the same time.
constexpr std::size_t kStep = std::size_t{16} * 1024;

}  // namespace

std::span<char> RingEnd::at(std::uint64_t position, std::size_t size_max) const {
  const std::size_t place = static_cast<std::size_t>(position) & (capacity() - 1);
  return memory_.bytes.subspan(place, std::min(size_max, capacity() - place));
}

/// Looks at the reader's position only when the last look does not suffice.
std::size_t RingWriter::room(std::size_t wanted) {
  if (capacity() - filled() < wanted) taken_ = memory_.control.taken.load(std::memory_order_acquire);
  const std::size_t unread = filled();
  return is_broken() ? 0 : capacity() - unread;
}

std::size_t RingWriter::write(std::string_view bytes) {
  std::size_t copied = 0;
  while (copied < bytes.size()) {
    const std::size_t wanted = std::min(kStep, bytes.size() - copied);
    const std::span<char> to = at(written_, std::min(wanted, room(wanted)));
    if (to.empty()) break;
    std::memcpy(to.data(), bytes.data() + copied, to.size());
    copied += to.size();
    written_ += to.size();
    memory_.control.written.store(written_, std::memory_order_release);
  }
  return copied;
}

bool RingWriter::is_reader_to_be_woken() {
  return memory_.control.reader_sleeps.exchange(0, std::memory_order_seq_cst) != 0;  // pairs with sleep()
}

std::size_t RingReader::unread() {
  if (written_ == taken_) written_ = memory_.control.written.load(std::memory_order_acquire);
  return filled();
}

std::size_t RingReader::read(std::span<char> out) {
  std::size_t copied = 0;
  while (copied < out.size()) {
    const std::span<const char> from = at(taken_, std::min({kStep, out.size() - copied, unread()}));
    if (from.empty()) break;
    std::memcpy(out.data() + copied, from.data(), from.size());
    copied += from.size();
    taken_ += from.size();
    memory_.control.taken.store(taken_, std::memory_order_release);
  }
  return copied;
}

bool RingReader::is_writer_to_be_woken() {
  const std::uint64_t left = memory_.control.written.load(std::memory_order_acquire) - taken_;
  if (left > capacity() / 2) return false;  // whoever goes on reading comes to this again
  return memory_.control.writer_waits.exchange(0, std::memory_order_seq_cst) != 0;  // pairs with wait_for_room()
}

}  // namespace distflow::transport
