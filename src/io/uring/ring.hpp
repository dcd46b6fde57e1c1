// Ring: one io_uring of a backend, and what of the kernel it must have. open() reports what it lacks.
//
// Opened on any thread; from enable() on it belongs to the thread that called it (io_uring_setup(2), SINGLE_ISSUER).
//   1. next() submits when the submission queue is full. It never takes completions: no callback can run below it.
//   2. What a submission points to must stay until it is no longer unsubmitted() (io_uring_prep_sendmsg(3)).
// Use: Ring ring; ring.open({}); ring.enable(); io_uring_prep_...(ring.next(), ...); ring.submit_and_wait(timeout);
#pragma once

#include <liburing.h>

#include <span>
#include <utility>

#include <distflow/result.hpp>

#include "base/time.hpp"
#include "io/uring/uring.hpp"

namespace distflow::io {

class Ring {
 public:
  static constexpr unsigned kCompletionCount = 4096;

  Ring() = default;
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring();

  /// A ring that is not enabled yet. The error's text says which feature of which kernel is missing.
  Result<void> open(UringOptions options);
  /// From now on this thread, and no other, may submit and wait.
  void enable();
  [[nodiscard]] bool is_enabled() const { return is_enabled_; }

  /// An empty submission; null when the kernel takes none at the moment.
  io_uring_sqe* next();
  /// Submits without waiting.
  void submit();
  /// Submits, and waits for a completion at most `timeout` (Duration::max(): as good as for ever).
  void submit_and_wait(base::Duration timeout);
  [[nodiscard]] unsigned unsubmitted() const { return io_uring_sq_ready(&ring_); }

  /// Whether the kernel had to drop completions for lack of memory; asked once.
  bool take_lost_completions() { return std::exchange(has_lost_completions_, false); }

  /// The completions that are there, in order, at most as many as fit. They stay until advance().
  std::span<io_uring_cqe*> completions(std::span<io_uring_cqe*> out);
  void advance(std::size_t count) { io_uring_cq_advance(&ring_, static_cast<unsigned>(count)); }

  /// Readable while there are completions, or work that will give some.
  [[nodiscard]] int fd() const { return ring_.ring_fd; }
  [[nodiscard]] io_uring& get() { return ring_; }

  /// Whether `features`, which a kernel says it has (io_uring_setup(2)), are enough; else the first that is missing.
  [[nodiscard]] static Result<void> check_features(unsigned features);

  /// What became of entering the kernel. Public for tests.
  void note_outcome(int outcome);

 private:
  [[nodiscard]] Result<void> check_entering() const;

  io_uring ring_{};
  bool is_open_ = false;
  bool is_enabled_ = false;
  bool has_lost_completions_ = false;
};

}  // namespace distflow::io
