#include "pmd/server/request_handler.hpp"

#include <algorithm>
#include <utility>

#include "io/root_user.hpp"
#include "protocol/pmd_reply.hpp"

namespace distflow::pmd {

using base::Delegate;
using protocol::RequestType;

namespace {

constexpr std::int64_t kVersion = 1;

/// What a request of another type takes, in look-ups. They have events, entries or connections to see to: a
/// registration takes three to four times as long. A long one takes as much as several.
constexpr std::size_t kWorkOfOthers = 4;
std::size_t work_of(RequestType type, std::size_t size) {
  const bool is_light = type == RequestType::resolve || type == RequestType::heartbeat;
  return (is_light ? 1 : kWorkOfOthers) + size / TurnWork::kBytesOfUnit;
}

/// Bytes of a node as JSON, above which its look-up is a large one. Only nodes with much metadata have as many.
constexpr std::size_t kLargeAnswer = 1024;

constexpr base::ChunkPoolOptions kOutChunks{.chunk_size = 64 * 1024, .chunk_count_max = 256};

}  // namespace

RequestHandler::RequestHandler(io::Reactor& reactor, const base::Log& log, const ServerOptions& options,
                               ServerCounters& counters, Streams& streams, RegistryStore* store,
                               Delegate<void()> on_shutdown, Delegate<void()> on_stopped,
                               Delegate<Session*(OwnerId)> find_session)
    : log_(log),
      options_(options),
      counters_(counters),
      on_shutdown_(on_shutdown),
      started_at_(reactor.wall_ms()),
      reactor_(reactor),
      chunks_(kOutChunks),
      replies_(chunks_, counters),
      announcer_(reactor, chunks_, options, counters),
      streams_(streams),
      registrar_({reactor, options, counters, replies_, announcer_, store, on_stopped}),
      registry_(registrar_.registry()),
      stats_out_(chunks_),
      stats_({.reactor = reactor,
              .options = options,
              .counters = counters,
              .replies = replies_,
              .out = stats_out_,
              .registry = registry_,
              .find_session = find_session}) {}

std::size_t RequestHandler::on_request(Session& session, std::string_view frame) {
  Result<protocol::Request> request = protocol::parse_request(frame);
  if (!request || request->type != RequestType::resolve) answer_look_ups(session);
  if (!request) {
    on_malformed(session);
    return work_of(RequestType::unknown, frame.size());
  }
  const std::size_t work = work_of(request->type, frame.size());
  handle(session, *request);
  return work;
}

void RequestHandler::handle(Session& session, protocol::Request& request) {
  if (request.type != RequestType::stats_answer) ++counters_.requests;
  switch (request.type) {
    case RequestType::register_node:
      note_owner(session, request.registration.node);
      return on_register(session, request);
    case RequestType::unregister: return registrar_.unregister(session, request.name, request.raw_request_id);
    case RequestType::resolve: return on_resolve(session, request);
    case RequestType::list: return on_list(session, request);
    case RequestType::heartbeat: return registrar_.heartbeat(session, request.name, request.raw_request_id);
    case RequestType::watch: return on_watch(session, request);
    case RequestType::shutdown: return on_shutdown(session, request);
    case RequestType::stats: return stats_.ask(session, request);
    case RequestType::stats_answer: return stats_.on_answer(session, request);
    case RequestType::hello: return on_hello(session, request);
    case RequestType::regroup: return on_regroup(session, request);
    case RequestType::web: return on_web(session, request);
    case RequestType::unknown:
      return replies_.reply(session, protocol::error_response(request.raw_request_id, protocol::kUnknownMessageType));
  }
}

void RequestHandler::on_run_end(Session& session) { answer_look_ups(session); }

void RequestHandler::on_session_closed(Session& session) {
  stats_.on_session_closed(session);
  registrar_.on_session_closed(session);
}

void RequestHandler::stop() {
  announcer_.stop();
  registrar_.stop();
}

void RequestHandler::on_malformed(Session& session) {
  ++counters_.malformed;
  replies_.reply(session, protocol::error_response({}, protocol::kInvalidJson));
  if (++session.malformed_count < options_.malformed_max) return;
  ++counters_.malformed_closed;
  session.finish();
}

/// A TypeScript node's entry stays as TypeScript clients know it: it has no caps, and nobody shares anything with it.
void RequestHandler::note_owner(Session& session, protocol::NodeInfo& node) {
  if (node.caps && session.owner().is_known()) node.uid = session.owner().uid();
}

void RequestHandler::on_register(Session& session, protocol::Request& request) {
  if (!request.refusal.empty()) {
    ++counters_.registrations_invalid;
    return replies_.reply(session, protocol::error_response(request.raw_request_id, request.refusal));
  }
  Registry::Change change = Registry::change_of(session.id(), std::move(request.registration), reactor_.wall_ms());
  if (change.text.json().size() > protocol::kNodeJsonSizeMax) {
    ++counters_.registrations_invalid;
    return replies_.reply(
        session, protocol::error_response(request.raw_request_id,
                                          "Invalid registration: the node is longer than 40960 bytes as JSON"));
  }
  if (session.owner().is_known()) change.user = session.owner().uid();
  registrar_.claim(session, std::move(change), request.raw_request_id);
}

void RequestHandler::on_regroup(Session& session, const protocol::Request& request) {
  if (!request.refusal.empty()) {
    ++counters_.regroups_invalid;
    return replies_.reply(session, protocol::error_response(request.raw_request_id, request.refusal));
  }
  registrar_.regroup(session, request.name, request.groups, request.raw_request_id);
}

void RequestHandler::on_resolve(Session& session, protocol::Request& request) {
  resolve_batch_.add(registry_, request.raw_request_id, std::move(request.name));
  if (resolve_batch_.size() >= session.look_ups_together) answer_look_ups(session);
}

/// What a look-up takes is known when it is answered. So a connection begins with one at a time, and goes on with one
/// after a large answer: a run is to take what it may, and not many times as much.
void RequestHandler::answer_look_ups(Session& session) {
  if (resolve_batch_.size() == 0) return;
  std::size_t largest = 0;
  resolve_batch_.answer(registry_, [&](std::string_view raw_request_id, const Registry::Entry* entry) {
    if (entry != nullptr) largest = std::max(largest, entry->text.json().size());
    replies_.reply(session, entry == nullptr ? protocol::error_response(raw_request_id, protocol::kNodeNotFound)
                                             : protocol::node_response(raw_request_id, entry->text.json()));
  });
  session.look_ups_together =
      largest > kLargeAnswer ? 1 : std::min(2 * session.look_ups_together, ResolveBatch::kCountMax);
}

void RequestHandler::on_list(Session& session, const protocol::Request& request) {
  reply_nodes(session, protocol::list_response_head(request.raw_request_id));
}

void RequestHandler::reply_nodes(Session& session, std::string_view head) {
  // Each answer that is unread holds the pages as they were. Who has been about it longest makes room.
  while (!streams_.empty() && registry_.outdated_bytes() > options_.reply_backlog_total) {
    ++counters_.slow_readers;
    streams_.oldest().close({Errc::queue_full, "answering a peer that does not read"});
  }
  session.reply_nodes(head, registry_.snapshot());
}

void RequestHandler::on_watch(Session& session, const protocol::Request& request) {
  reply_nodes(session, protocol::watch_response_head(request.raw_request_id, registry_.revision()));
  announcer_.watch(session);
}

void RequestHandler::on_shutdown(Session& session, const protocol::Request& request) {
  if (!session.peer().is_loopback()) {
    ++counters_.shutdowns_refused;
    return replies_.reply(session,
                          protocol::error_response(request.raw_request_id, "Shutdown is allowed over loopback only"));
  }
  if (const std::size_t count = registry_.local_size(); count > 0 && request.force == protocol::Force::no) {
    ++counters_.shutdowns_refused;
    return replies_.reply(session, protocol::error_response(request.raw_request_id, protocol::nodes_registered(count)));
  }
  log_.write(base::LogLevel::info, "told to end by %s", session.peer().to_string().c_str());
  replies_.reply(session, protocol::success_response(request.raw_request_id));
  on_shutdown_();
}

/// By what the system reports of the connection; nothing that the peer says counts.
bool RequestHandler::may_open_page(Session& session) const {
  if (!session.peer().is_loopback()) return false;
  const io::PeerOwner& owner = session.owner();
  return owner.is_user(io::kRootUser) || (options_.user && owner.is_user(*options_.user));
}

void RequestHandler::on_web(Session& session, const protocol::Request& request) {
  const auto refuse = [&](std::string_view why) {
    ++counters_.webs_refused;
    replies_.reply(session, protocol::error_response(request.raw_request_id, why));
  };
  if (!may_open_page(session)) return refuse(protocol::kWebDenied);
  if (request.web_port == 0) return refuse(protocol::kWebInvalid);
  if (!open_page_) return refuse(protocol::kWebUnsupported);
  const Result<std::uint16_t> port = open_page_(request.web_port);
  if (port) return replies_.reply(session, protocol::web_response(request.raw_request_id, *port));
  if (port.error() == Errc::unsupported) return refuse(protocol::kWebUnsupported);
  const bool is_in_use = port.error().code == std::errc::address_in_use;
  refuse("Port " + std::to_string(request.web_port) +
         (is_in_use ? " is in use" : " is not to be had: " + port.error().message()));
}

void RequestHandler::on_hello(Session& session, const protocol::Request& request) {
  const protocol::Caps& caps = request.hello.caps;
  const bool knows_groups = std::find(caps.begin(), caps.end(), protocol::kGroupsCap) != caps.end();
  session.watcher_kind = knows_groups ? WatcherKind::grouped : WatcherKind::numbered;
  replies_.reply(session, introduced(request));
}

std::string RequestHandler::introduced(const protocol::Request& request) const {
  return protocol::hello_response(request.raw_request_id,
                                  {.version = kVersion,
                                   .caps = {std::string(protocol::kShutdownCap), std::string(protocol::kPrincipalsCap),
                                            std::string(protocol::kStatsCap), std::string(protocol::kGroupsCap)},
                                   .pid = options_.process_id,
                                   .start_time_ms = started_at_,
                                   .release = options_.release});
}

}  // namespace distflow::pmd
