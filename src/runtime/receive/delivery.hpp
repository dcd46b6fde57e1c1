// From received messages to the application's handlers, on the loop's thread or on a second one.
//
//     inlined, caller:  loop thread ── handler set? ──▶ handler
//                                   └─ not yet ──▶ mailbox ── handler set ──▶ handler
//     dispatcher:       loop thread ──▶ mailbox ──▶ second thread: handle_some() ──▶ handler
//     requests:         the same way, and with a second thread through a mailbox of their own
//
// It starts and joins no thread. If it is given a delegate that wakes a second thread, that one has to call
// handle_some(): runtime/process/handler_thread.hpp does. Without one, handlers run on the loop's thread.
// Loop thread only, except where a comment names another thread.
//   1. Messages of one sender are handled in the order in which they came, each once.
//   2. Exceptions of handlers are caught, counted, and logged at a bounded rate.
//   3. Without a handler messages wait in the mailbox, under its bound and policy. With conflate_by, of those that wait
//      there the newest of each key is kept; where the loop's thread handles messages as they come, none waits.
//   4. After request_stop() handlers are called only for the rest of the batch that is being handled. Messages that
//      wait are discarded and counted.
//   5. Nothing that the loop calls throws. Without memory for it a peer event or a task is lost, and counted.
//   6. Handlers of peer events are called at the turn's end, never from inside the directory, which they may change.
//      Message handlers are called where messages are read. Objects that end in them are destroyed later
//      (Reactor::destroy_later).
//   7. A request is handled, refused or dropped, whether there is a handler for messages or not. Without a second
//      thread it waits, with its connection, for a handler alone that was set before it came. With one, requests and
//      messages do not overtake their like; there is no order between the two.
// Use: std::size_t taken = delivery.deliver(run);
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <distflow/message.hpp>
#include <distflow/node_options.hpp>
#include <distflow/send.hpp>

#include "base/log.hpp"
#include "base/packed_info.hpp"
#include "base/submission_queue.hpp"
#include "io/reactor.hpp"
#include "runtime/receive/ask_hooks.hpp"
#include "runtime/receive/latency_meter.hpp"
#include "runtime/receive/mailbox.hpp"
#include "runtime/receive/ring_mailbox.hpp"

namespace distflow::runtime {

using MessageHandler = std::function<void(const Message&)>;
using PeerHandler = std::function<void(const PeerInfo&)>;
using RegistrationHandler = std::function<void(const RegistrationChange&)>;
using WritableHandler = std::function<void(const Writable&)>;

class Delivery {
 public:
  /// What the second thread does after handle_some().
  enum class Next : std::uint8_t {
    go_on,  ///< calls it again
    yield,  ///< leaves its processor to the loop's thread, which has a full queue of tasks, and calls it again
    rest,   ///< waits for has_work(), or until it is woken
    end,    ///< nothing is handled any more
  };

  /// Messages are for `node_id`. `on_room` is called on the loop's thread when a mailbox that refused messages has room
  /// again. `wake_handlers` wakes the second thread, from any thread; empty when there is none. `clock` is the loop's,
  /// for the thread that handlers run on: null when no handler is timed.
  Delivery(io::Reactor& reactor, std::string_view node_id, const NodeOptions& options, const base::Log& log,
           base::Delegate<void()> on_room, base::Delegate<void()> wake_handlers = {},
           LatencyMeter::Clock clock = nullptr);
  /// No second thread calls handle_some() any more.
  ~Delivery();
  Delivery(const Delivery&) = delete;
  Delivery& operator=(const Delivery&) = delete;

  /// Takes the run, or, if the mailbox blocks, its first messages; returns how many. The caller keeps its leases.
  std::size_t deliver(std::span<const Mail> run);

  /// Takes the request, whose members have been read already; false if the mailbox of requests blocks.
  bool deliver_request(const Mail& mail, const protocol::AskMembers& members);
  /// deliver() and deliver_request() for a run that has both; returns how many of its first it has taken.
  std::size_t deliver_mixed(std::span<const Mail> run);
  /// Before start(); `hooks` must outlive this.
  void set_asks(const AskHooks& hooks) { asks_ = &hooks; }

  void set_message_handler(MessageHandler handler) { run_where_handlers_run(setting(std::move(handler))); }
  void set_join_handler(PeerHandler handler) { run_where_handlers_run(setting_join(std::move(handler))); }
  void set_leave_handler(PeerHandler handler) { run_where_handlers_run(setting_leave(std::move(handler))); }
  void set_registration_handler(RegistrationHandler handler) { run_where_handlers_run(setting(std::move(handler))); }
  /// A task that sets the handler, for run_where_handlers_run(). May throw std::bad_alloc. Any thread.
  [[nodiscard]] std::function<void()> setting(MessageHandler handler);
  [[nodiscard]] std::function<void()> setting_join(PeerHandler handler);
  [[nodiscard]] std::function<void()> setting_leave(PeerHandler handler);
  [[nodiscard]] std::function<void()> setting(RegistrationHandler handler);
  [[nodiscard]] std::function<void()> setting(WritableHandler handler);
  /// Runs the task on the thread that handlers run on, now or later.
  void run_where_handlers_run(std::function<void()> task);
  /// The same, but never from inside this call: behind the handlers set and the peer events so far. Loop thread
  /// only; may throw std::bad_alloc.
  void run_later_where_handlers_run(std::function<void()> task);
  void tell_join(const PeerInfo& peer);
  void tell_leave(const base::PackedInfo& peer);
  void tell_registration(const RegistrationChange& change);
  void tell_writable(std::string_view name);

  /// From now on no handler is begun. Does not wait for the one that runs. Any thread.
  void request_stop();
  /// Drops what waits, counted as dropped by a shutdown. Only when no handler runs.
  void discard();
  /// Destroys the handlers, those that are about to be set, too, and with them the objects that they hold. Only when
  /// none runs. The destructors of those objects may call anything.
  void forget_handlers();

  // The second thread.
  /// Handles messages and requests, runs tasks, and calls callbacks of requests that have ended: all of it, or a part.
  Next handle_some();
  /// Whether handle_some() would find work.
  [[nodiscard]] bool has_work() const;

  // Any thread.
  [[nodiscard]] bool has_thread() const { return has_thread_; }
  /// Wakes the second thread at the turn's end, for callbacks of requests that have ended.
  void wake_for_callbacks() {
    note_others();
    reactor_.defer(wake_);
  }
  /// Wakes it at once, for the same, and for what topics have.
  void wake_now() {
    note_others();
    wake_handlers_();
  }
  /// Whether no handler is to be begun any more.
  [[nodiscard]] bool is_stopping() const { return is_stopping_.load(std::memory_order_acquire); }
  [[nodiscard]] const Mailbox& mailbox() const { return *mailbox_; }
  [[nodiscard]] LatencyStats latency() const { return meter_.snapshot(); }
  [[nodiscard]] std::uint64_t exceptions() const { return read(exceptions_); }
  [[nodiscard]] std::uint64_t tasks_lost() const { return read(tasks_lost_); }
  void note_task_lost() { add(tasks_lost_, 1); }
  /// What conflate_by has thrown. Loop thread.
  void note_key_exception(const char* what);

  // The thread that handlers run on.
  /// Whether messages wait that no handler is for.
  [[nodiscard]] bool has_message_for_others() const {
    return !handler_ && mailbox_->size() > 0 && !is_stopping_.load(std::memory_order_relaxed);
  }
  /// Gives the oldest of them to `take`, as to a handler; false if there was none.
  bool hand_out(base::Delegate<void(const Message&)> take);

  /// Takes the message handler, as if none had been set yet. Not while it runs.
  [[nodiscard]] MessageHandler take_message_handler() { return std::exchange(handler_, nullptr); }

  /// Calls a handler, on the thread that handlers run on.
  template <class Call>
  void run_handler(Call&& call) {
    is_in_handler_ = true;
    guarded(std::forward<Call>(call));
    is_in_handler_ = false;
  }

  /// The same for the handler of a message, which may be timed.
  template <class Call>
  void run_handler_of(const Mail& mail, Call&& call) {
    const bool is_timed = meter_.is_due();
    if (is_timed) meter_.begin(mail.came_at);
    run_handler(std::forward<Call>(call));
    if (is_timed) meter_.end();
  }

 private:
  static constexpr std::size_t kRunMax = 64;
  static constexpr std::size_t kTaskCountMax = 65536;

  void handle_run(std::span<const Mail> run);
  void handle_timed(const Mail& mail);
  void handle_request(const Mail& mail, const protocol::AskMembers& members);
  void handle_directly(std::span<const Mail> run);
  [[nodiscard]] bool awaits_request_handler() const {
    return asks_->awaits_handler && !is_stopping_.load(std::memory_order_relaxed) && asks_->awaits_handler();
  }
  void drain_mailbox();
  bool handle_requests();
  void handle_others_if_any();
  /// Behind what the second thread is to find: release, so that it has that when it sees this.
  void note_others() { may_have_others_.store(true, std::memory_order_release); }
  template <class Call>
  void guarded(Call&& call) {
    try {
      call();
    } catch (const std::exception& exception) {
      note_exception(exception.what());
    } catch (...) {
      note_exception("no std::exception");
    }
  }
  void note_exception(const char* what);
  [[nodiscard]] std::unique_ptr<Mailbox> make_mailbox(const NodeOptions& options);
  template <class Event, class Source>
  void tell(std::function<void(const Event&)> Delivery::*handler, const Source& source);
  template <class Event, class Source>
  void begin_telling(std::function<void(const Event&)> Delivery::*handler, const Source& source);
  [[nodiscard]] bool may_be_setting() const { return !put_off_.empty() || reactor_.has_tasks(); }
  void put_off(std::function<void()> task);
  void run_put_off();
  void tell_put_off(const std::function<void()>& call);
  void on_mailbox_room();
  void tell_room_owed();

  bool run_tasks();

  io::Reactor& reactor_;
  const std::string node_id_;
  const base::Log& log_;
  const base::Delegate<void()> wake_handlers_;
  const bool has_thread_;
  const base::Delegate<void()> on_room_;
  const std::unique_ptr<Mailbox> mailbox_;
  const std::size_t run_max_;  // messages taken out of it at once
  base::RateLimit key_exception_log_{5, base::seconds(10)};
  std::optional<RingMailbox> requests_;  // with a second thread only
  const AskHooks* asks_ = nullptr;

  // The thread that handlers run on.
  MessageHandler handler_;
  PeerHandler join_handler_;
  PeerHandler leave_handler_;
  RegistrationHandler registration_handler_;
  WritableHandler writable_handler_;
  base::RateLimit exception_log_;

  LatencyMeter meter_;
  bool has_requests_in_hand_ = false;  // taken out of their mailbox, on the second thread
  bool awaits_handler_ = false;        // of requests that wait: the loop is about to bring it

  // Without a second thread: what the turn's end has to do. Peer events, as many as the registry has reported, and
  // handlers set by a handler: the one that runs must not be destroyed.
  bool is_in_handler_ = false;
  std::vector<std::function<void()>> put_off_;
  std::size_t tasks_put_off_ = 0;  // among them: what the application has set
  io::DeferredTask run_put_off_;

  Counter exceptions_{0};
  Counter tasks_lost_{0};

  // The second thread reads these after each run of messages, others seldom write them: a cache line of their own.
  alignas(64) std::atomic<bool> is_stopping_{false};
  std::atomic<bool> may_have_others_{false};  // requests or callbacks have come since it looked for all of them

  alignas(64) io::DeferredTask room_;  // without a second thread: reports room in the mailbox

  // The second thread.
  io::DeferredTask wake_;  // at the turn's end
  base::SubmissionQueue<std::function<void()>> tasks_;
  bool owes_room_ = false;  // room in the mailbox has not been reported to the loop yet
};

}  // namespace distflow::runtime
