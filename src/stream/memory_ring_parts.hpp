// What RingWriter and RingReader do: for memory_ring.cpp, which is what is shipped, and for tests that give them
// atomics of their own.
#pragma once

#include "stream/memory_ring.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace distflow::stream {

/// The other side sees what is copied in steps of this size, so that both copy at the same time.
inline constexpr std::size_t kRingStep = std::size_t{16} * 1024;

template <class Atomics>
std::span<char> RingEnd<Atomics>::at(std::uint64_t position, std::size_t size_max) const {
  const std::size_t place = static_cast<std::size_t>(position) & (capacity() - 1);
  return memory_.bytes.subspan(place, std::min(size_max, capacity() - place));
}

/// Looks at the reader's position only when the last look does not suffice.
template <class Atomics>
std::size_t BasicRingWriter<Atomics>::room(std::size_t wanted) {
  // acquire: the reader has copied what lay in the room.
  if (this->capacity() - this->filled() < wanted) taken_ = memory_.control.taken.load(std::memory_order_acquire);
  const std::size_t unread = this->filled();
  return this->is_broken() ? 0 : this->capacity() - unread;
}

template <class Atomics>
std::size_t BasicRingWriter<Atomics>::write(std::string_view bytes) {
  std::size_t copied = 0;
  while (copied < bytes.size()) {
    const std::size_t wanted = std::min(kRingStep, bytes.size() - copied);
    const std::span<char> to = this->at(written_, std::min(wanted, room(wanted)));
    if (to.empty()) break;
    Atomics::note_write(to.data(), to.size());
    std::memcpy(to.data(), bytes.data() + copied, to.size());
    copied += to.size();
    written_ += to.size();
    memory_.control.written.store(written_, std::memory_order_release);
  }
  return copied;
}

template <class Atomics>
bool BasicRingWriter<Atomics>::is_reader_to_be_woken() {
  return memory_.control.reader_sleeps.take();
}

template <class Atomics>
std::size_t BasicRingReader<Atomics>::unread() {
  // acquire: the writer has copied what it says.
  if (written_ == taken_) written_ = memory_.control.written.load(std::memory_order_acquire);
  return this->filled();
}

template <class Atomics>
std::size_t BasicRingReader<Atomics>::read(std::span<char> out) {
  std::size_t copied = 0;
  while (copied < out.size()) {
    const std::span<const char> from = this->at(taken_, std::min({kRingStep, out.size() - copied, unread()}));
    if (from.empty()) break;
    Atomics::note_read(from.data(), from.size());
    std::memcpy(out.data() + copied, from.data(), from.size());
    copied += from.size();
    taken_ += from.size();
    memory_.control.taken.store(taken_, std::memory_order_release);
  }
  return copied;
}

/// relaxed: only how much is left is asked.
template <class Atomics>
bool BasicRingReader<Atomics>::is_writer_to_be_woken() {
  const std::uint64_t left = memory_.control.written.load(std::memory_order_relaxed) - taken_;
  if (left > this->capacity() / 2) return false;  // the reader checks again as it reads on
  return memory_.control.writer_waits.take();
}

}  // namespace distflow::stream
