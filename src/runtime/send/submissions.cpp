#include "runtime/send/submissions.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "framing/frame.hpp"

namespace distflow::runtime {
namespace {

/// More than a ring of shared memory holds by default: the peer does not take what is sent.
constexpr std::uint64_t kBacklog = std::uint64_t{512} << 10;

/// What its frame takes, headers included; of a payload that is written in place, without that.
std::size_t size_of_frame(std::string_view prefix, const OutgoingMessage& message, std::string_view suffix) {
  const std::size_t payload = message.is_written_in_place() ? 0 : message.text().size();
  return framing::kHeaderSize + prefix.size() + payload + suffix.size();
}

}  // namespace

Submissions::Outcome Submissions::submit(const TargetPtr& target, const PublishedCopy& copy,
                                         const OutgoingMessage& message, base::WallMs now, HeldCredit* held) {
  if (target->version.load(std::memory_order_acquire) != copy.version) {  // pairs with TargetState::publish()
    const std::scoped_lock lock(target->mutex);
    copy.prefix = target->prefix;
    copy.credit = target->credit;
    copy.version = target->version.load(std::memory_order_relaxed);
  }
  ThreadLane* const lane = CrossThreadSends::lane_of_this_thread(lanes_);
  if (lane == nullptr) return {SendVerdict::out_of_memory};
  if (copy.prefix.empty()) return submit_parked(*lane, target, message, now);
  const std::string_view suffix = lane->suffix.at(now);
  // Before a frame is encoded in vain.
  const SendCredit::Amount least{size_of_frame(copy.prefix, message, suffix), 1};
  const bool is_paid = held != nullptr && *held;
  if (!is_paid && !lane->covers(target, copy.version, least.bytes) && !copy.credit->seems_to_have(least))
    return {.verdict = SendVerdict::queue_full, .missing = least};
  // Sent by what writes another message in place: it needs a place of its own.
  std::optional<transport::OutBuffer> nested;
  if (!lane->out.is_open()) lane->prepare();
  transport::OutBuffer& out = lane->out.is_open() ? nested.emplace(*chunks_) : lane->out;
  transport::EncodedFrame frame;
  // What writes in place may send to the same target, whose copy is renewed then. Others do without a reference of
  // their own, whose count all threads would write to.
  std::shared_ptr<SendCredit> kept;
  if (message.is_written_in_place()) kept = copy.credit;
  const std::shared_ptr<SendCredit>& credit = kept != nullptr ? kept : copy.credit;
  const auto version = copy.version;
  const SendVerdict written = write_frame(out, copy.prefix, message, suffix, frame_size_max_, frame);
  if (written != SendVerdict::queued) return {written};
  const SendCredit::Amount amount{frame.bytes.size(), 1};
  const ThreadLane::Added added = lane->add(target, version, credit, frame, held);
  if (!ThreadLane::is_in(added)) out.take_back(frame);
  if (added == ThreadLane::Added::no_credit) return {.verdict = SendVerdict::queue_full, .missing = amount};
  return outcome_of(added);
}

Submissions::Outcome Submissions::submit_parked(ThreadLane& lane, const TargetPtr& target,
                                                const OutgoingMessage& message, base::WallMs now) {
  ParkedMessage parked{.payload = {}, .extension = {}, .timestamp = now};
  const SendVerdict copied = copy_message(message, frame_size_max_, parked);
  if (copied != SendVerdict::queued) return {copied};
  // The loop would drop it: who sends on and on to a name that nobody has any more would be told `queued` each time.
  if (target->is_unknown_at(now) && !knows_(target->name)) return {SendVerdict::unresolved};
  const std::size_t size = parked.size();
  const bool has_place = parked.has_place = targets_.parking().take(*target, size);
  // What goes to a node that is there does not wait: the loop has not seen yet that it is sent to.
  if (!has_place && !knows_(target->name)) return {SendVerdict::unresolved};
  const ThreadLane::Added added = lane.add_parked(target, std::move(parked));
  if (has_place && !ThreadLane::is_in(added)) targets_.parking().leave(*target, size);
  return outcome_of(added);
}

Submissions::Outcome Submissions::outcome_of(ThreadLane::Added added) {
  if (added == ThreadLane::Added::full) return {SendVerdict::queue_full};
  if (added == ThreadLane::Added::out_of_memory) return {SendVerdict::out_of_memory};
  return {SendVerdict::queued, added == ThreadLane::Added::announced};
}

/// To yield on and on would leave the loop nothing where others use all of the processor. So it does only when who is
/// to bring work, or to make room, may wait for this processor.
Submissions::Pace Submissions::pace() const {
  if (!lanes_->is_ahead()) return Pace::at_once;
  return lanes_->has_looked_in_vain() || backlog_ > kBacklog ? Pace::after_others : Pace::after_a_moment;
}

bool Submissions::drain(Router* router) {
  backlog_ = 0;
  const std::uint64_t all = kMessagesPerTurn;
  const std::uint64_t& messages_max = router == nullptr ? all : router->begin_drain(all);
  return lanes_->drain(messages_max, [&](FrameBatch& run, const transport::EncodedRun& frames) {
    drained_ += frames.count;
    if (router == nullptr) {
      discard(run, frames);
    } else if (run.parked) {
      router->send_parked(run.target, std::move(*run.parked));
    } else {
      router->send_encoded(run.target, run.version, run.credit, frames);
      backlog_ = std::max(backlog_, run.credit->used().bytes);
    }
  });
}

/// Its room goes back: who waits for it is to find it.
void Submissions::discard(const FrameBatch& run, const transport::EncodedRun& frames) {
  discarded_ += frames.count;
  if (run.parked) {
    if (run.parked->has_place) targets_.parking().leave(*run.target, run.parked->size());
  } else {
    run.credit->give_back({frames.bytes.size(), frames.count});
  }
}

}  // namespace distflow::runtime
