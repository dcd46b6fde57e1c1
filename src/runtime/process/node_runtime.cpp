#include <distflow/ask.hpp>
#include <distflow/node_runtime.hpp>

#include <algorithm>
#include <mutex>
#include <new>
#include <utility>

#include "io/clock.hpp"
#include "protocol/json_grammar.hpp"
#include "runtime/process/node_host.hpp"
#include "runtime/process/node_world.hpp"
#include "runtime/process/unless_out_of_memory.hpp"

namespace distflow {
namespace {

using runtime::NodeHost;
using runtime::OutgoingMessage;
using runtime::SendCredit;
using runtime::TargetState;
using runtime::unless_out_of_memory;

/// As long as a time to wait gets: longer ones would not fit into the clock's. Negative ones are over.
base::Duration bounded(std::chrono::milliseconds time) {
  constexpr std::chrono::milliseconds year = std::chrono::hours(24) * 365;
  return std::clamp(time, std::chrono::milliseconds::zero(), year);
}

/// The one node of this process.
struct Singleton {
  std::mutex mutex;
  std::weak_ptr<NodeHost> handle;  // gone with the last handle
  std::weak_ptr<NodeHost> host;    // gone when the node is over
};

Singleton& singleton() {
  static Singleton instance;
  return instance;
}

/// What handles share: its last copy notifies the host that nobody holds it any more.
std::shared_ptr<NodeHost> make_handle(std::shared_ptr<NodeHost> host) {
  NodeHost* const raw = host.get();
  return {raw, [owner = std::move(host)](NodeHost* last) mutable {
            last->on_last_handle();
            // In a forked child nothing of the node may be taken apart: its threads and its locks stayed behind.
            if (last->is_forked()) last->keep_for_ever();
            owner.reset();
          }};
}

/// As unless_out_of_memory(), for what writes a message in place: that is the application's, and what it throws passes
/// through.
struct WatchedWriter {
  static void write(void* self, PayloadWriter& out) {
    auto& watched = *static_cast<WatchedWriter*>(self);
    watched.is_inside = true;
    watched.call(watched.callable, out);
    watched.is_inside = false;
  }

  void (*call)(void* callable, PayloadWriter& out);
  void* callable;
  bool is_inside = false;
};

template <class Send>
SendVerdict send_unless_out_of_memory(NodeHost& host, WatchedWriter& writer, Send&& send) {
  try {
    return send(OutgoingMessage(&WatchedWriter::write, &writer));
  } catch (const std::bad_alloc&) {
    if (writer.is_inside) throw;
    host.note_out_of_memory();
    return SendVerdict::out_of_memory;
  }
}

}  // namespace

const char* to_string(SendVerdict verdict) {
  switch (verdict) {
    case SendVerdict::written: return "written";
    case SendVerdict::queued: return "queued";
    case SendVerdict::queue_full: return "queue_full";
    case SendVerdict::unresolved: return "unresolved";
    case SendVerdict::too_large: return "too_large";
    case SendVerdict::invalid_json: return "invalid_json";
    case SendVerdict::invalid_target: return "invalid_target";
    case SendVerdict::out_of_memory: return "out_of_memory";
    case SendVerdict::shut_down: return "shut_down";
    case SendVerdict::forked: return "forked";
    case SendVerdict::would_block: return "would_block";
  }
  return "unknown";
}

Result<NodeRuntime, StartError> NodeRuntime::start(const NodeOptions& options) try {
  constexpr const char* starting = "starting a node";
  if (runtime::NodeWorld* const world = runtime::NodeWorld::of_this_thread()) {
    Result<std::shared_ptr<NodeHost>, StartError> host = world->start(options);
    if (!host) return host.error();
    return NodeRuntime(make_handle(std::move(*host)));
  }
  Singleton& one = singleton();
  std::unique_lock lock(one.mutex, std::defer_lock);
  // The holder of the lock may wait for the node that this call comes from.
  if (!NodeHost::is_inside_any()) {
    lock.lock();
  } else if (!lock.try_lock()) {
    return Error{Errc::already_running, starting};
  }
  if (std::shared_ptr<NodeHost> existing = one.handle.lock()) {
    if (existing->is_forked()) return Error{Errc::forked, starting};
    if (existing->is_running()) {
      existing->note_other_options(options);
      return NodeRuntime(std::move(existing));
    }
  }
  // One that was shut down by a handler may still be ending.
  if (const std::shared_ptr<NodeHost> ending = one.host.lock(); ending != nullptr && !ending->is_forked()) {
    const bool may_wait = !ending->is_inside();
    if (!may_wait || !ending->wait_until_over(io::system_now() + options.start_deadline)) {
      return Error{Errc::already_running, starting};
    }
  }
  Result<std::shared_ptr<NodeHost>, StartError> host = NodeHost::start(options);
  if (!host) return host.error();
  one.host = *host;
  std::shared_ptr<NodeHost> handle = make_handle(std::move(*host));
  one.handle = handle;
  return NodeRuntime(std::move(handle));
} catch (const std::bad_alloc&) {
  return Error{Errc::out_of_memory, "starting a node"};
}

SendVerdict NodeRuntime::send(std::string_view target, std::string_view json) {
  if (!protocol::is_json(json)) return SendVerdict::invalid_json;
  return send(target, raw_json(json));
}

SendVerdict NodeRuntime::send(std::string_view target, RawJson json) {
  return unless_out_of_memory(*host_, SendVerdict::out_of_memory,
                              [&] { return host_->send(target, OutgoingMessage(json.text)); });
}

SendVerdict NodeRuntime::send(Target& target, std::string_view json) {
  if (!protocol::is_json(json)) return SendVerdict::invalid_json;
  return send(target, raw_json(json));
}

SendVerdict NodeRuntime::send(Target& target, RawJson json) {
  if (target.state_ == nullptr) [[unlikely]]
    return look_up_and_send(target, json);
  return unless_out_of_memory(*host_, SendVerdict::out_of_memory, [&] {
    return host_->send(target.state_, {target.version_, target.prefix_, target.credit_}, OutgoingMessage(json.text));
  });
}

/// To a Target that was made while the table was full. Apart from send(), which saves fewer registers then.
[[gnu::noinline]] SendVerdict NodeRuntime::look_up_and_send(Target& target, RawJson json) {
  return unless_out_of_memory(*host_, SendVerdict::out_of_memory, [&] {
    target.state_ = host_->target(target.name_);
    return host_->send(target.state_, {target.version_, target.prefix_, target.credit_}, OutgoingMessage(json.text));
  });
}

SendVerdict NodeRuntime::send_wait(std::string_view target, std::string_view json, std::chrono::milliseconds deadline) {
  if (!protocol::is_json(json)) return SendVerdict::invalid_json;
  return send_wait(target, raw_json(json), deadline);
}

SendVerdict NodeRuntime::send_wait(std::string_view target, RawJson json, std::chrono::milliseconds deadline) {
  return unless_out_of_memory(*host_, SendVerdict::out_of_memory, [&] {
    std::shared_ptr<TargetState> state = host_->target(target);
    std::string prefix;
    std::shared_ptr<SendCredit> credit;
    std::uint64_t version = 0;
    return host_->send_wait(state, {version, prefix, credit}, OutgoingMessage(json.text), bounded(deadline));
  });
}

SendVerdict NodeRuntime::send_wait(Target& target, std::string_view json, std::chrono::milliseconds deadline) {
  if (!protocol::is_json(json)) return SendVerdict::invalid_json;
  return send_wait(target, raw_json(json), deadline);
}

SendVerdict NodeRuntime::send_wait(Target& target, RawJson json, std::chrono::milliseconds deadline) {
  return unless_out_of_memory(*host_, SendVerdict::out_of_memory, [&] {
    if (target.state_ == nullptr) target.state_ = host_->target(target.name_);
    return host_->send_wait(target.state_, {target.version_, target.prefix_, target.credit_},
                            OutgoingMessage(json.text), bounded(deadline));
  });
}

SendVerdict NodeRuntime::send_written(std::string_view target, WriteCall call, void* callable) {
  const std::shared_ptr<NodeHost> handle = host_;  // the writer may drop the application's last one
  WatchedWriter writer{call, callable};
  return send_unless_out_of_memory(*handle, writer,
                                   [&](const OutgoingMessage& message) { return handle->send(target, message); });
}

SendVerdict NodeRuntime::send_written(Target& target, WriteCall call, void* callable) {
  const std::shared_ptr<NodeHost> handle = host_;
  WatchedWriter writer{call, callable};
  return send_unless_out_of_memory(*handle, writer, [&](const OutgoingMessage& message) {
    if (target.state_ == nullptr) target.state_ = handle->target(target.name_);
    return handle->send(target.state_, {target.version_, target.prefix_, target.credit_}, message);
  });
}

Target NodeRuntime::target(std::string_view name) {
  return unless_out_of_memory(*host_, Target(), [&] {
    Target target;
    target.name_ = name;
    target.state_ = host_->target(name);
    return target;
  });
}

Result<void> NodeRuntime::wait_for(std::string_view name, const WaitOptions& options,
                                   std::function<void(const Result<PeerInfo>&)> callback) {
  const std::shared_ptr<NodeHost> handle = host_;  // what a callback that is not taken holds may be the last one
  return unless_out_of_memory(*handle, Result<void>(Error{Errc::out_of_memory, "waiting for a node"}),
                              [&] { return handle->wait_for(name, options, std::move(callback)); });
}

Result<void> NodeRuntime::next_turn(std::function<void(const Result<void>&)> callback) {
  const std::shared_ptr<NodeHost> handle = host_;
  return unless_out_of_memory(*handle, Result<void>(Error{Errc::out_of_memory, "waiting for a turn"}),
                              [&] { return handle->next_turn(std::move(callback)); });
}

Result<void> NodeRuntime::next_message(std::function<void(const Result<Message>&)> callback, StopToken stop) {
  const std::shared_ptr<NodeHost> handle = host_;
  return unless_out_of_memory(*handle, Result<void>(Error{Errc::out_of_memory, "waiting for a message"}),
                              [&] { return handle->next_message(std::move(callback), std::move(stop)); });
}

void NodeRuntime::on_request(std::function<void(const Request&, Responder)> handler) {
  const std::shared_ptr<NodeHost> handle = host_;
  unless_out_of_memory(*handle, false, [&] { return handle->set_request_handler(std::move(handler)), true; });
}

// What is already shut down lets go of a handler in the call that sets it, and its captures may drop the application's
// last handle: as a writer, and as a handler that poll() calls.

void NodeRuntime::on_message(std::function<void(const Message&)> handler) {
  const std::shared_ptr<NodeHost> handle = host_;
  unless_out_of_memory(*handle, false, [&] { return handle->set_message_handler(std::move(handler)), true; });
}

void NodeRuntime::on_peer_join(std::function<void(const PeerInfo&)> handler) {
  const std::shared_ptr<NodeHost> handle = host_;
  unless_out_of_memory(*handle, false, [&] { return handle->set_join_handler(std::move(handler)), true; });
}

void NodeRuntime::on_peer_leave(std::function<void(const PeerInfo&)> handler) {
  const std::shared_ptr<NodeHost> handle = host_;
  unless_out_of_memory(*handle, false, [&] { return handle->set_leave_handler(std::move(handler)), true; });
}

void NodeRuntime::on_registration(std::function<void(const RegistrationChange&)> handler) {
  const std::shared_ptr<NodeHost> handle = host_;
  unless_out_of_memory(*handle, false, [&] { return handle->set_registration_handler(std::move(handler)), true; });
}

void NodeRuntime::on_writable(std::function<void(const Writable&)> handler) {
  const std::shared_ptr<NodeHost> handle = host_;
  unless_out_of_memory(*handle, false, [&] { return handle->set_writable_handler(std::move(handler)), true; });
}

Result<std::vector<PeerInfo>> NodeRuntime::discover() {
  using Peers = Result<std::vector<PeerInfo>>;
  return unless_out_of_memory(*host_, Peers(Error{Errc::out_of_memory, "discovering peers"}),
                              [&] { return host_->discover(); });
}

// With Threading::caller these three turn the loop: a handler may drop the application's last handle meanwhile.

Result<PeerInfo> NodeRuntime::resolve(std::string_view name) {
  const std::shared_ptr<NodeHost> handle = host_;
  return unless_out_of_memory(*handle, Result<PeerInfo>(Error{Errc::out_of_memory, "resolving a name"}),
                              [&] { return handle->resolve(name); });
}

Result<void> NodeRuntime::poll(std::chrono::milliseconds timeout) {
  const std::shared_ptr<NodeHost> handle = host_;
  return handle->poll(bounded(timeout));
}

Result<ShutdownReport> NodeRuntime::shutdown(std::chrono::milliseconds deadline) {
  const std::shared_ptr<NodeHost> handle = host_;
  return handle->shutdown(bounded(deadline));
}

std::string NodeRuntime::alias_of(std::string_view node_id) const {
  return unless_out_of_memory(*host_, std::string(), [&] { return host_->alias_of(node_id); });
}
const std::string& NodeRuntime::node_id() const { return host_->node_id(); }
const std::string& NodeRuntime::alias() const { return host_->alias(); }
std::uint16_t NodeRuntime::port() const { return host_->port(); }
NodeStats NodeRuntime::stats() const {
  return unless_out_of_memory(*host_, NodeStats(), [&] { return host_->stats(); });
}
void NodeRuntime::set_log_level(LogVerbosity level) {
  if (!host_->is_forked()) host_->set_log_level(level);
}
int NodeRuntime::fd() const { return host_->fd(); }
std::chrono::milliseconds NodeRuntime::poll_within() const { return host_->poll_within(); }
void NodeRuntime::note_out_of_memory() const noexcept { host_->note_out_of_memory(); }
bool NodeRuntime::is_running() const { return !host_->is_forked() && host_->is_running(); }

}  // namespace distflow
