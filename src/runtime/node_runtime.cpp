#include <distflow/node_runtime.hpp>

#include <mutex>
#include <utility>

#include "io/clock.hpp"
#include "protocol/json_grammar.hpp"
#include "runtime/node_host.hpp"

namespace distflow {
namespace {

using runtime::NodeHost;
using runtime::PayloadSource;

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

/// What handles share: its last copy tells the host that nobody holds it any more.
std::shared_ptr<NodeHost> make_handle(std::shared_ptr<NodeHost> host) {
  NodeHost* const raw = host.get();
  return {raw, [owner = std::move(host)](NodeHost* last) mutable {
            last->on_last_handle();
            // In a forked child nothing of the node may be taken apart: its threads and its locks stayed behind.
            if (last->is_forked()) last->keep_for_ever();
            owner.reset();
          }};
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
  }
  return "unknown";
}

Result<NodeRuntime> NodeRuntime::start(const NodeOptions& options) {
  constexpr const char* starting = "starting a node";
  Singleton& one = singleton();
  std::unique_lock lock(one.mutex, std::defer_lock);
  // Whoever has the lock may wait for the node that this call comes from.
  if (!NodeHost::is_inside_any()) {
    lock.lock();
  } else if (!lock.try_lock()) {
    return Error{Errc::already_running, starting};
  }
  if (std::shared_ptr<NodeHost> existing = one.handle.lock()) {
    if (existing->is_forked()) return Error{Errc::forked, starting};
    if (existing->is_running()) return NodeRuntime(std::move(existing));
  }
  // One that was shut down by a handler may still be ending.
  if (const std::shared_ptr<NodeHost> ending = one.host.lock(); ending != nullptr && !ending->is_forked()) {
    const bool may_wait = !ending->is_inside();
    if (!may_wait || !ending->wait_until_over(io::system_now() + options.start_deadline)) {
      return Error{Errc::already_running, starting};
    }
  }
  Result<std::shared_ptr<NodeHost>> host = NodeHost::start(options);
  if (!host) return host.error();
  one.host = *host;
  std::shared_ptr<NodeHost> handle = make_handle(std::move(*host));
  one.handle = handle;
  return NodeRuntime(std::move(handle));
}

SendVerdict NodeRuntime::send(std::string_view target, std::string_view json) {
  if (!protocol::is_json(json)) return SendVerdict::invalid_json;
  return host_->send(target, PayloadSource{.text = json});
}

SendVerdict NodeRuntime::send(std::string_view target, RawJson json) {
  return host_->send(target, PayloadSource{.text = json.text});
}

SendVerdict NodeRuntime::send(Target& target, std::string_view json) {
  if (!protocol::is_json(json)) return SendVerdict::invalid_json;
  return send(target, raw_json(json));
}

SendVerdict NodeRuntime::send(Target& target, RawJson json) {
  if (target.state_ == nullptr) [[unlikely]]
    target.state_ = host_->target(target.name_);
  return host_->send(target.state_, target.version_, target.prefix_, PayloadSource{.text = json.text});
}

SendVerdict NodeRuntime::send_written(std::string_view target, WriteCall call, void* callable) {
  const std::shared_ptr<NodeHost> handle = host_;  // the writer may drop the application's last one
  return handle->send(target, PayloadSource{.text = {}, .call = call, .callable = callable});
}

SendVerdict NodeRuntime::send_written(Target& target, WriteCall call, void* callable) {
  const std::shared_ptr<NodeHost> handle = host_;
  if (target.state_ == nullptr) target.state_ = handle->target(target.name_);
  return handle->send(target.state_, target.version_, target.prefix_,
                      PayloadSource{.text = {}, .call = call, .callable = callable});
}

Target NodeRuntime::target(std::string_view name) {
  Target target;
  target.name_ = name;
  target.state_ = host_->target(name);
  return target;
}

void NodeRuntime::on_message(std::function<void(const Message&)> handler) {
  host_->set_message_handler(std::move(handler));
}

void NodeRuntime::on_peer_join(std::function<void(const PeerInfo&)> handler) {
  host_->set_join_handler(std::move(handler));
}

void NodeRuntime::on_peer_leave(std::function<void(const PeerInfo&)> handler) {
  host_->set_leave_handler(std::move(handler));
}

Result<std::vector<PeerInfo>> NodeRuntime::discover() { return host_->discover(); }

// With Threading::caller these three turn the loop: a handler may drop the application's last handle meanwhile.

Result<PeerInfo> NodeRuntime::resolve(std::string_view name) {
  const std::shared_ptr<NodeHost> handle = host_;
  return handle->resolve(name);
}

Result<void> NodeRuntime::poll(std::chrono::milliseconds timeout) {
  const std::shared_ptr<NodeHost> handle = host_;
  return handle->poll(timeout);
}

Result<ShutdownReport> NodeRuntime::shutdown(std::chrono::milliseconds deadline) {
  const std::shared_ptr<NodeHost> handle = host_;
  return handle->shutdown(deadline);
}

std::string NodeRuntime::alias_of(std::string_view node_id) const { return host_->alias_of(node_id); }
const std::string& NodeRuntime::node_id() const { return host_->node_id(); }
const std::string& NodeRuntime::alias() const { return host_->alias(); }
std::uint16_t NodeRuntime::port() const { return host_->port(); }
NodeStats NodeRuntime::stats() const { return host_->stats(); }
int NodeRuntime::fd() const { return host_->fd(); }
std::chrono::milliseconds NodeRuntime::poll_within() const { return host_->poll_within(); }
bool NodeRuntime::is_running() const { return !host_->is_forked() && host_->is_running(); }

}  // namespace distflow
