// NodeHost's sending: from the loop's thread straight to the router, from others through the cross-thread sends.
#include <cinttypes>
#include <optional>
#include <utility>

#include "io/clock.hpp"
#include "protocol/envelope.hpp"
#include "runtime/process/node_host.hpp"

namespace distflow::runtime {
namespace {

constexpr std::uint64_t kMessagesPerTurn = 4096;  // of other threads

}  // namespace

SendVerdict NodeHost::count(SendVerdict verdict) {
  if (verdict == SendVerdict::queue_full) add(refused_queue_full_, 1);
  if (verdict == SendVerdict::unresolved) add(refused_unresolved_, 1);
  return verdict;
}

std::shared_ptr<TargetState> NodeHost::target(std::string_view name) {
  if (is_forked() || name.empty() || name.size() > protocol::kIdSizeMax) return nullptr;
  return targets_.of(name);
}

// What is rarely needed, or costs more than a call, has a function of its own: send() is short on the loop's thread,
// and saves few registers.

SendVerdict NodeHost::send_on_loop(const std::shared_ptr<TargetState>& target, const OutgoingMessage& message) {
  return message.is_written_in_place() ? send_in_writer(target, message) : node_->send(target, message);
}

/// What writes the payload may call the node: it must not be waited for then, as in a handler.
[[gnu::noinline]] SendVerdict NodeHost::send_in_writer(const std::shared_ptr<TargetState>& target,
                                                       const OutgoingMessage& message) {
  struct Inside {
    explicit Inside(bool& is_in_writer) : is_in_writer_(is_in_writer), before_(std::exchange(is_in_writer, true)) {}
    ~Inside() { is_in_writer_ = before_; }
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;
    bool& is_in_writer_;
    const bool before_;
  };
  const Inside inside(is_in_writer_);
  return node_->send(target, message);
}

SendVerdict NodeHost::send(std::string_view name, const OutgoingMessage& message) {
  if (is_forked()) return SendVerdict::forked;
  if (!is_running()) return SendVerdict::shut_down;
  if (name.empty() || name.size() > protocol::kIdSizeMax) return SendVerdict::invalid_target;
  std::shared_ptr<TargetState> target = targets_.of(name);
  if (target == nullptr) return SendVerdict::invalid_target;
  if (is_loop_thread()) return count(send_on_loop(target, message));
  thread_local std::string prefix;
  std::uint64_t version = 0;
  return send(target, version, prefix, message);
}

SendVerdict NodeHost::send(std::shared_ptr<TargetState>& target, std::uint64_t& version, std::string& prefix,
                           const OutgoingMessage& message) {
  if (is_forked()) return SendVerdict::forked;
  if (!is_running()) return SendVerdict::shut_down;
  if (target == nullptr) return SendVerdict::invalid_target;
  if (target->instance != instance_) [[unlikely]]
    return renew_and_send(target, version, prefix, message);
  if (is_loop_thread()) return count(send_on_loop(target, message));
  return send_from_other_thread(target, version, prefix, message);
}

/// For a target of a host before this one.
[[gnu::noinline]] SendVerdict NodeHost::renew_and_send(std::shared_ptr<TargetState>& target, std::uint64_t& version,
                                                       std::string& prefix, const OutgoingMessage& message) {
  target = targets_.of(target->name);
  version = 0;
  return send(target, version, prefix, message);
}

[[gnu::noinline]] SendVerdict NodeHost::send_from_other_thread(const std::shared_ptr<TargetState>& target,
                                                               std::uint64_t& version, std::string& prefix,
                                                               const OutgoingMessage& message) {
  if (target->version.load(std::memory_order_acquire) != version) {  // pairs with TargetState::publish()
    const std::scoped_lock lock(target->mutex);
    prefix = target->prefix;
    version = target->version.load(std::memory_order_relaxed);
  }
  return count(submit(target, version, prefix, message));
}

/// Encodes on this thread what the loop's is to send.
SendVerdict NodeHost::submit(const std::shared_ptr<TargetState>& target, std::uint64_t version, std::string_view prefix,
                             const OutgoingMessage& message) {
  ThreadLane* const lane = CrossThreadSends::lane_of_this_thread(cross_thread_sends_);
  if (lane == nullptr) return SendVerdict::out_of_memory;
  if (prefix.empty()) return submit_parked(*lane, target, message);
  // Sent by what writes another message in place: it needs a place of its own.
  std::optional<transport::OutBuffer> nested;
  if (!lane->out.is_open()) lane->prepare();
  transport::OutBuffer& out = lane->out.is_open() ? nested.emplace(*out_chunks_) : lane->out;
  const std::string_view suffix = lane->suffix.at(io::system_wall_ms_coarse());
  transport::EncodedFrame frame;
  const SendVerdict verdict = write_frame(out, prefix, message, suffix, options_.frame_size_max, frame);
  return verdict == SendVerdict::queued ? hand_over(lane->add(target, version, frame)) : verdict;
}

SendVerdict NodeHost::submit_parked(ThreadLane& lane, const std::shared_ptr<TargetState>& target,
                                    const OutgoingMessage& message) {
  ParkedMessage parked{.payload = {}, .extension = {}, .timestamp = io::system_wall_ms()};
  const SendVerdict verdict = copy_message(message, options_.frame_size_max, parked);
  return verdict == SendVerdict::queued ? hand_over(lane.add_parked(target, std::move(parked))) : verdict;
}

SendVerdict NodeHost::hand_over(ThreadLane::Added added) {
  if (added == ThreadLane::Added::full) return SendVerdict::queue_full;
  if (added == ThreadLane::Added::announced) reactor_->notify();
  // ... or this sees that the loop has ended: end_loop().
  if (phase_.load(std::memory_order_seq_cst) == Phase::closed) [[unlikely]]
    discard_late();
  return SendVerdict::queued;
}

/// Counts what the loop, which has ended, did not see any more.
void NodeHost::discard_late() {
  const std::scoped_lock lock(mutex_);
  const std::uint64_t discarded = discard_cross_thread_sends();
  if (discarded == 0 || std::exchange(has_told_late_, true)) return;
  log_.write(base::LogLevel::warn,
             "%" PRIu64
             " messages dropped: another thread sent them while the node ended; "
             "stats() counts more as dropped_shutdown",
             discarded);
}

bool NodeHost::drain_inbox() {
  node_->publish_gauges();
  const bool is_ending = end_if_asked();
  return drain_cross_thread_sends() || is_ending;
}

bool NodeHost::drain_cross_thread_sends() {
  return cross_thread_sends_->drain(kMessagesPerTurn, [this](FrameBatch& run, const transport::EncodedRun& frames) {
    if (node_->is_closing()) {
      discarded_from_threads_ += frames.count;
    } else if (run.parked) {
      node_->router().send_parked(run.target, std::move(*run.parked));
    } else {
      node_->router().send_encoded(run.target, run.version, frames);
    }
  });
}

std::uint64_t NodeHost::discard_cross_thread_sends() {
  const auto discard = [this](const FrameBatch&, const transport::EncodedRun& frames) {
    discarded_from_threads_ += frames.count;
  };
  while (cross_thread_sends_->drain(kMessagesPerTurn, discard)) {
  }
  const std::uint64_t discarded = std::exchange(discarded_from_threads_, 0);
  node_->router().note_discarded(discarded);
  return discarded;
}

}  // namespace distflow::runtime
