#include "pmd/server/server.hpp"

#include <algorithm>
#include <cinttypes>
#include <limits>
#include <utility>

#include "base/room.hpp"

namespace distflow::pmd {

using base::Delegate;
using base::LogLevel;

namespace {

/// Small blocks, apart from what is received into: requests that never end must not keep others from being received.
constexpr base::ChunkPoolOptions kBlocks{.chunk_size = 4096, .chunk_count_max = 1024};

stream::ListenerOptions listener_options() {
  stream::ListenerOptions options;
  options.connection_count_max = std::numeric_limits<std::uint32_t>::max();  // the server's bound is for all listeners
  return options;
}

}  // namespace

struct Server::Entrance {
  explicit Entrance(Server& owner)
      : server(owner),
        listener(owner.reactor_, owner.setup_, listener_options(),
                 Delegate<void(stream::OpenStream&, const io::Address&)>::to<&Entrance::on_accept>(*this)) {}

  void on_accept(stream::OpenStream& stream, const io::Address& peer) { server.on_accept(stream, peer, listener); }

  Server& server;
  stream::Listener listener;
};

Server::Server(io::Reactor& reactor, stream::StreamSetup& setup, const base::Log& log, ServerOptions options,
               RegistryStore* store)
    : reactor_(reactor),
      setup_(setup),
      log_(log),
      options_(std::move(options)),
      blocks_(kBlocks),
      streams_(reactor),
      work_(reactor),
      handler_(reactor, log, options_, counters_, streams_, store, Delegate<void()>::to<&Server::begin_shutdown>(*this),
               Delegate<void()>::to<&Server::finish_if_done>(*this),
               Delegate<Session*(OwnerId)>::to<&Server::find_session>(*this)),
      idle_timer_(Delegate<void()>::to<&Server::on_idle>(*this)),
      shutdown_timer_(Delegate<void()>::to<&Server::on_shutdown_deadline>(*this)),
      peer_lines_(20, base::seconds(10)) {}

Server::~Server() { DF_ASSERT(state_ == State::unstarted || state_ == State::finished); }

Result<void> Server::start() {
  DF_ASSERT(state_ == State::unstarted);
  if (options_.listener) {
    if (Result<void> taken = take_over(*options_.listener); !taken) return taken;
  } else {
    const Result<io::Address> address = io::Address::parse(options_.host, options_.port);
    if (!address) return address.error();
    if (Result<void> listening = listen(*address); !listening) return listening;
  }
  state_ = State::serving;
  handler_.start();
  watch_for_idleness();
  // What listens may not be destroyed before a turn has closed it, as an exception would from here on: without memory
  // ::1 is left out, or what the log would say.
  static_cast<void>(reactor_.has_memory_for([this] { follow_address(); }));
  return {};
}

/// What comes of the address that the first listener has: another listener, or a warning.
void Server::follow_address() {
  const io::Address address = entrances_.front()->listener.address();
  if (address.host() == kDefaultHost) {
    if (Result<void> listening = listen(io::Address::ipv6_loopback(port())); !listening) {
      log_.write(LogLevel::debug, "not listening at ::1: %s", listening.error().message().c_str());
    }
  } else if (!address.is_loopback()) {
    log_.write(LogLevel::warn,
               "listening at %s, which other machines can reach: they can register nodes and read who is there, "
               "without any authentication",
               address.to_string().c_str());
  }
}

std::uint16_t Server::port() const { return entrances_.front()->listener.address().port; }

std::uint64_t Server::accept_pauses() const {
  std::uint64_t pauses = 0;
  for (const auto& entrance : entrances_) pauses += entrance->listener.counters().pauses;
  return pauses;
}

/// With room for it among the others: once it listens nothing may fail.
std::unique_ptr<Server::Entrance> Server::make_entrance() {
  base::make_room(entrances_, entrances_.size() + 1);
  return std::make_unique<Entrance>(*this);
}

Result<void> Server::listen(const io::Address& address) {
  std::unique_ptr<Entrance> entrance = make_entrance();
  if (Result<void> opened = entrance->listener.open(address); !opened) return opened;
  add(std::move(entrance));
  return {};
}

Result<void> Server::take_over(int descriptor) {
  std::unique_ptr<Entrance> entrance = make_entrance();
  if (Result<void> taken = entrance->listener.take_over(descriptor); !taken) return taken;
  add(std::move(entrance));
  return {};
}

void Server::add(std::unique_ptr<Entrance> entrance) {
  entrances_.push_back(std::move(entrance));
  ++entrances_open_;
}

void Server::on_accept(stream::OpenStream& stream, const io::Address& peer, stream::Listener& listener) {
  const SessionParts parts{reactor_, blocks_, options_, counters_, reply_backlog_, streams_, work_};
  SessionHost& host = *this;
  auto session = std::make_unique<Session>(parts, host, ++last_id_, listener, peer);
  const bool is_refused = sessions_.size() >= options_.connection_count_max || state_ != State::serving;
  Session& added = *session;
  sessions_.emplace(last_id_, std::move(session));  // may throw, and the stream is the caller's until it is opened
  added.open(std::move(stream));
  if (is_refused) {
    ++counters_.connections_refused;
    added.close({Errc::queue_full, "accepting one connection more"});
  } else {
    ++counters_.connections_accepted;
  }
  reactor_.timers().cancel(idle_timer_);
}

Session* Server::find_session(OwnerId id) {
  const auto found = sessions_.find(id);
  return found == sessions_.end() ? nullptr : found->second.get();
}

std::size_t Server::on_request(Session& session, std::string_view frame) { return handler_.on_request(session, frame); }

void Server::on_run_end(Session& session) { handler_.on_run_end(session); }

void Server::on_run_lost(Session&) { handler_.on_run_lost(); }

void Server::on_sent(Session& session) { handler_.on_sent(session); }

void Server::on_session_closed(Session& session, Error why) {
  if (why == Errc::frame_too_long) {
    ++counters_.frames_too_long;
    if (session.foreign_protocol() != nullptr) ++counters_.foreign_protocols;
  }
  static_cast<void>(reactor_.has_memory_for([&] { log_end(session, why); }));
  handler_.on_session_closed(session);
  session.listener().release_place();
  sessions_.erase(session.id());
  if (state_ == State::ending) finish_if_done();
  if (state_ == State::serving) watch_for_idleness();
}

void Server::log_end(const Session& session, Error why) {
  // That peers go, killed ones too, is nothing to worry about; why this side ended a connection may be.
  const bool peer_went = why == Errc::end_of_stream || why.code.category() == std::generic_category();
  const LogLevel level = peer_went || why == Errc::canceled ? LogLevel::debug : LogLevel::warn;
  if (!log_.is_enabled(level)) return;
  const std::optional<std::uint64_t> suppressed = peer_lines_.admit(reactor_.now());
  if (!suppressed) return;
  const std::string what =
      session.foreign_protocol() == nullptr ? why.message() : std::string("it sent ") + session.foreign_protocol();
  log_.write(level, "connection from %s closed: %s", session.peer().to_string().c_str(), what.c_str());
  if (*suppressed > 0) log_.write(level, "%" PRIu64 " such lines were left out before", *suppressed);
}

void Server::watch_for_idleness() {
  if (options_.idle_exit && sessions_.empty()) reactor_.arm_after(idle_timer_, *options_.idle_exit);
}

void Server::on_idle() {
  log_.write(LogLevel::info, "no connection for a while: ending");
  begin_shutdown();
}

void Server::begin_shutdown() {
  if (state_ != State::serving) return;
  state_ = State::ending;
  reactor_.timers().cancel(idle_timer_);
  reactor_.arm_after(shutdown_timer_, options_.shutdown_max);
  for (const auto& entrance : entrances_) {
    entrance->listener.close(Delegate<void()>::to<&Server::on_entrance_closed>(*this));
  }
  handler_.stop();
  for (const auto& [id, session] : sessions_) {
    handler_.announce_shutdown(*session);
    session->finish();
  }
}

void Server::on_shutdown_deadline() {
  if (!sessions_.empty()) {
    log_.write(LogLevel::warn, "%zu connections took too long to end: closing them now", sessions_.size());
  }
  for (const auto& [id, session] : sessions_) session->close({Errc::timed_out, "ending"});
  if (!handler_.has_stopped()) log_.write(LogLevel::warn, "the store of registrations takes too long to end");
}

void Server::on_entrance_closed() {
  --entrances_open_;
  finish_if_done();
}

void Server::finish_if_done() {
  if (entrances_open_ > 0 || !sessions_.empty() || !handler_.has_stopped()) return;
  reactor_.timers().cancel(shutdown_timer_);
  state_ = State::finished;
  if (on_finished_) on_finished_();
}

}  // namespace distflow::pmd
