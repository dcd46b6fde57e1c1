#include "runtime/receive/delivery.hpp"

#include <array>
#include <cinttypes>
#include <exception>
#include <utility>

#include "io/clock.hpp"
#include "runtime/counters/traffic.hpp"
#include "runtime/receive/conflating_mailbox.hpp"

namespace distflow::runtime {
namespace {

MailboxOptions mailbox_options(const MailboxLimits& limits) {
  return {.max_size = limits.max_size,
          .bytes_max = limits.bytes_max,
          .overflow = limits.overflow,
          .producers = base::Sharing::one};  // the loop's thread
}

Message to_message(const Mail& mail, std::string_view node_id) {
  return {.from = mail.from_text(),
          .to = node_id,
          .payload = mail.payload_text(),
          .has_payload = mail.has_payload(),
          .timestamp = mail.timestamp};
}

/// The policy for requests. The sender of a refused one gets an answer, so it may as well be the newest.
MailboxOptions request_options(const MailboxLimits& limits) {
  MailboxOptions options = mailbox_options(limits);
  if (options.overflow == Overflow::drop_oldest) options.overflow = Overflow::drop_newest;
  return options;
}

protocol::AskMembers members_of(const Mail& mail) {
  return protocol::read_ask_members(mail.extension_view(), mail.has_payload());
}

bool is_request(const Mail& mail) {
  return mail.extension_size != 0 && members_of(mail).kind == protocol::AskMembers::Kind::request;
}

/// Calls `count(sender, n)` once for consecutive messages of one sender.
template <class Count>
void for_each_sender(std::span<const Mail> run, Count&& count) {
  for (std::size_t begin = 0; begin < run.size();) {
    std::size_t end = begin + 1;
    while (end < run.size() && run[end].sender == run[begin].sender) ++end;
    count(*run[begin].sender, end - begin);
    begin = end;
  }
}

}  // namespace

Delivery::Delivery(io::Reactor& reactor, std::string_view node_id, const NodeOptions& options, const base::Log& log,
                   base::Delegate<void()> on_room, base::Delegate<void()> wake_handlers, LatencyMeter::Clock clock)
    : reactor_(reactor),
      node_id_(node_id),
      log_(log),
      wake_handlers_(wake_handlers),
      has_thread_(wake_handlers),
      on_room_(on_room),
      mailbox_(make_mailbox(options)),
      run_max_(ConflationKey::is_set(options.conflate_by) ? 1 : kRunMax),  // what has been taken out is not replaced
      exception_log_(5, base::seconds(10)),
      meter_(clock),
      tasks_(kTaskCountMax) {
  wake_.on_turn_end = wake_handlers_;
  run_put_off_.on_turn_end = base::Delegate<void()>::to<&Delivery::run_put_off>(*this);
  room_.on_turn_end = on_room_;
  const auto on_room_again = base::Delegate<void()>::to<&Delivery::on_mailbox_room>(*this);
  mailbox_->on_room(on_room_again);
  if (has_thread_) requests_.emplace(request_options(options.mailbox)).on_room(on_room_again);
}

std::unique_ptr<Mailbox> Delivery::make_mailbox(const NodeOptions& options) {
  if (!ConflationKey::is_set(options.conflate_by)) {
    return std::make_unique<RingMailbox>(mailbox_options(options.mailbox));
  }
  base::SipKey hash_key{};
  reactor_.backend().fill_random(std::as_writable_bytes(std::span(hash_key)));
  ConflationKey key(options.conflate_by, node_id_,
                    base::Delegate<void(const char*)>::to<&Delivery::note_key_exception>(*this));
  return std::make_unique<ConflatingMailbox>(mailbox_options(options.mailbox), std::move(key), hash_key);
}

Delivery::~Delivery() {
  request_stop();
  discard();  // reports room, which defers a task
  wake_.unlink();
  run_put_off_.unlink();
  room_.unlink();
}

std::size_t Delivery::deliver(std::span<const Mail> run) {
  if (!has_thread_ && handler_ && !is_stopping_.load(std::memory_order_relaxed)) {
    if (mailbox_->size() > 0) drain_mailbox();
    handle_directly(run);
    return run.size();
  }
  const PushResult result = mailbox_->push_run(run);
  if (has_thread_) {
    // Woken at the turn's end, the second thread finds all messages of the turn. A half full mailbox cannot wait.
    mailbox_->size() * 2 < mailbox_->options().max_size ? reactor_.defer(wake_) : wake_handlers_();
  } else if (asks_ != nullptr && asks_->hand_out) {
    asks_->hand_out();
  }
  return result.accepted + result.dropped;
}

bool Delivery::deliver_request(const Mail& mail, const protocol::AskMembers& members) {
  if (!has_thread_) {
    if (awaits_request_handler()) [[unlikely]] {
      reactor_.defer(room_);  // behind the tasks of this turn
      return false;
    }
    asks_->on_request();
    add_owned(mail.sender->received, 1);
    if (is_stopping_.load(std::memory_order_relaxed)) {
      add(mail.sender->dropped_shutdown, 1);
      asks_->drop(1);
    } else {
      handle_request(mail, members);
      add_owned(mail.sender->handled, 1);
    }
    return true;
  }
  asks_->on_request();  // before the other thread can have it, which counts it as handled
  const PushResult result = requests_->push_run({&mail, 1});
  wake_for_callbacks();
  if (result.blocked > 0) return asks_->on_request_blocked(), false;
  if (result.dropped > 0) asks_->refuse(mail);
  return true;
}

std::size_t Delivery::deliver_mixed(std::span<const Mail> run) {
  std::size_t done = 0;
  while (done < run.size()) {
    std::size_t end = done;
    while (end < run.size() && !is_request(run[end])) ++end;
    if (end == done) {
      if (!deliver_request(run[done], members_of(run[done]))) return done;
      ++done;
    } else {
      const std::size_t taken = deliver(run.subspan(done, end - done));
      done += taken;
      if (done != end) return done;
    }
  }
  return done;
}

void Delivery::discard() {
  constexpr Mailbox::Reason ended = &PeerCounters::dropped_shutdown;
  mailbox_->discard_all(ended);
  if (!requests_) return;
  if (const std::size_t count = requests_->discard_all(ended); count > 0) asks_->drop(count);
}

/// Requests that wait, some, and replies that have come; false when there were none. A task that it runs may set the
/// handler of messages, which then brings it here again: what it has taken comes before what waits.
bool Delivery::handle_requests() {
  if (asks_ == nullptr || has_requests_in_hand_) return false;
  has_requests_in_hand_ = true;
  const bool has_called_back = asks_->call_back();
  if (requests_->size() > 0) run_tasks();  // the handler may have been set before they came
  awaits_handler_ = requests_->size() > 0 && awaits_request_handler();
  std::array<Mail, 16> run;  // filled up to `count`
  const std::size_t count = awaits_handler_ ? 0 : requests_->pop_run(run);
  if (count > 0) run_tasks();
  for (const Mail& mail : std::span(run).first(count)) handle_request(mail, members_of(mail));
  if (count > 0) requests_->release_run(std::span(run).first(count));
  has_requests_in_hand_ = false;
  return has_called_back || count > 0;
}

/// Between two runs of messages. The look at all that there may be takes 240 instructions, four for each message of a
/// run. It clears the flag first: what comes during the look raises it again. Within such a look it does nothing, and
/// leaves the flag to the outer one. What the look leaves behind, it looks for again.
void Delivery::handle_others_if_any() {
  if (!may_have_others_.load(std::memory_order_relaxed) || has_requests_in_hand_) [[likely]]
    return;
  may_have_others_.exchange(false, std::memory_order_acquire);
  // An exchange: a store would hide from the next look what was raised meanwhile, and what came before that.
  if (handle_requests() || awaits_handler_) may_have_others_.exchange(true, std::memory_order_relaxed);
}

void Delivery::handle_request(const Mail& mail, const protocol::AskMembers& members) {
  const bool is_timed = meter_.is_due();
  if (is_timed) meter_.begin_request(RequestOrigin(mail).came_at_ms());
  asks_->handle(mail, members);
  if (is_timed) meter_.end();
}

/// Handles messages that were never in the mailbox.
void Delivery::handle_directly(std::span<const Mail> run) {
  for_each_sender(run, [](PeerCounters& sender, std::size_t n) { add_owned(sender.received, n); });
  handle_run(run);
  for_each_sender(run, [](PeerCounters& sender, std::size_t n) { add_owned(sender.handled, n); });
}

void Delivery::handle_run(std::span<const Mail> run) {
  is_in_handler_ = true;
  // The usual messages have a loop of their own, which does nothing for those that are timed.
  for (;;) {
    const std::size_t untimed = meter_.untimed(run.size());
    for (const Mail& mail : run.first(untimed)) {
      guarded([&] { handler_(to_message(mail, node_id_)); });
    }
    if (untimed == run.size()) break;
    handle_timed(run[untimed]);
    run = run.subspan(untimed + 1);
  }
  is_in_handler_ = false;
}

[[gnu::noinline]] void Delivery::handle_timed(const Mail& mail) {
  meter_.begin(mail.came_at);
  guarded([&] { handler_(to_message(mail, node_id_)); });
  meter_.end();
}

void Delivery::note_exception(const char* what) {
  add(exceptions_, 1);
  if (const auto more = exception_log_.admit(has_thread_ ? io::system_now() : reactor_.now())) {
    log_.write(base::LogLevel::error, "a handler threw (%s); %" PRIu64 " more were not logged", what, *more);
  }
}

/// Runs on the loop's thread, with a rate of its own: the second thread may be logging exceptions of handlers.
void Delivery::note_key_exception(const char* what) {
  add(exceptions_, 1);
  if (const auto more = key_exception_log_.admit(reactor_.now())) {
    log_.write(base::LogLevel::error, "conflate_by threw (%s); %" PRIu64 " more were not logged", what, *more);
  }
}

void Delivery::drain_mailbox() {
  std::array<Mail, kRunMax> run;  // filled up to `count`
  while (handler_ && !is_stopping_.load(std::memory_order_acquire)) {
    const std::size_t count = mailbox_->pop_run(std::span(run).first(run_max_));
    if (count == 0) return;
    handle_run(std::span(run).first(count));
    mailbox_->release_run(std::span(run).first(count));
    if (has_thread_) handle_others_if_any();  // a stream of messages must not keep them waiting
  }
}

bool Delivery::hand_out(base::Delegate<void(const Message&)> take) {
  Mail mail;
  if (!has_message_for_others() || mailbox_->pop_run({&mail, 1}) == 0) return false;
  run_handler_of(mail, [&] { take(to_message(mail, node_id_)); });
  mailbox_->release_run({&mail, 1});
  return true;
}

/// Called in the middle of giving messages back, maybe on the second thread: what it leads to waits for a turn.
void Delivery::on_mailbox_room() {
  if (!has_thread_) return reactor_.defer(room_);
  owes_room_ = true;
  tell_room_owed();
}

/// The second thread tries until the loop has room for the task: without it a blocked peer would stay blocked.
void Delivery::tell_room_owed() {
  if (owes_room_) owes_room_ = !reactor_.post([this] { on_room_(); });
}

void Delivery::run_where_handlers_run(std::function<void()> task) {
  if (has_thread_) {
    if (!tasks_.push(std::move(task))) add(tasks_lost_, 1);
    return wake_handlers_();
  }
  // Behind the events that it finds put off: one of them may have come because this was to be set before.
  if (!is_in_handler_ && tasks_put_off_ == 0) return task();
  const bool has_memory = reactor_.has_memory_for([&] {
    put_off([this, task = std::move(task)] {
      --tasks_put_off_;
      task();
    });
    ++tasks_put_off_;
  });
  if (!has_memory) add(tasks_lost_, 1);
}

void Delivery::request_stop() {
  is_stopping_.store(true, std::memory_order_release);
  if (has_thread_) wake_handlers_();
}

void Delivery::forget_handlers() {
  const MessageHandler handler = std::exchange(handler_, nullptr);
  const PeerHandler join_handler = std::exchange(join_handler_, nullptr);
  const PeerHandler leave_handler = std::exchange(leave_handler_, nullptr);
  const RegistrationHandler registration_handler = std::exchange(registration_handler_, nullptr);
  const WritableHandler writable_handler = std::exchange(writable_handler_, nullptr);
  const std::vector<std::function<void()>> put_off = std::exchange(put_off_, {});
  for (std::function<void()> task; tasks_.pop(task);) task = nullptr;
}

Delivery::Next Delivery::handle_some() {
  if (is_stopping_.load(std::memory_order_acquire)) return Next::end;
  tell_room_owed();
  const bool had_requests = handle_requests();
  const bool had_tasks = run_tasks() || had_requests;
  if (handler_ && mailbox_->size() > 0) {
    drain_mailbox();
    return Next::go_on;
  }
  if (owes_room_ || awaits_handler_) return Next::yield;
  return had_tasks ? Next::go_on : Next::rest;
}

bool Delivery::run_tasks() {
  bool any = false;
  for (std::function<void()> task; tasks_.pop(task); any = true) task();
  return any;
}

bool Delivery::has_work() const {
  return (handler_ && mailbox_->size() > 0) || tasks_.size() > 0 || is_stopping_.load(std::memory_order_relaxed) ||
         (asks_ != nullptr && (requests_->size() > 0 || asks_->has_ended()));
}

}  // namespace distflow::runtime
