#include <distflow/node_runtime.hpp>

#include <mutex>
#include <utility>

#include "protocol/json_grammar.hpp"
#include "runtime/node_host.hpp"

namespace distflow {
namespace {

using runtime::NodeHost;
using runtime::PayloadSource;

/// The one node of this process.
struct Singleton {
  std::mutex mutex;
  std::weak_ptr<NodeHost> handle;
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
  Singleton& one = singleton();
  const std::scoped_lock lock(one.mutex);
  if (std::shared_ptr<NodeHost> existing = one.handle.lock()) {
    if (existing->is_forked()) return Error{Errc::forked, "starting a node"};
    if (existing->is_running()) return NodeRuntime(std::move(existing));
  }
  Result<std::shared_ptr<NodeHost>> host = NodeHost::start(options);
  if (!host) return host.error();
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
  return host_->send(target.state_, target.version_, target.prefix_, PayloadSource{.text = json.text});
}

SendVerdict NodeRuntime::send_written(std::string_view target, WriteCall call, void* callable) {
  return host_->send(target, PayloadSource{.text = {}, .call = call, .callable = callable});
}

SendVerdict NodeRuntime::send_written(Target& target, WriteCall call, void* callable) {
  return host_->send(target.state_, target.version_, target.prefix_,
                     PayloadSource{.text = {}, .call = call, .callable = callable});
}

Target NodeRuntime::target(std::string_view name) {
  Target target;
  target.name_ = name;
  if (!name.empty() && !host_->is_forked()) target.state_ = host_->target(name);
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
Result<PeerInfo> NodeRuntime::resolve(std::string_view name) { return host_->resolve(name); }
const std::string& NodeRuntime::node_id() const { return host_->node_id(); }
const std::string& NodeRuntime::alias() const { return host_->alias(); }
std::uint16_t NodeRuntime::port() const { return host_->port(); }
NodeStats NodeRuntime::stats() const { return host_->stats(); }
Result<void> NodeRuntime::poll(std::chrono::milliseconds timeout) { return host_->poll(timeout); }
int NodeRuntime::fd() const { return host_->fd(); }
std::chrono::milliseconds NodeRuntime::poll_within() const { return host_->poll_within(); }
Result<ShutdownReport> NodeRuntime::shutdown(std::chrono::milliseconds deadline) { return host_->shutdown(deadline); }
bool NodeRuntime::is_running() const { return !host_->is_forked() && host_->is_running(); }

}  // namespace distflow
