#include <algorithm>
#include <array>
#include <memory>
#include <string>

#include "base/sleep_flag.hpp"
#include "runtime/receive/ring_mailbox_parts.hpp"
#include "runtime/send/run_extent.hpp"
#include "tests/runtime/mail_maker.hpp"
#include "tests/schedules/model_atomics.hpp"
#include "tests/schedules/subjects.hpp"

namespace distflow::test {
namespace {

using runtime::Mail;
constexpr std::size_t kMessages = 6;

/// A producer, and a consumer that sleeps when nothing is there.
class MailboxWorld {
 public:
  MailboxWorld(Overflow overflow, base::Sharing producers)
      : mailbox_({.max_size = 2, .overflow = overflow, .producers = producers}) {
    mailbox_.on_room(base::Delegate<void()>::to<&MailboxWorld::tell_room>(*this));
  }

  std::vector<std::function<void()>> threads() {
    return {[this] { produce(); }, [this] { consume(); }};
  }
  void check_end() {
    check(runtime::read(sender_.received) == kMessages, "a message is not counted as received");
    check(runtime::read(sender_.handled) == handled_, "another number is counted as handled");
    check(runtime::read(sender_.handled) + sender_.dropped() == kMessages, "a message is lost, or is there twice");
    check(mailbox_.bytes() == 0 && mailbox_.size() == 0, "something is left");
    check(maker_.is_sole_leaseholder(), "a lease is kept");
  }

 private:
  void tell_room() { room_.ring(); }

  void produce() {
    for (std::size_t sent = 0; sent < kMessages;) {
      const std::size_t size = std::min<std::size_t>(sent % 2 + 1, kMessages - sent);
      const runtime::PushResult result = mailbox_.push_run(std::span(mails_).subspan(sent, size));
      sent += size - result.blocked;
      if (asleep_.take()) work_.ring();
      if (result.blocked > 0) Schedule::current()->wait(room_);
    }
    has_produced_.store(1, std::memory_order_release);
    if (asleep_.take()) work_.ring();
  }
  bool drain() {
    std::array<Mail, 2> run;
    bool any = false;
    while (const std::size_t count = mailbox_.pop_run(run)) {
      any = true;
      for (std::size_t i = 0; i < count; ++i) {
        check(run[i].timestamp > last_, "messages come in another order");
        last_ = run[i].timestamp;
      }
      handled_ += count;
      mailbox_.release_run(std::span(run).first(count));
    }
    return any;
  }
  void consume() {
    for (;;) {
      const bool is_last = has_produced_.load(std::memory_order_acquire) != 0;
      if (drain()) continue;
      if (is_last) return;
      asleep_.announce();
      if (mailbox_.size() == 0 && has_produced_.load(std::memory_order_relaxed) == 0) {
        Schedule::current()->wait(work_);
      } else {
        Schedule::current()->yield();  // to the producer, which may be in the middle of its push
      }
      asleep_.retract();
    }
  }

  runtime::PeerCounters sender_;
  MailMaker maker_{sender_};
  std::vector<Mail> mails_ = maker_.run(0, kMessages);
  runtime::BasicRingMailbox<ModelAtomics> mailbox_;
  base::SleepFlag<ModelAtomics> asleep_;
  ModelAtomics::Atomic<int> has_produced_;
  Bell room_;
  Bell work_;
  std::int64_t last_ = -1;
  std::size_t handled_ = 0;
};

/// The loop, which is told of room in the mailbox by a task, and the second thread, which has that task run: as in
/// Delivery. Another thread's task leaves the loop's queue no room at times.
template <bool kTriesAgain>
class RoomTaskWorld {
 public:
  RoomTaskWorld() { mailbox_.on_room(base::Delegate<void()>::to<&RoomTaskWorld::on_room>(*this)); }

  std::vector<std::function<void()>> threads() {
    return {[this] { produce(); }, [this] { consume(); }, [this] { post(kOther); }};
  }
  void check_end() { check(handled_ == kMessages, "a message is lost, or is there twice"); }

 private:
  static constexpr int kRoom = 1;
  static constexpr int kOther = 2;

  // Any thread.
  bool post(int task) {
    if (tasks_.push_run(&task, 1) == 0) return false;
    if (loop_asleep_.take()) loop_bell_.ring();
    return true;
  }

  // The loop.
  void produce() {
    for (std::size_t sent = 0; sent < kMessages;) {
      const runtime::PushResult result = mailbox_.push_run(std::span(mails_).subspan(sent));
      sent = kMessages - result.blocked;
      if (asleep_.take()) work_.ring();
      while (result.blocked > 0 && !run_task()) {
      }
    }
    has_produced_.store(1, std::memory_order_release);
    if (asleep_.take()) work_.ring();
  }
  /// Waits for one; whether it says that there is room.
  bool run_task() {
    int task = 0;
    while (tasks_.pop_run(&task, 1) == 0) {
      loop_asleep_.announce();
      tasks_.size() == 0 ? Schedule::current()->wait(loop_bell_) : Schedule::current()->yield();
      loop_asleep_.retract();
    }
    return task == kRoom;
  }

  // The second thread.
  void on_room() {
    owes_room_ = true;
    tell_room_owed();
  }
  void tell_room_owed() {
    if (owes_room_) owes_room_ = !post(kRoom) && kTriesAgain;
  }
  void consume() {
    for (;;) {
      tell_room_owed();
      const bool is_last = has_produced_.load(std::memory_order_acquire) != 0;
      if (drain()) continue;
      if (is_last) return;
      if (owes_room_) {
        Schedule::current()->yield();
        continue;
      }
      asleep_.announce();
      const bool is_idle = mailbox_.size() == 0 && has_produced_.load(std::memory_order_relaxed) == 0;
      is_idle ? Schedule::current()->wait(work_) : Schedule::current()->yield();  // a push may be under way
      asleep_.retract();
    }
  }
  bool drain() {
    std::array<Mail, 2> run;
    const std::size_t count = mailbox_.pop_run(run);
    if (count == 0) return false;
    handled_ += count;
    mailbox_.release_run(std::span(run).first(count));
    return true;
  }

  runtime::PeerCounters sender_;
  MailMaker maker_{sender_};
  std::vector<Mail> mails_ = maker_.run(0, kMessages);
  runtime::BasicRingMailbox<ModelAtomics> mailbox_{
      {.max_size = 2, .overflow = Overflow::block, .producers = base::Sharing::one}};
  base::BoundedQueue<int, ModelAtomics> tasks_{{.max_size = 1, .poppers = base::Sharing::one}};
  base::SleepFlag<ModelAtomics> loop_asleep_;
  base::SleepFlag<ModelAtomics> asleep_;
  ModelAtomics::Atomic<int> has_produced_;
  Bell loop_bell_;
  Bell work_;
  bool owes_room_ = false;
  std::size_t handled_ = 0;
};

/// A lane that fills runs one after the other, and the loop, which takes from them and sleeps when it holds none. Each
/// frame costs credit, of which the lane takes some in advance; what a run has left goes back.
class RunWorld {
 public:
  std::vector<std::function<void()>> threads() {
    return {[this] { add_all(); }, [this] { take_all(); }};
  }
  void check_end() {
    check(taken_all_ == kFrames, "a frame is lost, or taken twice");
    check(credit_used_.load(std::memory_order_relaxed) == 0, "credit is kept, or given back twice");
  }

 private:
  static constexpr std::uint32_t kFrames = 5;
  static constexpr std::uint32_t kFramesOfRun = 3;
  static constexpr std::uint64_t kAdvance = 2;
  struct Run {
    runtime::RunExtent<ModelAtomics> extent;
    int rest = 0;  // stands for what else is in a run
  };

  // The lane.
  void take_credit() {
    credit_used_.fetch_add(kAdvance, std::memory_order_relaxed);
    credit_ += kAdvance;
    unspent_ += kAdvance;
  }
  void give_back(std::uint64_t credit) { credit_used_.fetch_sub(credit, std::memory_order_relaxed); }
  void take_over(Run& run) {
    ModelAtomics::note_write(&run.rest, 1);
    give_back(run.extent.take_credit());
    credit_ = unspent_ = 0;
  }
  void announce(std::size_t run) {
    ModelAtomics::note_write(&runs_[run].rest, 1);  // it is the lane's to write, and begins anew
    take_credit();
    runs_[run].extent.open(1, false, credit_);
    --unspent_;
    announced_runs_.push_back(run);
    announced_.store(announced_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    if (asleep_.take()) bell_.ring();
  }
  void add_all() {
    bool is_open = false;
    for (std::uint32_t i = 0; i < kFrames; ++i) {
      const std::size_t run = i / kFramesOfRun;
      Run& open = runs_[run];
      if (is_open && open.extent.is_released()) {
        take_over(open);
        is_open = false;
      }
      ModelAtomics::note_write(&frames_[i], 1);
      is_open = is_open && extend(open);
      if (!is_open) announce(run);
      is_open = true;
      if ((i + 1) % kFramesOfRun == 0 || i + 1 == kFrames) {
        ModelAtomics::note_read(&open.rest, 1);
        if (open.extent.cut_credit(credit_, credit_ - unspent_)) give_back(unspent_);
        if (!open.extent.seal()) take_over(open);
        credit_ = unspent_ = 0;
        is_open = false;
      }
    }
  }

  bool extend(Run& open) {
    ModelAtomics::note_read(&open.rest, 1);
    if (unspent_ == 0) {
      take_credit();
      open.extent.add_credit(kAdvance);
    }
    if (!open.extent.extend(1)) {
      take_over(open);
      return false;
    }
    --unspent_;
    return true;
  }

  // The loop.
  void take_all() {
    for (int seen = 0; taken_all_ < kFrames;) {
      if (announced_.load(std::memory_order_acquire) > seen) {
        take_until_let_go(runs_[announced_runs_[static_cast<std::size_t>(seen++)]]);
        continue;
      }
      asleep_.announce();
      if (announced_.load(std::memory_order_acquire) <= seen) Schedule::current()->wait(bell_);
      asleep_.retract();
    }
  }
  void take_until_let_go(Run& run) {
    std::uint32_t taken = 0;
    std::uint64_t credit = 0;
    runtime::LetGo outcome{};
    do {
      ModelAtomics::note_read(&run.rest, 1);
      const auto extent = run.extent.look();
      check(extent.frames == extent.bytes, "the counts of frames and bytes do not belong together");
      for (; taken < extent.frames; ++taken) ModelAtomics::note_read(&frames_[taken_all_++], 1);
    } while ((outcome = run.extent.let_go(taken, credit)) == runtime::LetGo::kept);
    check(credit == 0 || credit >= taken, "frames went without credit");
    give_back(std::max<std::uint64_t>(credit, taken));  // of what is unspent, and of the frames, as they leave
    if (outcome == runtime::LetGo::sealed) ModelAtomics::note_write(&run.rest, 1);
  }

  std::array<Run, 2> runs_;
  std::vector<std::size_t> announced_runs_;
  ModelAtomics::Atomic<int> announced_;
  base::SleepFlag<ModelAtomics> asleep_;
  Bell bell_;
  std::array<int, kFrames> frames_{};
  std::uint32_t taken_all_ = 0;
  ModelAtomics::Atomic<std::uint64_t> credit_used_;
  std::uint64_t credit_ = 0;   // of the lane's open run, in all
  std::uint64_t unspent_ = 0;  // of that
};

}  // namespace

std::vector<Subject> runtime_subjects() {
  const auto mailbox = [](Overflow overflow, base::Sharing producers) {
    return [=](Chooser& chooser, const Weakening* weakening) {
      return run_world<MailboxWorld>(chooser, weakening, overflow, producers);
    };
  };
  return {
      {"runs_of_frames",
       [](Chooser& chooser, const Weakening* weakening) { return run_world<RunWorld>(chooser, weakening); }},
      {"room_told_by_a_task_although_tasks_are_many",
       [](Chooser& chooser, const Weakening* weakening) { return run_world<RoomTaskWorld<true>>(chooser, weakening); }},
      {"mailbox_that_blocks", mailbox(Overflow::block, base::Sharing::one)},
      {"mailbox_that_drops_the_oldest", mailbox(Overflow::drop_oldest, base::Sharing::one)},
      {"mailbox_that_drops_the_newest", mailbox(Overflow::drop_newest, base::Sharing::several)}};
}

std::vector<Subject> wrong_runtime_subjects() {
  return {{"room_told_by_a_task_that_may_be_refused",
           [](Chooser& chooser, const Weakening*) { return run_world<RoomTaskWorld<false>>(chooser, nullptr); }}};
}

}  // namespace distflow::test
