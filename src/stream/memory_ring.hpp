// A ring of bytes in memory that two processes share: one writes, the other reads. Each sees the other's position
// there, and when it is about to sleep.
//
// Loop thread only, one on each side.
//   1. What lies there may be changed by the other process at any time, to anything. Each side keeps its own position
//      to itself, and believes of the other's only what can be: else the ring is broken, for good.
//   2. Bytes are copied out before they are looked at: what has been checked cannot change.
//   3. A side that is about to sleep sets its flag, then looks once more. A side that has moved its position takes the
//      other's flag (base/sleep_flag.hpp). The second of these two steps sees what the other side did before.
// Use: RingWriter writer(memory); writer.write(bytes); if (writer.is_reader_to_be_woken()) ...
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/sleep_flag.hpp"
#include "base/std_atomics.hpp"

namespace distflow::stream {

/// What the two sides of a ring report to each other, in shared memory.
template <class Atomics>
struct BasicRingControl {
  alignas(128) typename Atomics::template Atomic<std::uint64_t> written;  ///< bytes, ever; the writer's
  alignas(128) typename Atomics::template Atomic<std::uint64_t> taken;    ///< bytes, ever; the reader's
  alignas(128) base::SleepFlag<Atomics> reader_sleeps;
  alignas(128) base::SleepFlag<Atomics> writer_waits;  ///< for room
};
using RingControl = BasicRingControl<base::StdAtomics>;
static_assert(std::atomic<std::uint64_t>::is_always_lock_free && std::atomic<std::uint32_t>::is_always_lock_free);
static_assert(sizeof(RingControl) == 512 && sizeof(base::SleepFlag<>) == sizeof(std::uint32_t));

/// One direction in shared memory.
template <class Atomics>
struct BasicRingMemory {
  BasicRingControl<Atomics>& control;
  std::span<char> bytes;  ///< a power of two
};
using RingMemory = BasicRingMemory<base::StdAtomics>;

/// What both sides have: the ring, the position of their own, and the other's as last seen.
template <class Atomics>
class RingEnd {
 public:
  /// Whether the other's position has been one that cannot be.
  [[nodiscard]] bool is_broken() const { return is_broken_; }

 protected:
  explicit RingEnd(BasicRingMemory<Atomics> memory) : memory_(memory) {}
  ~RingEnd() = default;

  [[nodiscard]] std::size_t capacity() const { return memory_.bytes.size(); }
  /// Bytes written and not taken; 0 when the ring is broken.
  std::size_t filled() {
    is_broken_ |= written_ - taken_ > capacity();
    return is_broken_ ? 0 : static_cast<std::size_t>(written_ - taken_);
  }
  /// The bytes from a position on, up to `size_max` or the end of the memory.
  [[nodiscard]] std::span<char> at(std::uint64_t position, std::size_t size_max) const;

  const BasicRingMemory<Atomics> memory_;
  std::uint64_t written_ = 0;
  std::uint64_t taken_ = 0;

 private:
  bool is_broken_ = false;
};

template <class Atomics>
class BasicRingWriter : public RingEnd<Atomics> {
 public:
  explicit BasicRingWriter(BasicRingMemory<Atomics> memory) : RingEnd<Atomics>(memory) {}

  /// Copies as much as there is room for, and returns how much that was; 0 as well when the ring is broken.
  std::size_t write(std::string_view bytes);

  /// Whether the reader sleeps and is to be woken, for what has been written; true once.
  bool is_reader_to_be_woken();

  /// Asks to be woken when there is room, or no longer; there may be some already.
  void wait_for_room(bool waits) { memory_.control.writer_waits.tell(waits); }

 private:
  using RingEnd<Atomics>::memory_;
  using RingEnd<Atomics>::written_;
  using RingEnd<Atomics>::taken_;

  std::size_t room(std::size_t wanted);
};

template <class Atomics>
class BasicRingReader : public RingEnd<Atomics> {
 public:
  explicit BasicRingReader(BasicRingMemory<Atomics> memory) : RingEnd<Atomics>(memory) {}

  /// Copies what there is, up to the size of `out`, and returns how much that was; 0 as well when the ring is broken.
  std::size_t read(std::span<char> out);
  [[nodiscard]] bool has_unread() { return unread() > 0; }

  /// Whether the writer waits for room, has half of the ring, and is to be woken; true once.
  bool is_writer_to_be_woken();
  /// Whether that has not been asked since there was half of the ring. Changes nothing.
  [[nodiscard]] bool is_writer_forgotten() const {
    const std::uint64_t left = memory_.control.written.load(std::memory_order_relaxed) - taken_;
    return left <= this->capacity() / 2 && memory_.control.writer_waits.seems_announced();
  }

  /// Asks to be woken when there is something to read, or no longer; there may be something already.
  void sleep(bool sleeps) { memory_.control.reader_sleeps.tell(sleeps); }

 private:
  using RingEnd<Atomics>::memory_;
  using RingEnd<Atomics>::written_;
  using RingEnd<Atomics>::taken_;

  std::size_t unread();
};

using RingWriter = BasicRingWriter<base::StdAtomics>;
using RingReader = BasicRingReader<base::StdAtomics>;
extern template class RingEnd<base::StdAtomics>;
extern template class BasicRingWriter<base::StdAtomics>;
extern template class BasicRingReader<base::StdAtomics>;

}  // namespace distflow::stream
