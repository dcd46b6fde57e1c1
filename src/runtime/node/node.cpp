#include "runtime/node/node.hpp"

#include <algorithm>
#include <span>
#include <system_error>
#include <utility>

#include "base/error_text.hpp"
#include "runtime/node/check_options.hpp"
#include "runtime/peers/node_id.hpp"

namespace distflow::runtime {
namespace {

std::uint64_t random_seed(io::Backend& backend) {
  std::uint64_t seed = 0;
  backend.fill_random(std::as_writable_bytes(std::span(&seed, 1)));
  return seed;
}

}  // namespace

Node::Node(NodeParts parts, const NodeOptions& options, NodeObserver& observer)
    : parts_(parts),
      options_(at_pmd(options, {})),
      observer_(observer),
      random_(random_seed(parts.reactor.backend())),
      node_id_(make_node_id(parts.reactor.backend())),
      own_user_(parts.reactor.backend().own_user()),
      resolver_(parts.reactor),
      drops_(parts.log, parts.reactor, directory_),
      dead_letters_(parts.reactor, directory_,
                    {.letters_max = options.introspection ? options.dead_letters_max : 0,
                     .bytes_max = options.dead_letter_bytes_max}),
      traffic_(&drops_, &dead_letters_),
      out_(parts.out_chunks),
      control_out_(parts.blocks),
      reader_parts_{.reactor = parts.reactor,
                    .traffic = traffic_,
                    .delivery = delivery_,
                    .log = parts.log,
                    .node_id = node_id_,
                    .incomplete_bytes_max = options.incomplete_bytes_max,
                    .observer = *this},
      memory_pool_{.chunk = io::ReceiveChunk(parts.receive_chunks),
                   .ring_size = options.memory_ring_size,
                   .count_max = options.memory_connections_max},
      link_parts_{.reactor = parts.reactor,
                  .resolver = resolver_,
                  .stream_setup = parts.stream_setup,
                  .blocks = parts.blocks,
                  .random = random_,
                  .log = parts.log,
                  .out = control_out_,
                  .reader_parts = reader_parts_,
                  .limits = connection_limits(),
                  .credit_limits = {.bytes_max = options.send_bytes_max, .frames_max = options.send_messages_max},
                  .memory_pool = memory_pool_,
                  .carriers = carriers_,
                  .connect_deadline = options.connect_deadline,
                  .writes_at_once = options.write_at_once,
                  .on_finished = base::Delegate<void()>::to<&Node::on_link_finished>(*this)},
      groups_(options.targets_max, options.advertised_host.empty() ? options.host : options.advertised_host,
              GroupTable::OnChange::to<&Node::tell_group_change>(*this)),
      directory_(link_parts_, traffic_, *this, {.self = node_id_, .rejoin_grace = options.rejoin_grace}),
      router_({.reactor = parts.reactor,
               .directory = directory_,
               .targets = parts.targets,
               .traffic = traffic_,
               .drops = drops_,
               .dead_letters = dead_letters_,
               .out = out_,
               .options = options_,
               .ask = [this](const std::string& name) { ask_for_target(name); }}),
      delivery_(parts.reactor, node_id_, options_, parts.log, base::Delegate<void()>::to<&Node::on_mailbox_room>(*this),
                parts.wake_handlers, parts.clock),
      ask_way_(std::make_shared<AskWay>(parts.reactor, parts.targets,
                                        AskWayOptions{.node_id = node_id_,
                                                      .asks_max = options.asks_max,
                                                      .inbox_bytes_max = options.send_bytes_max,
                                                      .frame_size_max = options.frame_size_max,
                                                      .clock = parts.clock})),
      asks_({.reactor = parts.reactor,
             .directory = directory_,
             .router = router_,
             .delivery = delivery_,
             .random = random_,
             .asks_per_peer_max = options.asks_per_peer_max,
             .reply_bytes_max = options.mailbox.bytes_max},
            ask_way_),
      requests_(parts.reactor, directory_, parts.targets, delivery_, ask_way_),
      waits_(parts.reactor, directory_, delivery_, parts.clock),
      ask_hooks_(ask_hooks()),
      publications_({.reactor = parts.reactor,
                     .router = router_,
                     .groups = groups_,
                     .targets = parts.targets,
                     .traffic = traffic_,
                     .drops = drops_,
                     .node_id = node_id_,
                     .topics_max = options.targets_max,
                     .credit_limits = link_parts_.credit_limits}),
      subscriptions_(parts.reactor, delivery_),
      accepted_({.reader_parts = reader_parts_,
                 .stream_setup = parts.stream_setup,
                 .blocks = parts.blocks,
                 .limits = connection_limits(),
                 .connections_max = options.connections_max,
                 .on_closed = base::Delegate<void()>::to<&Node::check_closed>(*this)}),
      introspection_(parts.reactor, traffic_, directory_, carriers_, dead_letters_,
                     base::Delegate<bool()>::to<&Node::may_show_messages>(*this)),
      listen_timer_(base::Delegate<void()>::to<&Node::listen>(*this)),
      start_timer_(base::Delegate<void()>::to<&Node::on_start_deadline>(*this)),
      shutdown_timer_(base::Delegate<void()>::to<&Node::on_shutdown_deadline>(*this)) {
  link_parts_.on_dropped =
      base::Delegate<void(Link&, const DroppedMessages&, Counter SendCounters::*)>::to<&Asks::on_dropped>(asks_);
  link_parts_.on_leaving = base::Delegate<void(const Link&, std::span<const io::Piece>)>::to<&Asks::on_leaving>(asks_);
  reader_parts_.asks = &ask_hooks_;
  reader_parts_.topics = &subscriptions_.hooks();
  delivery_.set_asks(ask_hooks_);
  reap_.on_turn_end = base::Delegate<void()>::to<&Node::on_reap>(*this);
  closed_.on_turn_end = base::Delegate<void()>::to<&Node::deliver_closed>(*this);
  router_.count_lost_answers_in(ask_way_->counters.answers_lost);
}

Node::~Node() {
  DF_ASSERT(state_ == State::idle || state_ == State::closed);
  delivery_.request_stop();
  delivery_.discard();
  finish_callbacks();
  link_parts_.on_dropped = {};
  link_parts_.on_leaving = {};
}

AskHooks Node::ask_hooks() {
  AskHooks hooks{
      .on_reply = base::Delegate<void(const IncomingReply&)>::to<&Asks::on_reply>(asks_),
      .is_opener = base::Delegate<bool(const Carrier&, std::string_view)>::to<&Asks::is_opener>(asks_),
      .on_cancel = base::Delegate<void()>::to<&Requests::note_cancel>(requests_),
      .on_request = base::Delegate<void()>::to<&Requests::note_received>(requests_),
      .on_request_blocked = base::Delegate<void()>::to<&Requests::note_blocked>(requests_),
      .refuse = base::Delegate<void(const Mail&)>::to<&Requests::refuse>(requests_),
      .drop = base::Delegate<void(std::size_t)>::to<&Requests::drop>(requests_),
      .handle = base::Delegate<void(const Mail&, const protocol::AskMembers&)>::to<&Requests::handle>(requests_),
      .awaits_handler = base::Delegate<bool()>::to<&Requests::awaits_handler>(requests_)};
  if (delivery_.has_thread()) {
    hooks.call_back = base::Delegate<bool()>::to<&Node::call_back>(*this);
    hooks.has_ended = base::Delegate<bool()>::to<&Node::has_callbacks>(*this);
  } else {
    hooks.hand_out = base::Delegate<void()>::to<&Waits::hand_out>(waits_);
  }
  return hooks;
}

bool Node::call_back() {
  const bool has_asks = asks_.call_back();
  const bool has_waits = waits_.call_back();
  const bool has_messages = waits_.may_hand_out();
  if (has_messages) waits_.hand_out();
  const bool has_topics = subscriptions_.handle_some();
  return has_asks || has_waits || has_messages || has_topics;
}

transport::ConnectionLimits Node::connection_limits() const {
  // Messages are bounded before they come to a connection: runtime/peers/send_credit.hpp.
  return {.frame_size_max = options_.frame_size_max, .send = {.bytes_max = SIZE_MAX, .frames_max = UINT32_MAX}};
}

protocol::Registration Node::registration() const {
  protocol::Registration registration;
  protocol::NodeInfo& node = registration.node;
  node.node_id = node_id_;
  if (!options_.alias.empty()) node.alias = options_.alias;
  node.host = options_.advertised_host.empty() ? options_.host : options_.advertised_host;
  node.port = port();
  node.caps.emplace().emplace_back(protocol::kSharingCap);
  node.caps->emplace_back(protocol::kAskCap);
  if (options_.memory_connections_max > 0) node.caps->emplace_back(protocol::kMemoryCap);
  node.caps->emplace_back(protocol::kPingCap);
  node.caps->emplace_back(protocol::kTopicsCap);
  if (options_.introspection) node.caps->emplace_back(protocol::kStatsCap);
  node.meta.assign(options_.meta.begin(), options_.meta.end());
  registration.ttl_ms = options_.ttl.count();
  return registration;
}

void Node::on_registered() {
  was_registered_ = true;
  if (!std::exchange(is_registered_, true) && state_ == State::running) {
    parts_.log.write(base::LogLevel::warn, "this node is registered again");
    delivery_.tell_registration({.is_registered = true});
  }
  tell_if_started();
}

void Node::on_registration_lost(const Error& why, const protocol::NodeInfo* holder) {
  note_registration_lost(why, holder);
}

/// Once a loss, which the PMD may report, or the end of the session with it.
void Node::note_registration_lost(const Error& why, const protocol::NodeInfo* holder) {
  if (!std::exchange(is_registered_, false) || is_closing()) return;
  add_owned(gauges_.registrations_lost, 1);
  if (state_ != State::running) return;
  parts_.log.write(base::LogLevel::warn, "this node is not registered any more (%s)%s%s; registering again",
                   base::ErrorText(why).c_str(), holder != nullptr ? "; the name is held by node " : "",
                   holder != nullptr ? holder->node_id.c_str() : "");
  RegistrationChange change{.is_registered = false, .why = why};
  if (holder != nullptr) {
    // Without memory the loss is reported without its holder.
    static_cast<void>(parts_.reactor.has_memory_for([&] { change.holder = to_known_node(*holder).info; }));
  }
  delivery_.tell_registration(change);
}

void Node::on_snapshot(std::vector<protocol::NodeInfo> nodes) {
  if (is_closing()) return;
  std::vector<KnownNode> known;
  known.reserve(nodes.size());
  for (const protocol::NodeInfo& node : nodes) known.push_back(to_known_node(node));
  using Absence = Directory::Absence;
  directory_.on_snapshot(known, was_disconnected_ ? Absence::suspect : Absence::leave);
  router_.on_snapshot();
  asks_.on_snapshot();
  add_owned(gauges_.pmd_connections, was_disconnected_ || read(gauges_.pmd_connections) == 0 ? 1 : 0);
  was_disconnected_ = false;  // all of it is taken: what throws before this is read again
  has_snapshot_ = true;
  tell_if_started();
}

void Node::on_join(const protocol::NodeInfo& node) {
  if (!is_closing()) directory_.upsert(to_known_node(node));
}

void Node::on_leave(const protocol::NodeInfo& node) {
  if (!is_closing()) directory_.remove(node.node_id);
}

void Node::on_disconnected(const Error& why) {
  was_disconnected_ = true;
  note_registration_lost(why, nullptr);
}

void Node::on_closed() {
  is_registry_closed_ = true;
  check_closed();
}

void Node::on_peer_join(const PeerInfo& peer) { delivery_.tell_join(peer); }
void Node::on_peer_leave(const base::PackedInfo& peer) {
  asks_.on_peer_left(peer.node_id());
  delivery_.tell_leave(peer);
}
void Node::on_binding(std::string_view name, Peer* peer) {
  on_name_bound(name);
  router_.on_binding(name, peer);
  if (peer == nullptr) return;
  static_cast<void>(parts_.reactor.has_memory_for([&] { asks_.on_binding(name); }));
  waits_.on_binding(name);
}

void Node::ask_registry(const std::string& name, std::function<void(Result<PeerInfo>)> on_answer) {
  parts_.registry.resolve(name, [this, on_answer = std::move(on_answer)](Result<protocol::NodeInfo> answer) {
    on_answer(answer ? Result<PeerInfo>(to_known_node(*answer).info) : Result<PeerInfo>(answer.error()));
  });
}

void Node::ask_for_target(const std::string& name) {
  parts_.registry.resolve(name, [this, name](Result<protocol::NodeInfo> answer) {
    if (is_closing()) return;
    if (answer) directory_.upsert(to_known_node(*answer));
    router_.on_answer(name, answer                                   ? Router::Answer::found
                            : answer.error() == Errc::node_not_found ? Router::Answer::not_found
                                                                     : Router::Answer::failed);
    if (!answer && answer.error() == Errc::node_not_found) asks_.on_unknown(name);
  });
}

void Node::begin_shutdown(base::Duration deadline) {
  if (is_closing() || state_ == State::idle) return;
  state_ = State::closing;
  parts_.log.write(base::LogLevel::debug, "node %s shuts down", node_id_.c_str());
  drops_.begin_shutdown();
  parts_.reactor.timers().cancel(listen_timer_);
  parts_.reactor.timers().cancel(start_timer_);
  parts_.reactor.arm_after(shutdown_timer_, deadline);
  asks_.begin_shutdown();  // sends what has been answered, while names can still be looked up
  if (is_registry_started_) parts_.registry.close();
  waits_.begin_shutdown();
  router_.discard();
  accepted_.close();
  directory_.begin_shutdown();
  groups_.clear();
  delivery_.request_stop();
  check_closed();
}

void Node::on_shutdown_deadline() {
  directory_.abort();
  accepted_.abort();
}

void Node::on_link_finished() { parts_.reactor.defer(reap_); }

void Node::on_reap() {
  directory_.reap();
  check_closed();
}

void Node::check_closed() {
  if (state_ == State::closing) parts_.reactor.defer(closed_);
}

void Node::deliver_closed() {
  if (!is_registry_closed_ || !accepted_.is_closed() || !directory_.is_finished()) return;
  state_ = State::closed;
  parts_.log.write(base::LogLevel::debug, "node %s has closed", node_id_.c_str());
  parts_.reactor.timers().cancel(shutdown_timer_);
  observer_.on_closed(shutdown_report());
}

ShutdownReport Node::shutdown_report() const {
  NodeStats stats;
  traffic_.add_up(stats);
  return {.is_complete = true,
          .is_unregistered = was_registered_ && !parts_.registry.is_registered(),
          .discarded_outgoing = stats.sent.dropped_shutdown,
          .discarded_incoming = stats.received.dropped_shutdown};
}

}  // namespace distflow::runtime
