#include "runtime/ask/ask_way.hpp"

#include <algorithm>
#include <array>
#include <new>
#include <span>

#include "base/give_back.hpp"
#include "io/clock.hpp"
#include "protocol/envelope.hpp"
#include "runtime/ask/asks.hpp"

namespace distflow::runtime {
namespace {

constexpr std::size_t kTextKept = 4096;  // bytes of a command's memory that is used again

Counter& counter_of(AskCounters& counters, protocol::AskWord word) {
  return counters.words[static_cast<std::size_t>(word)];
}

}  // namespace

AskWay::AskWay(io::Reactor& reactor, TargetTable& targets, AskWayOptions options)
    : counters(options.asks_max), reactor_(reactor), targets_(targets), options_(std::move(options)) {}

AskWay::~AskWay() = default;

base::Instant AskWay::now() const {
  if (options_.clock != nullptr) return options_.clock();
  return is_on_loop() ? reactor_.now() : io::system_now();
}

void call_back_last(Question& question, const Reply& reply) {
  try {
    question.callback(reply);
  } catch (...) {  // where handlers run it would be counted; there is no such place any more
  }
}

bool AskWay::is_name(std::string_view name) { return !name.empty() && name.size() <= protocol::kIdSizeMax; }

SendVerdict AskWay::ask(const Asked& asked, std::string_view json, const AskOptions& options, ReplyCallback&& callback,
                        Callback whose) {
  if (json.size() > options_.frame_size_max) return SendVerdict::too_large;
  if (fork_guard_.is_forked()) return SendVerdict::forked;
  const bool is_loops = is_on_loop();
  if (is_loops && asks_ == nullptr) return SendVerdict::shut_down;
  if (!counters.pending.take(is_loops)) return SendVerdict::queue_full;
  const base::Instant begun = now();
  const QuestionPlan plan{
      .begun = begun,
      .deadline = begun + std::clamp(options.deadline, std::chrono::milliseconds::zero(), kDeadlineMax),
      .stop = options.stop,
      .callback = callback,
      .others = asked.others,
      .attempts_max = options.idempotent ? std::clamp(options.attempts, 1, kAttemptsMax) : 1,
      .is_direct = whose == Callback::direct};
  SendVerdict verdict = SendVerdict::out_of_memory;
  try {
    if (is_loops) {
      const TargetPtr& target = asked.target == nullptr ? target_of(asked.name) : *asked.target;
      verdict = target == nullptr ? SendVerdict::invalid_target : asks_->ask(plan, target, json);
    } else {
      verdict = submit_question(plan, asked, json);
    }
  } catch (...) {
    counters.pending.leave(is_loops);
    throw;
  }
  is_under_way(verdict) ? counters.asked.add(1, is_loops) : counters.pending.leave(is_loops);
  return verdict;
}

/// On the loop's thread. Who asks by name often asks the same one: that is not looked up again. Null: no room for it,
/// even without the names that nobody but this holds.
const TargetPtr& AskWay::target_of(std::string_view name) {
  if (recent_ != nullptr && recent_->name == name) return recent_;
  recent_ = targets_.of(name);
  if (recent_ == nullptr && (spare_target_ != nullptr || spare_asker_ != nullptr)) {
    spare_target_.reset();
    spare_asker_.reset();
    recent_ = targets_.of(name);
  }
  return recent_;
}

/// On another thread than the loop's the request is handed over.
SendVerdict AskWay::submit_question(const QuestionPlan& plan, const Asked& asked, std::string_view json) {
  const std::scoped_lock lock(mutex_);
  if (is_closed_) return SendVerdict::shut_down;  // and the table may be gone
  TargetPtr target = asked.target == nullptr ? targets_.of(asked.name) : *asked.target;
  if (target == nullptr) return SendVerdict::invalid_target;
  return submit(json, [&](Command& command) {
    command.kind = Command::Kind::ask;
    plan.move_to(command.question);
    command.question.target = std::move(target);
  });
}

/// Under the lock. `fill` does not throw.
SendVerdict AskWay::submit(std::string_view text, const auto& fill) {
  if (is_closed_) return SendVerdict::shut_down;
  if (count_ >= kInboxMax || (count_ > 0 && bytes_ + text.size() > options_.inbox_bytes_max)) {
    return SendVerdict::queue_full;
  }
  if (count_ == inbox_.size()) inbox_.emplace_back();
  Command& command = inbox_[count_];
  command.text.assign(text);
  if (!is_posted_) {
    const base::Pushed posted = reactor_.post([this] { drain(); });
    if (!posted) return posted.lacks_memory() ? SendVerdict::out_of_memory : SendVerdict::queue_full;
    is_posted_ = true;
  }
  fill(command);
  ++count_;
  bytes_ += text.size();
  return SendVerdict::queued;
}

/// Whether the frame will be no larger than it may, all that stands around the payload included. May throw.
bool AskWay::fits_frame(const Addressee& asker, std::string_view json) const {
  constexpr std::size_t around_max = 2 * 6 * protocol::kIdSizeMax + 256;  // nodeIds with every byte escaped
  if (json.size() > options_.frame_size_max) return false;
  if (options_.frame_size_max - json.size() >= around_max) return true;
  std::array<char, protocol::kEnvelopeSuffixSizeMax> suffix{};
  const std::size_t around = protocol::envelope_prefix(options_.node_id, asker.target->name).size() +
                             protocol::write_envelope_suffix(suffix.data(), io::system_wall_ms()) + sizeof(',') +
                             protocol::AskText::reply(asker.request_id()).extension().text().size();
  return options_.frame_size_max - json.size() >= around;
}

SendVerdict AskWay::reply(const Addressee& asker, std::string_view json) {
  if (fork_guard_.is_forked()) return SendVerdict::forked;
  SendVerdict verdict = SendVerdict::shut_down;
  const bool is_loops = is_on_loop();
  if (is_loops) {
    if (asks_ != nullptr) verdict = asks_->reply(asker, json);
  } else {
    const bool fits = fits_frame(asker, json);
    const std::scoped_lock lock(mutex_);
    verdict = !fits ? SendVerdict::too_large : submit(json, [&](Command& command) {
      command.kind = Command::Kind::reply;
      command.id = asker.id;
      command.question.target = asker.target;
      command.question.deadline = asker.deadline;
    });
  }
  switch (verdict) {
    case SendVerdict::written:
    case SendVerdict::queued: counters.answered.add(1, is_loops); break;
    case SendVerdict::unresolved:
      counters.answered.add(1, is_loops);
      add(counters.answers_lost, 1);
      break;
    case SendVerdict::shut_down: add(counter_of(counters, protocol::AskWord::shut_down), 1); break;
    default: return verdict;  // still open
  }
  counters.in_handlers.add(-1, is_loops);
  return verdict;
}

void AskWay::refuse(const Addressee& asker, protocol::AskWord word) {
  if (fork_guard_.is_forked()) return;
  SendVerdict verdict = SendVerdict::shut_down;
  try {
    if (is_on_loop()) {
      if (asks_ != nullptr) verdict = asks_->refuse(asker, word);
    } else {
      const std::scoped_lock lock(mutex_);
      verdict = submit({}, [&](Command& command) {
        command.kind = Command::Kind::refuse;
        command.word = word;
        command.id = asker.id;
        command.question.target = asker.target;
      });
    }
  } catch (const std::bad_alloc&) {
    verdict = SendVerdict::out_of_memory;
  }
  if (verdict == SendVerdict::shut_down) word = protocol::AskWord::shut_down;
  if (!is_under_way(verdict)) add(counters.answers_lost, 1);
  add(counter_of(counters, word), 1);
}

/// What finds no room is ended by its deadline.
void AskWay::cancel(std::uint64_t id) noexcept try {
  if (fork_guard_.is_forked()) return;
  const std::scoped_lock lock(mutex_);
  static_cast<void>(submit({}, [id](Command& command) {
    command.kind = Command::Kind::cancel;
    command.id = id;
  }));
} catch (const std::bad_alloc&) {
  reactor_.note_out_of_memory();
}

/// Not from inside itself: what a callback in it adds waits for the task that it has posted.
void AskWay::drain() {
  if (std::exchange(is_draining_, true)) return;
  std::size_t count = 0;
  {
    const std::scoped_lock lock(mutex_);
    std::swap(inbox_, draining_);
    count = std::exchange(count_, 0);
    bytes_ = 0;
    is_posted_ = false;
  }
  const OnLoop on_loop(*this);
  for (Command& command : std::span(draining_).first(count)) {
    if (asks_ != nullptr) {
      // What a command itself does not guard is given up, and those behind it are carried out all the same.
      static_cast<void>(reactor_.has_memory_for([&] { carry_out(command); }));
    } else {
      forget(command);
    }
    command.question = {};
    if (command.text.capacity() > kTextKept) base::give_back(command.text);
  }
  is_draining_ = false;
}

void AskWay::carry_out(Command& command) {
  const Addressee asker{.target = command.question.target, .id = command.id, .deadline = command.question.deadline};
  SendVerdict verdict = SendVerdict::out_of_memory;
  switch (command.kind) {
    case Command::Kind::ask: return asks_->take(command.question, command.text);
    case Command::Kind::cancel: return asks_->cancel(command.id);
    case Command::Kind::reply:
      if (!reactor_.has_memory_for([&] { verdict = asks_->reply(asker, command.text); }) || !is_under_way(verdict)) {
        add(counters.answers_lost, 1);
        // Told that it was queued, the handler is done with it.
        static_cast<void>(reactor_.has_memory_for([&] { asks_->tell_of_loss(asker); }));
      }
      return;
    case Command::Kind::refuse:
      if (!reactor_.has_memory_for([&] { verdict = asks_->refuse(asker, command.word); }) || !is_under_way(verdict)) {
        add(counters.answers_lost, 1);
      }
      return;
  }
}

/// Of a node that has ended: a request ends, too.
void AskWay::forget(Command& command) {
  if (command.kind == Command::Kind::reply || command.kind == Command::Kind::refuse) add(counters.answers_lost, 1);
  if (command.kind != Command::Kind::ask) return;
  Question question = std::move(command.question);
  add(counters.failed[static_cast<std::size_t>(AskError::shut_down)], 1);
  counters.pending.leave(true);
  const Reply reply{.target = question.target->name,
                    .error = AskError::shut_down,
                    .stage = AskStage::resolving,
                    .may_have_run = false};
  call_back_last(question, reply);
}

/// The inbox is closed first: an answer that comes later is refused as not sent.
void AskWay::begin_shutdown() {
  {
    const std::scoped_lock lock(mutex_);
    is_closed_ = true;
  }
  drain();
}

void AskWay::close() {
  asks_ = nullptr;
  recent_.reset();
  spare_asker_.reset();
  spare_target_.reset();
  spare_way_.reset();  // the caller has another
  begin_shutdown();
}

}  // namespace distflow::runtime
