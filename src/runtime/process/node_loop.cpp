#include "runtime/process/node_loop.hpp"

#include <algorithm>

#include "io/backend_choice.hpp"
#include "io/scheduling.hpp"
#include "runtime/node/start_errors.hpp"

namespace distflow::runtime {
namespace {

/// Bytes of chunks that large frames have lain in and that are kept for the next ones, each way: as much as waits for
/// one peer by default.
constexpr std::size_t kLargeBytesKeptMax = std::size_t{64} << 20;

/// With a second thread the two may share a processor, and leave it to each other: that is no reason to sleep.
io::ReactorOptions reactor_options(const NodeOptions& options) {
  if (options.spin != NodeOptions::kSpinMeasured) return {.spin = options.spin, .preemptions = &io::preemptions};
  return {.wake_cost = &io::wake_cost,
          .preemptions = &io::preemptions,
          .sleeps_if_shared = options.threading != Threading::dispatcher};
}

}  // namespace

NodeLoop::NodeLoop(const void* owner, std::shared_ptr<NodePlace> place)
    : owner_(owner),
      place_(std::move(place)),
      receive_chunks_({.chunk_size = 256 * 1024, .chunk_count_max = 64}),
      blocks_({.chunk_size = 16 * 1024, .chunk_count_max = 4096, .large_bytes_kept_max = kLargeBytesKeptMax}),
      out_chunks_(std::make_shared<base::ChunkPool>(base::ChunkPoolOptions{
          .chunk_size = 256 * 1024, .chunk_count_max = 256, .large_bytes_kept_max = kLargeBytesKeptMax})) {}

Result<void, StartError> NodeLoop::open(const NodeOptions& options, const base::Log& log) {
  if (place_ != nullptr) {
    Result<std::unique_ptr<io::Backend>> backend = place_->make_backend(receive_chunks_);
    if (!backend) return own_failure(backend.error());
    backend_name_ = (*backend)->name();
    reactor_ = std::make_unique<io::Reactor>(std::move(*backend), io::ReactorOptions{});
    static_cast<void>(reactor_->pollable_fd());  // watched: what is asked of it between turns wakes it
    return {};
  }
  const Result<io::BackendKind> kind =
      options.backend.empty() ? io::backend_kind_from_environment() : io::parse_backend_kind(options.backend);
  if (!kind) return kind.error();
  // The last handle of a node that is polled may go on a thread that has not polled it, and which ends it then.
  const auto thread = options.threading == Threading::caller ? io::LoopThread::changes : io::LoopThread::first_only;
  Result<io::SelectedBackend> selected = io::select_backend(*kind, receive_chunks_, thread);
  if (!selected) return own_failure(selected.error());
  fallback_reason_ = selected->fallback_reason;
  backend_name_ = selected->backend->name();
  if (!fallback_reason_.empty()) log.write(base::LogLevel::warn, "%s", fallback_reason_.c_str());
  reactor_ = std::make_unique<io::Reactor>(std::move(selected->backend), reactor_options(options));
  return {};
}

void NodeLoop::turn_once(base::Instant until) {
  const Inside inside(*this);
  do {
    reactor_->turn(until);
  } while (reactor_->has_looked_in_vain() && reactor_->now() < until);
}

void NodeLoop::turn_at_place() {
  const Inside inside(*this);
  reactor_->turn(base::kNever);
}

std::chrono::milliseconds NodeLoop::due_within() const {
  using std::chrono::milliseconds;
  const base::Instant next = reactor_->timers().next_deadline();
  if (next == base::kNever) return milliseconds::max();
  return std::max(milliseconds(0), std::chrono::ceil<milliseconds>(next - now()));
}

}  // namespace distflow::runtime
