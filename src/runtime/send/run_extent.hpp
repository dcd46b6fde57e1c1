// How much is in a run of frames, which its lane fills while the loop takes from it: one word that both change. And the
// credit that the lane has taken for the run, part of it in advance.
//
//     the lane: open() ─▶ extend() ... ─▶ seal()          the loop: look() ─▶ takes what is new ─▶ let_go()
//
//   1. Of the lane's next call and the loop's letting go, whichever comes first is seen by the other: a frame is either
//      in a run that the loop holds, or the lane learns that the loop has let go, and announces it again.
//   2. The loop sees the bytes of all frames that are counted.
//   3. When the lane learns that the run was let go, it has all that the loop did with it.
//   4. Credit is given to the run before the frame that needs it, and taken from it once, by the side that ends the
//      run: by the loop as it lets go, also of what the lane had sealed; what comes after that, by the lane.
// Use: if (!extent.extend(bytes)) announce_again();   ...   if (extent.let_go(frames_taken) != LetGo::kept) forget();
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/assert.hpp"
#include "base/std_atomics.hpp"

namespace distflow::runtime {

/// What became of a run that the loop wanted to let go of.
enum class LetGo : std::uint8_t {
  kept,      ///< something was added meanwhile
  released,  ///< the lane learns of it with its next call, and has the run
  sealed,    ///< the lane has left it already: the loop gives it back
};

template <class Atomics = base::StdAtomics>
class RunExtent {
 public:
  struct Seen {
    std::size_t bytes;
    std::uint32_t frames;
  };

  // The lane.
  /// With one frame of `bytes`, not announced yet: relaxed, the announcement passes it on.
  void open(std::size_t bytes, bool is_sealed, std::uint64_t credit = 0) {
    credit_.store(credit, std::memory_order_relaxed);
    word_.store(kOneFrame + bytes + (is_sealed ? kSealed : 0), std::memory_order_relaxed);
  }
  /// Adds a frame; false when the loop has let go: the run is the lane's, and the frame in none.
  bool extend(std::size_t bytes) {
    // release: with it the loop sees the frame's bytes. acquire: what the loop let go of is this thread's to write.
    // seq_cst: the thread that looks whether the loop has ended (NodeHost) finds what is added after the loop's last
    // look.
    const std::uint64_t before = word_.fetch_add(kOneFrame + bytes, std::memory_order_seq_cst);
    DF_ASSERT(frames_of(before) < kFramesMax);
    return (before & kReleased) == 0;
  }
  /// No frame follows; false when the loop has let go: the run is the lane's.
  bool seal() { return (word_.fetch_or(kSealed, std::memory_order_acq_rel) & kReleased) == 0; }
  /// Before extend() with what needs it.
  void add_credit(std::uint64_t credit) { credit_.fetch_add(credit, std::memory_order_relaxed); }
  /// Brings the credit from all that was given down to `rest`; false if the loop has it in its hands, as it lets go.
  bool cut_credit(std::uint64_t all, std::uint64_t rest) {
    return credit_.compare_exchange_strong(all, rest, std::memory_order_relaxed, std::memory_order_relaxed);
  }
  /// All that nobody has taken. Of a run that was let go: what was added since.
  std::uint64_t take_credit() { return credit_.exchange(0, std::memory_order_relaxed); }
  [[nodiscard]] bool is_released() const { return (word_.load(std::memory_order_acquire) & kReleased) != 0; }

  // The loop.
  [[nodiscard]] Seen look() const {
    const std::uint64_t word = word_.load(std::memory_order_acquire);
    return {static_cast<std::size_t>(word & (kOneFrame - 1)), frames_of(word)};
  }
  /// Lets go of a run of which `frames_taken` frames have been taken, with its credit; which is untouched if it is
  /// kept.
  LetGo let_go(std::uint32_t frames_taken, std::uint64_t& credit) {
    // Before the word is changed: with that the run is the lane's, which may begin it anew.
    credit = take_credit();
    const LetGo outcome = let_go(frames_taken);
    if (outcome == LetGo::sealed) credit += take_credit();
    if (outcome == LetGo::kept) add_credit(std::exchange(credit, 0));
    return outcome;
  }

 private:
  LetGo let_go(std::uint32_t frames_taken) {
    // acquire: what the lane did with the run before it sealed it.
    std::uint64_t word = word_.load(std::memory_order_acquire);
    if (frames_of(word) != frames_taken) return LetGo::kept;
    if ((word & kSealed) != 0) return LetGo::sealed;
    // release: the loop has done with the run. If a frame or the seal has come, it is looked at once more.
    const bool is_done =
        word_.compare_exchange_strong(word, word | kReleased, std::memory_order_release, std::memory_order_relaxed);
    return is_done ? LetGo::released : LetGo::kept;
  }

  // Bytes in 40 bits, frames in 22, then the flags.
  static constexpr std::uint64_t kOneFrame = std::uint64_t{1} << 40;
  static constexpr std::uint64_t kSealed = std::uint64_t{1} << 62;    // set by the lane: no frame follows
  static constexpr std::uint64_t kReleased = std::uint64_t{1} << 63;  // set by the loop: the run is the lane's
  static constexpr std::uint32_t kFramesMax = (std::uint32_t{1} << 22) - 1;
  static std::uint32_t frames_of(std::uint64_t word) { return static_cast<std::uint32_t>(word >> 40) & kFramesMax; }

  typename Atomics::template Atomic<std::uint64_t> word_{0};
  typename Atomics::template Atomic<std::uint64_t> credit_{0};  // as a SendCredit counts it
};

}  // namespace distflow::runtime
