#include "io/uring/ring.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "base/assert.hpp"
#include "io/posix/lost_descriptor.hpp"
#include "io/posix/owned_descriptors.hpp"
#include "io/posix/socket.hpp"
#include "io/posix/timespec.hpp"

namespace distflow::io {
namespace {

struct Mode {
  UringMode mode;
  unsigned flags;
};

// The better one first. A ring begins disabled, so that it can be made on one thread and belong to another.
constexpr Mode kModes[] = {
    {UringMode::deferred, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN},
    {UringMode::cooperative, IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG},
};
constexpr unsigned kCommonFlags = IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;

/// What the kernel says of itself when a ring is set up.
struct Feature {
  unsigned bit;
  const char* missing;
};
constexpr Feature kFeatures[] = {
    {IORING_FEAT_NODROP, "using io_uring, which keeps completions that find no room from Linux 5.5 on"},
    {IORING_FEAT_SUBMIT_STABLE, "using io_uring, which reads what is submitted at once from Linux 5.5 on"},
    {IORING_FEAT_FAST_POLL, "using io_uring, which waits for sockets without threads from Linux 5.7 on"},
    {IORING_FEAT_EXT_ARG, "using io_uring, which waits with a deadline from Linux 5.11 on"},
    {IORING_FEAT_CQE_SKIP, "using io_uring, which can be silent about success from Linux 5.17 on"},
};

constexpr const char* kSettingUp =
    "setting up io_uring (from Linux 5.19 on, where neither seccomp, kernel.io_uring_disabled nor a limit on memory "
    "forbids it)";

Error failed(int negative_errno, const char* doing) { return posix::error_of(-negative_errno, doing); }

}  // namespace

Ring::~Ring() {
  if (is_open_) posix::close_owned(ring_.ring_fd, [this] { io_uring_queue_exit(&ring_); });
}

Result<void> Ring::open(UringOptions options) {
  int outcome = -EINVAL;
  io_uring_params params{};
  for (const Mode& candidate : kModes) {
    if (options.mode != UringMode::best && options.mode != candidate.mode) continue;
    params = {};
    params.flags = kCommonFlags | candidate.flags;
    params.cq_entries = kCompletionCount;
    posix::open_owned([&] {
      outcome = io_uring_queue_init_params(options.submission_count, &ring_, &params);
      return outcome < 0 ? outcome : ring_.ring_fd;
    });
    if (outcome != -EINVAL) break;  // that is what a kernel says of flags that it does not know
  }
  if (outcome < 0) return failed(outcome, kSettingUp);
  is_open_ = true;
  // A forked child that had the mapping would hold the ring, and with it what the parent's listener is bound to.
  if (const int kept = io_uring_ring_dontfork(&ring_); kept < 0) return failed(kept, "keeping io_uring from children");
  if (Result<void> allowed = check_entering(); !allowed) return allowed;
  return check_features(params.features);
}

/// A filter may allow setting io_uring up and forbid its use. A ring that is disabled says EBADFD.
Result<void> Ring::check_entering() const {
  const long outcome = ::syscall(__NR_io_uring_enter, ring_.ring_fd, 0, 0, 0, nullptr, 0);
  if (outcome < 0 && errno != EBADFD) return posix::last_error("entering io_uring (seccomp may forbid it)");
  return {};
}

Result<void> Ring::check_features(unsigned features) {
  for (const Feature& feature : kFeatures) {
    if ((features & feature.bit) == 0) return failed(-EOPNOTSUPP, feature.missing);
  }
  return {};
}

void Ring::enable() {
  // By number: not every liburing that declares io_uring_enable_rings() exports it.
  const long outcome = ::syscall(__NR_io_uring_register, ring_.ring_fd, IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
  if (outcome != 0) posix::stop_without_descriptor("enabling io_uring", errno);
  is_enabled_ = true;
}

io_uring_sqe* Ring::next() {
  if (io_uring_sqe* sqe = io_uring_get_sqe(&ring_)) return sqe;
  submit();
  return io_uring_get_sqe(&ring_);
}

/// What was not taken stays in the queue, and is submitted again: out of memory, or of room for completions.
void Ring::note_outcome(int outcome) {
  switch (outcome) {
    case -ETIME:
    case -EINTR:
    case -EAGAIN:
    case -EBUSY:
    case -ENOMEM: return;
    case -EBADR: has_lost_completions_ = true; return;  // io_uring_enter(2): no memory to keep them in
    default: break;
  }
  DF_ASSERT(outcome != -EEXIST);  // this is not the thread that enabled the ring
  if (outcome < 0) posix::stop_without_descriptor("entering io_uring", -outcome);
}

void Ring::submit() { note_outcome(io_uring_submit(&ring_)); }

void Ring::submit_and_wait(base::Duration timeout) {
  int outcome = 0;
  if (timeout <= base::Duration::zero()) {
    outcome = io_uring_submit_and_get_events(&ring_);
  } else {
    const timespec wait = posix::to_timespec(timeout);
    __kernel_timespec limit{wait.tv_sec, wait.tv_nsec};
    io_uring_cqe* unused = nullptr;
    outcome = io_uring_submit_and_wait_timeout(&ring_, &unused, 1, &limit, nullptr);
  }
  note_outcome(outcome);
  // Without memory it has not waited. The holders of memory need the processor to give it back.
  if (outcome == -ENOMEM) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

std::span<io_uring_cqe*> Ring::completions(std::span<io_uring_cqe*> out) {
  const unsigned count = io_uring_peek_batch_cqe(&ring_, out.data(), static_cast<unsigned>(out.size()));
  return out.first(count);
}

}  // namespace distflow::io
