#include "runtime/process/node_host.hpp"

#include <algorithm>
#include <cinttypes>
#include <new>
#include <system_error>
#include <utility>

#include "io/clock.hpp"
#include "io/scheduling.hpp"
#include "runtime/node/check_options.hpp"
#include "runtime/node/registry_choice.hpp"
#include "runtime/node/start_errors.hpp"
#include "runtime/process/option_differences.hpp"

namespace distflow::runtime {
namespace {

constexpr base::Duration kDefaultShutdown = base::seconds(5);
/// What closing handles and confirming an unregistration may take beyond the application's deadline.
constexpr base::Duration kCloseSlack = base::seconds(2);

/// Of a thread that polls: keeps the memory of its host, so that no later host has the same address. Another thread may
/// end the host, and NodeLoop still has this thread for that one's.
thread_local std::weak_ptr<const NodeHost> polled_by_this_thread;

std::uint64_t next_instance() {
  static std::atomic<std::uint64_t> instances{0};
  return ++instances;
}

}  // namespace

NodeHost::NodeHost(Private, const NodeOptions& options, std::optional<ProcessLock> lock,
                   std::shared_ptr<NodePlace> place)
    : options_(options),
      lock_(std::move(lock)),
      application_log_(options, place == nullptr ? base::LogSink() : place->log_sink()),
      instance_(next_instance()),
      loop_(this, std::move(place)),
      targets_(options.targets_max, instance_),
      launcher_({.options = options_,
                 .log = log_,
                 .post = base::Delegate<bool(std::function<void()>&)>::to<&NodeHost::try_on_loop>(*this),
                 .keep = base::Delegate<std::shared_ptr<const void>()>::to<&NodeHost::keep>(*this)}),
      handlers_(options.spin),
      submissions_(targets_, Submissions::KnowsName::to<&NodeHost::knows>(*this), loop_.out_chunks(),
                   options.send_bytes_max, options.frame_size_max) {}

/// Nobody is left who could turn the loop of a node that has none of its own.
NodeHost::~NodeHost() {
  if (!is_closed_) turn_as_owner(base::kNever);
  handlers_.stop();                          // for a loop that never began
  if (thread_.joinable()) thread_.detach();  // this is that thread
}

Result<std::shared_ptr<NodeHost>, StartError> NodeHost::start(const NodeOptions& options) {
  if (Result<void> checked = check_options(options); !checked) return checked.error();
  const Result<NodeOptions> placed = at_pmd_of_environment(options);
  if (!placed) return placed.error();
  Result<ProcessLock> lock = ProcessLock::acquire(ApplicationLog(options).log());
  if (!lock) return lock.error();
  const auto host = std::make_shared<NodeHost>(Private{}, *placed, std::move(*lock));
  if (Result<void, StartError> opened = host->open(); !opened) return opened.error();
  if (Result<void, StartError> started = host->run_start(); !started) return started.error();
  return host;
}

Result<void, StartError> NodeHost::open() {
  if (Result<void, StartError> opened = loop_.open(options_, log_); !opened) return opened;
  loop_.reactor().set_inbox(base::Delegate<bool()>::to<&NodeHost::drain_inbox>(*this));
  const bool has_thread = options_.threading == Threading::dispatcher;
  NodeObserver& self = *this;
  stream_setup_ = std::make_unique<stream::StreamSetup>(nullptr, stream::HandshakeLimits{}, &log_);
  registry_ = make_registry_client({.reactor = loop_.reactor(),
                                    .stream_setup = *stream_setup_,
                                    .blocks = loop_.blocks(),
                                    .log = log_,
                                    .starter = is_at_place() ? nullptr : &launcher_},
                                   options_);
  node_ = std::make_unique<Node>(
      NodeParts{.reactor = loop_.reactor(),
                .stream_setup = *stream_setup_,
                .out_chunks = *loop_.out_chunks(),
                .blocks = loop_.blocks(),
                .receive_chunks = loop_.receive_chunks(),
                .log = log_,
                .targets = targets_,
                .registry = *registry_,
                .wake_handlers = has_thread ? handlers_.waker() : base::Delegate<void()>(),
                .clock = is_at_place() ? &NodeWorld::now_of_this_thread : &io::system_now,
                .add_process_counters = base::Delegate<void(NodeStats&)>::to<&NodeHost::add_process_counters>(*this)},
      options_, self);
  if (!has_thread) return {};
  if (Result<void> started = handlers_.start(node_->delivery()); !started) return started.error();
  return {};
}

/// Starts the node on its thread, or on this one, and waits for the outcome.
Result<void, StartError> NodeHost::run_start() {
  is_closed_ = false;
  if (options_.threading == Threading::caller) {
    polled_by_this_thread = weak_from_this();
    loop_.take();
    if (options_.spin == NodeOptions::kSpinMeasured) io::measure_wake_cost();
    node_->start();
    loop_.turn_until([this] { return started_.has_value(); }, base::kNever);
  } else {
    try {
      thread_ = std::thread([self = shared_from_this()] { self->run_loop(); });
    } catch (const std::system_error& error) {
      is_closed_ = true;
      return Error{error.code(), "starting the I/O thread"};
    } catch (const std::bad_alloc&) {
      is_closed_ = true;
      return Error{Errc::out_of_memory, "starting the I/O thread"};
    }
    if (options_.spin == NodeOptions::kSpinMeasured) io::measure_wake_cost();  // while the node registers
    std::unique_lock lock(mutex_);
    condition_.wait(lock, [this] { return started_.has_value(); });
  }
  if (*started_) return {};
  finish_shutdown(now() + kCloseSlack);
  return *std::move(started_);
}

void NodeHost::note_other_options(const NodeOptions& options) {
  if (!log_.is_enabled(base::LogLevel::warn)) return;
  const std::string names = differing_options(options, options_);
  if (names.empty()) return;
  {
    const std::scoped_lock lock(mutex_);
    if (!other_options_log_.admit(now())) return;
  }
  log_.write(base::LogLevel::warn, "start() was called again with another %s: the running node \"%s\" keeps its own",
             names.c_str(), options_.alias.c_str());
}

void NodeHost::on_started(Result<void, StartError> outcome) {
  port_ = node_->port();
  if (outcome) phase_.store(Phase::running, std::memory_order_release);
  const std::scoped_lock lock(mutex_);
  started_ = std::move(outcome);
  condition_.notify_all();
}

void NodeHost::on_closed(const ShutdownReport&) { is_closed_ = true; }

void NodeHost::run_loop() {
  loop_.take();
  node_->start();
  loop_.turn_until([this] { return is_closed_; }, base::kNever);
  end_loop();
}

/// After the node has closed: lets the backend finish, waits for the handler that still runs, and lets go of all that
/// is the application's. Others learn of the loop's end first: a handler may take for ever.
void NodeHost::end_loop() {
  loop_.turn_until([this] { return loop_.reactor().backend().handle_count() == 0; }, now() + kCloseSlack);
  phase_.store(Phase::closed, std::memory_order_seq_cst);
  room_watch_.close();
  std::atomic_thread_fence(
      std::memory_order_seq_cst);  // pairs with send_from_other_thread(): either this sees what was added ...
  {
    const std::scoped_lock lock(mutex_);
    discard_cross_thread_sends();
    takes_tasks_ = false;
    report_ = node_->shutdown_report();
    report_->is_complete = false;
    lock_.reset();
  }
  discard_tasks();  // a handler may wait for what one of them asks
  handlers_.stop();
  forget_application();
  loop_.let_go();
  const ShutdownReport report = node_->shutdown_report();
  if (report.discarded_outgoing + report.discarded_incoming > 0) {
    log_.write(base::LogLevel::warn, "shut down with %" PRIu64 " messages not sent and %" PRIu64 " not handled",
               report.discarded_outgoing, report.discarded_incoming);
  }
  const std::scoped_lock lock(mutex_);
  report_ = report;
  is_over_ = true;
  condition_.notify_all();
}

/// What they hold may be the application's, too.
void NodeHost::discard_tasks() {
  const NodeLoop::Inside inside(loop_);
  loop_.reactor().discard_tasks();
}

/// Destroys the objects that the application gave to the node. Their destructors may call the node.
void NodeHost::forget_application() {
  const NodeLoop::Inside inside(loop_);
  node_->delivery().discard();
  loop_.reactor().discard_tasks();
  node_->delivery().forget_handlers();
  node_->requests().forget_handler();
  node_->groups().forget_handlers();
  node_->finish_callbacks();
}

bool NodeHost::is_inside_any() { return NodeLoop::owner_on_this_thread() != nullptr || HandlerThread::is_any(); }

bool NodeHost::is_inside() const { return loop_.is_inside() || handlers_.is_this_thread(); }

/// Drops the task when the loop has ended, which counts as taken, or has no room or memory for it. The task may hold
/// objects of the application, and is destroyed after the lock has been released.
base::Pushed NodeHost::post(std::function<void()> task) {
  const std::scoped_lock lock(mutex_);
  if (!takes_tasks_) return base::Pushed::Outcome::taken;
  const base::Pushed posted = loop_.reactor().post(std::move(task));
  if (!posted) add(tasks_lost_, 1);
  return posted;
}

bool NodeHost::try_on_loop(std::function<void()>& task) {
  const std::scoped_lock lock(mutex_);
  return !takes_tasks_ || static_cast<bool>(loop_.reactor().post(std::move(task)));
}

void NodeHost::run_where_handlers_run(std::function<void()> task) {
  const base::Pushed posted =
      post([this, task = std::move(task)]() mutable { node_->delivery().run_where_handlers_run(std::move(task)); });
  if (posted.lacks_memory()) note_out_of_memory();
}

void NodeHost::set_request_handler(RequestHandler handler) {
  if (!is_forked()) run_where_handlers_run(node_->requests().setting(std::move(handler)));
}

void NodeHost::set_join_handler(PeerHandler handler) {
  if (!is_forked()) run_where_handlers_run(node_->delivery().setting_join(std::move(handler)));
}

void NodeHost::set_leave_handler(PeerHandler handler) {
  if (!is_forked()) run_where_handlers_run(node_->delivery().setting_leave(std::move(handler)));
}

void NodeHost::set_registration_handler(RegistrationHandler handler) {
  if (!is_forked()) run_where_handlers_run(node_->delivery().setting(std::move(handler)));
}

void NodeHost::set_writable_handler(WritableHandler handler) {
  if (is_forked()) return;
  tells_writable_.store(true, std::memory_order_relaxed);
  run_where_handlers_run(node_->delivery().setting(std::move(handler)));
}

Result<std::vector<PeerInfo>> NodeHost::discover() const {
  if (is_forked()) return Error{Errc::forked, "discovering peers"};
  if (!is_running()) return Error{Errc::shut_down, "discovering peers"};
  return node_->directory().list();
}

std::string NodeHost::alias_of(std::string_view node_id) const {
  return is_forked() || !is_running() ? std::string() : node_->directory().alias_of(node_id);
}

NodeStats NodeHost::stats() const {
  NodeStats stats;
  if (is_forked()) return stats;
  node_->snapshot(stats);
  add_process_counters(stats);
  return stats;
}

void NodeHost::add_process_counters(NodeStats& stats) const {
  stats.refused_queue_full = read(refused_queue_full_);
  stats.refused_unresolved = read(refused_unresolved_);
  stats.tasks_lost += read(tasks_lost_);
  stats.calls_out_of_memory += read(out_of_memory_);
  stats.events_out_of_memory = loop_.reactor().out_of_memory_count();
  stats.wakes = loop_.reactor().wake_count();
  stats.backend = loop_.backend_name();
  stats.backend_fallback_reason = loop_.fallback_reason();
  stats.cpu_us =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(io::process_cpu_time()).count());
}

Result<void> NodeHost::poll(base::Duration timeout) {
  constexpr const char* polling = "polling";
  if (is_forked()) return Error{Errc::forked, polling};
  if (options_.threading != Threading::caller)
    return Error{Errc::invalid_option, "polling a node that has its own thread"};
  if (phase_.load(std::memory_order_acquire) == Phase::closed) return Error{Errc::shut_down, polling};
  if (!is_loop_thread() || is_inside()) return Error{Errc::already_running, "polling from another thread or a handler"};
  loop_.turn_once(base::saturating_add(io::system_now(), timeout));
  if (is_closed_) end_loop();
  return {};
}

int NodeHost::fd() const {
  return options_.threading == Threading::caller && !is_forked() && is_loop_thread() ? loop_.reactor().pollable_fd()
                                                                                     : -1;
}

std::chrono::milliseconds NodeHost::poll_within() const {
  if (options_.threading != Threading::caller || is_forked() || !is_loop_thread())
    return std::chrono::milliseconds::max();
  return loop_.due_within();
}

Result<ShutdownReport> NodeHost::shutdown(base::Duration deadline) {
  if (is_forked()) return Error{Errc::forked, "shutting down"};
  ask_to_end(std::max(base::Duration::zero(), deadline));
  if (is_inside()) return ShutdownReport{};
  return finish_shutdown(base::saturating_add(now(), deadline + kCloseSlack));
}

/// Needs no memory, and no room in a queue.
void NodeHost::ask_to_end(base::Duration deadline) {
  Phase expected = Phase::running;
  if (!phase_.compare_exchange_strong(expected, Phase::closing)) return;
  room_watch_.close();
  end_asked_.store(deadline, std::memory_order_relaxed);
  if (!is_loop_thread()) return loop_.reactor().notify();
  end_if_asked();
}

/// Messages that other threads had submitted by then are sent; later ones are refused.
bool NodeHost::end_if_asked() {
  if (end_asked_.load(std::memory_order_relaxed) == kNotAsked) return false;
  const base::Duration deadline = end_asked_.exchange(kNotAsked, std::memory_order_relaxed);
  while (drain_cross_thread_sends()) {
  }
  node_->begin_shutdown(deadline);
  return true;
}

/// Waits until the node has ended. If it has not by then, its own threads end it later.
ShutdownReport NodeHost::finish_shutdown(base::Instant until) {
  const bool is_over = wait_until_over(until);
  std::unique_lock lock(mutex_);
  if (!is_over) return report_.value_or(ShutdownReport{});
  const ShutdownReport report = *report_;
  std::thread ended = std::move(thread_);
  lock.unlock();
  if (ended.joinable()) ended.join();
  return report;
}

bool NodeHost::wait_until_over(base::Instant until) {
  if (is_at_place()) {
    loop_.turn_until([this] { return is_over_; }, until);
    return is_over_;
  }
  if (is_loop_thread()) {
    loop_.turn_until([this] { return is_closed_; }, until);
    if (is_closed_) end_loop();
  }
  std::unique_lock lock(mutex_);
  return condition_.wait_until(lock, until, [this] { return is_over_; });
}

void NodeHost::on_last_handle() {
  if (is_forked()) return;
  if (options_.threading == Threading::caller && !is_loop_thread()) {
    // Nobody who could poll is left: this thread turns the loop from now on.
    ask_to_end(kDefaultShutdown);
    turn_as_owner(base::saturating_add(now(), kDefaultShutdown + kCloseSlack));
  } else {
    static_cast<void>(shutdown(kDefaultShutdown));
  }
  const std::scoped_lock lock(mutex_);
  if (thread_.joinable()) thread_.detach();  // it ends by itself, and keeps this alive until then
}

/// Turns the loop of Threading::caller on this thread, which has it to itself.
void NodeHost::turn_as_owner(base::Instant until) {
  const NodeLoop::Taken taken(loop_);
  loop_.turn_until([this] { return is_closed_; }, until);
  if (is_closed_) end_loop();
}

}  // namespace distflow::runtime
