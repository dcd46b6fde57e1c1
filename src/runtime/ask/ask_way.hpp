// The way of any thread to a node's requests: what the application asks, answers and cancels goes through here.
//
//     the loop's thread, in a handler ─────────────▶ Asks
//     any other thread ──▶ inbox, a task ──────────▶ Asks, in a turn
//
// Any thread, but where it says otherwise. Responders share it, and may outlive the node.
//   1. At most asks_max requests are pending: from the call until the callback has been called.
//   2. At most kInboxMax commands of at most `inbox_bytes_max` bytes wait for the loop.
//   3. After begin_shutdown() nothing is asked and nothing is sent: a verdict says shut_down, and an answer is counted
//      so. Answers that were accepted before have been handed on by then; those to an asker that is not known yet are
//      dropped, and counted, as messages are that wait for a name.
//   4. No lock is held while the application's code runs.
//   5. ask() has taken nothing when it throws std::bad_alloc, or gives a verdict that is not under way.
//   6. In a forked child nothing is locked, asked or sent: Responders outlive every guard of the node's host.
// Use: SendVerdict verdict = way->ask("pong", json, options, callback, AskWay::Callback::of_application);
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <distflow/ask.hpp>

#include "base/fork_guard.hpp"
#include "base/time.hpp"
#include "io/reactor.hpp"
#include "protocol/ask_members.hpp"
#include "runtime/ask/ask_counters.hpp"
#include "runtime/ask/other_targets.hpp"
#include "runtime/send/router.hpp"

namespace distflow::runtime {

class Asks;

/// What a request begins with, beside its payload.
struct Question {
  TargetPtr target{};
  base::Instant begun{};
  base::Instant deadline{};
  StopToken stop{};
  ReplyCallback callback{};
  OtherTargets* others = nullptr;  ///< null: it goes to `target` and nobody else
  int attempts_max = 1;
  bool is_direct = false;  ///< the callback is the library's own, and called on the loop's thread, at once

  /// Whether its text may be needed after it was sent.
  [[nodiscard]] bool may_be_sent_again() const { return attempts_max > 1 || others != nullptr; }
  /// From then on it holds nothing. The application's code may run.
  void let_go() {
    callback = nullptr;
    target.reset();
    stop = StopToken();
    others = nullptr;
  }
};

/// What a request is begun with on the loop's thread, where its question is made in its place: a question has eleven
/// words, and to move it costs as much as to make it.
struct QuestionPlan {
  base::Instant begun;
  base::Instant deadline;
  const StopToken& stop;
  ReplyCallback& callback;  ///< taken only if the request is under way
  OtherTargets* others;
  int attempts_max;
  bool is_direct;

  /// To a question that holds nothing. All but its target.
  void move_to(Question& question) const {
    question.begun = begun;
    question.deadline = deadline;
    if (stop.stop_possible()) question.stop = stop;
    question.callback.swap(callback);
    question.others = others;
    question.attempts_max = attempts_max;
    question.is_direct = is_direct;
  }
};

/// Where handlers cannot run: the node has ended, or has no memory to put the callback off.
void call_back_last(Question& question, const Reply& reply);

/// The id of a request that is to be answered, and whether it came on a connection of the node that it says it is from.
/// Ids leave that bit free.
[[nodiscard]] constexpr std::uint64_t answered_id(std::uint64_t id, bool is_proven) {
  return is_proven ? id : id | (std::uint64_t{1} << 63U);
}

/// To whom an answer goes.
struct Addressee {
  const TargetPtr& target;
  std::uint64_t id;  // as answered_id() makes it
  base::Instant deadline;

  [[nodiscard]] std::uint64_t request_id() const { return id & protocol::kAskIdMax; }
  [[nodiscard]] bool is_proven() const { return request_id() == id; }
};

struct AskWayOptions {
  std::string node_id;
  std::uint32_t asks_max;
  std::size_t inbox_bytes_max;
  std::size_t frame_size_max;
  base::Instant (*clock)() = nullptr;  ///< of the loop's thread, too; null: that one has the reactor's
};

class AskWay {
 public:
  static constexpr std::size_t kInboxMax = std::size_t{1} << 17;
  static constexpr std::chrono::milliseconds kDeadlineMax = std::chrono::hours(24);
  static constexpr int kAttemptsMax = 100;
  enum class Callback : std::uint8_t { of_application, direct };

  /// `reactor` and `targets` must outlive close().
  AskWay(io::Reactor& reactor, TargetTable& targets, AskWayOptions options);
  ~AskWay();
  AskWay(const AskWay&) = delete;
  AskWay& operator=(const AskWay&) = delete;

  /// `callback` is moved from only if the verdict is under way: else nothing of the application's runs in here.
  SendVerdict ask(std::string_view name, std::string_view json, const AskOptions& options, ReplyCallback&& callback,
                  Callback whose) {
    if (!is_name(name)) return SendVerdict::invalid_target;
    return ask({.name = name}, json, options, std::move(callback), whose);
  }
  /// The same to a target of the table that this was given. `others` may be asked in its place, if there are any.
  SendVerdict ask(const TargetPtr& target, std::string_view json, const AskOptions& options, ReplyCallback&& callback,
                  Callback whose, OtherTargets* others = nullptr) {
    return ask({.target = &target, .name = target->name, .others = others}, json, options, std::move(callback), whose);
  }
  /// What is not sent leaves the request open, unless the verdict is unresolved or shut_down.
  SendVerdict reply(const Addressee& asker, std::string_view json);
  /// Of a request that a handler has, or had.
  void refuse(const Addressee& asker, protocol::AskWord word);
  void cancel(std::uint64_t id) noexcept;

  /// The time as it is now, not that of the turn: a handler may have run for long, and between two turns of a loop that
  /// the application turns any time may pass.
  [[nodiscard]] base::Instant now() const;
  [[nodiscard]] bool is_on_loop() const { return on_loop_of_this_thread == this; }

  /// While this lives, calls on this thread come from the loop's.
  class OnLoop {
   public:
    explicit OnLoop(const AskWay& way) : before_(std::exchange(on_loop_of_this_thread, &way)) {}
    ~OnLoop() { on_loop_of_this_thread = before_; }
    OnLoop(const OnLoop&) = delete;
    OnLoop& operator=(const OnLoop&) = delete;

   private:
    const AskWay* before_;
  };

  // Loop thread.
  void open(Asks& asks) { asks_ = &asks; }
  /// Does what was asked for before. From now on the inbox takes nothing.
  void begin_shutdown();
  /// What waits in the inbox has ended, as far as it has anything to end.
  void close();
  /// Does what other threads have asked for.
  void drain();
  // Loop thread: owners at rest. Who needs one takes it over, so that no count of owners changes, for which a process
  // of several threads pays with locked instructions.
  /// Of a Responder; false when not all was taken: there is one already, or this is another thread.
  [[nodiscard]] bool take_back(std::shared_ptr<AskWay>& way, TargetPtr& asker) {
    if (!is_on_loop() || asks_ == nullptr || spare_way_ != nullptr) return false;
    spare_way_.swap(way);
    spare_asker_.swap(asker);
    return asker == nullptr;
  }
  /// Of a request: takes its target, and gives the one before.
  void take_back(TargetPtr& target) {
    if (asks_ != nullptr) spare_target_.swap(target);
  }
  /// To a request that has none.
  void give_target(const TargetPtr& target, TargetPtr& to) {
    spare_target_ == target ? to.swap(spare_target_) : void(to = target);
  }
  /// To a Responder that holds none; `way` is this.
  void give(const std::shared_ptr<AskWay>& way, std::shared_ptr<AskWay>& to) {
    spare_way_ != nullptr ? to.swap(spare_way_) : void(to = way);
  }
  void give(const TargetPtr& asker, TargetPtr& to) { spare_asker_ == asker ? to.swap(spare_asker_) : void(to = asker); }
  /// The state of that name in the table; null: no room for it. May throw std::bad_alloc.
  const TargetPtr& target_of(std::string_view name);

  AskCounters counters;

 private:
  struct Command {
    enum class Kind : std::uint8_t { ask, reply, refuse, cancel };
    Kind kind = Kind::ask;
    protocol::AskWord word{};
    std::uint64_t id = 0;
    Question question{};  // of an answer: target and deadline
    std::string text{};
  };

  [[nodiscard]] bool fits_frame(const Addressee& asker, std::string_view json) const;
  [[nodiscard]] static bool is_name(std::string_view name);
  /// Whom a request is for.
  struct Asked {
    const TargetPtr* target = nullptr;  // null: that of the name
    std::string_view name{};
    OtherTargets* others = nullptr;
  };
  SendVerdict ask(const Asked& asked, std::string_view json, const AskOptions& options, ReplyCallback&& callback,
                  Callback whose);
  SendVerdict submit_question(const QuestionPlan& plan, const Asked& asked, std::string_view json);
  SendVerdict submit(std::string_view text, const auto& fill);
  void carry_out(Command& command);
  void forget(Command& command);

  static inline constinit thread_local const AskWay* on_loop_of_this_thread = nullptr;

  io::Reactor& reactor_;
  TargetTable& targets_;
  const AskWayOptions options_;
  const base::ForkGuard fork_guard_;
  Asks* asks_ = nullptr;  // loop thread; null: closed
  TargetPtr recent_;      // loop thread: of the name that was asked last
  // Loop thread: owners at rest, until close(); the first is this itself.
  std::shared_ptr<AskWay> spare_way_;
  TargetPtr spare_asker_;
  TargetPtr spare_target_;

  std::mutex mutex_;
  bool is_closed_ = false;
  bool is_posted_ = false;
  bool is_draining_ = false;  // loop thread
  std::size_t count_ = 0;     // of `inbox_` in use: commands keep their memory
  std::size_t bytes_ = 0;
  std::vector<Command> inbox_;
  std::vector<Command> draining_;  // loop thread
};

}  // namespace distflow::runtime
