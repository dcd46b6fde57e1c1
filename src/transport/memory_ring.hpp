// A ring of bytes in memory that two processes share: one writes, the other reads. Each sees the other's position
// there, and tells there when it is about to sleep.
//
// Loop thread only, one on each side.
//   1. What lies there may be changed by the other process at any time, to anything. Each side keeps its own position
//      to itself, and believes of the other's only what can be: else the ring is broken, for good.
//   2. Bytes are copied out before they are looked at: what has been checked cannot change.
//   3. Whoever is about to sleep says so, then looks once more; whoever has moved, asks whether the other sleeps. Both
//      exchange one flag, so that whichever comes second sees what the other did before.
// Use: RingWriter writer(memory); writer.write(bytes); if (writer.is_reader_to_be_woken()) ...
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace distflow::transport {

/// What the two sides of a ring tell each other, in shared memory.
struct RingControl {
  alignas(128) std::atomic<std::uint64_t> written;  ///< bytes, ever; the writer's
  alignas(128) std::atomic<std::uint64_t> taken;    ///< bytes, ever; the reader's
  alignas(128) std::atomic<std::uint32_t> reader_sleeps;
  alignas(128) std::atomic<std::uint32_t> writer_waits;  ///< for room
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free && std::atomic<std::uint32_t>::is_always_lock_free);
static_assert(sizeof(RingControl) == 512);

/// One direction in shared memory.
struct RingMemory {
  RingControl& control;
  std::span<char> bytes;  ///< a power of two
};

/// What both sides have: the ring, the position of their own, and the other's as last seen.
class RingEnd {
 public:
  /// Whether the other's position has been one that cannot be.
  [[nodiscard]] bool is_broken() const { return is_broken_; }

 protected:
  explicit RingEnd(RingMemory memory) : memory_(memory) {}
  ~RingEnd() = default;

  [[nodiscard]] std::size_t capacity() const { return memory_.bytes.size(); }
  /// Bytes written and not taken; 0 when the ring is broken.
  std::size_t filled() {
    is_broken_ |= written_ - taken_ > capacity();
    return is_broken_ ? 0 : static_cast<std::size_t>(written_ - taken_);
  }
  /// The bytes from a position on, up to `size_max` or the end of the memory.
  [[nodiscard]] std::span<char> at(std::uint64_t position, std::size_t size_max) const;

  const RingMemory memory_;
  std::uint64_t written_ = 0;
  std::uint64_t taken_ = 0;

 private:
  bool is_broken_ = false;
};

class RingWriter : public RingEnd {
 public:
  explicit RingWriter(RingMemory memory) : RingEnd(memory) {}

  /// Copies as much as there is room for, and tells how much that was; 0 as well when the ring is broken.
  std::size_t write(std::string_view bytes);

  /// Whether the reader sleeps and is to be woken, for what has been written; says so once.
  bool is_reader_to_be_woken();

  /// Asks to be woken when there is room, or no longer; there may be some already.
  void wait_for_room(bool waits) { memory_.control.writer_waits.exchange(waits ? 1 : 0, std::memory_order_seq_cst); }

 private:
  std::size_t room(std::size_t wanted);
};

class RingReader : public RingEnd {
 public:
  explicit RingReader(RingMemory memory) : RingEnd(memory) {}

  /// Copies what there is, up to the size of `out`, and tells how much that was; 0 as well when the ring is broken.
  std::size_t read(std::span<char> out);
  [[nodiscard]] bool has_unread() { return unread() > 0; }

  /// Whether the writer waits for room, has half of the ring, and is to be woken; says so once.
  bool is_writer_to_be_woken();

  /// Asks to be woken when there is something to read, or no longer; there may be something already.
  void sleep(bool sleeps) { memory_.control.reader_sleeps.exchange(sleeps ? 1 : 0, std::memory_order_seq_cst); }

 private:
  std::size_t unread();
};

}  // namespace distflow::transport
