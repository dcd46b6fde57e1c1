#include "runtime/peers/accepted_connections.hpp"

#include <utility>

#include "base/error_text.hpp"
#include "runtime/peers/accepted_session.hpp"

namespace distflow::runtime {
namespace {

stream::ListenerOptions listener_options(std::uint32_t connections_max) {
  stream::ListenerOptions options;
  options.connection_count_max = connections_max;
  return options;
}

}  // namespace

AcceptedConnections::AcceptedConnections(AcceptedConnectionsParts parts)
    : parts_(parts),
      listener_(
          parts.reader_parts.reactor, parts.stream_setup, listener_options(parts.connections_max),
          base::Delegate<void(stream::OpenStream&, const io::Address&)>::to<&AcceptedConnections::on_accept>(*this)) {}

AcceptedConnections::~AcceptedConnections() { DF_ASSERT(is_closed()); }

Result<void> AcceptedConnections::open(const io::Address& address) { return listener_.open(address); }

void AcceptedConnections::on_accept(stream::OpenStream& stream, const io::Address& peer) {
  // All that may throw comes first: the stream is the caller's until it is opened.
  if (parts_.reader_parts.log.is_enabled(base::LogLevel::debug)) {
    parts_.reader_parts.log.write(base::LogLevel::debug, "a connection from %s is open", peer.to_string().c_str());
  }
  sessions_.push_back(std::make_unique<Session>(*this, sessions_.size()));
  ++session_count_;
  sessions_.back()->open(std::move(stream));
}

void AcceptedConnections::on_session_closed(Session& session, const Error& why) {
  if (why == Errc::frame_too_long) {
    add_owned(counters_.frames_too_long, 1);
    parts_.reader_parts.warn("a connection was closed", why);
  } else if (parts_.reader_parts.log.is_enabled(base::LogLevel::debug)) {
    const std::string& sender = session.last_sender();
    parts_.reader_parts.log.write(base::LogLevel::debug, "a connection from %s is closed: %s",
                                  sender.empty() ? "nobody known" : sender.c_str(), base::ErrorText(why).c_str());
  }
  listener_.release_place();
  --session_count_;
  const std::size_t place = session.place_;
  std::swap(sessions_[place], sessions_.back());
  sessions_[place]->place_ = place;
  std::unique_ptr<Session> ended = std::move(sessions_.back());
  sessions_.pop_back();
  Session::destroy_later(std::move(ended));
  tell_if_closed();
}

void AcceptedConnections::tell_if_closed() {
  if (is_closing_ && is_closed()) parts_.on_closed();
}

void AcceptedConnections::close() {
  if (std::exchange(is_closing_, true)) return;
  if (listener_.is_open()) listener_.close(base::Delegate<void()>::to<&AcceptedConnections::tell_if_closed>(*this));
  for (const auto& session : sessions_) session->finish();
}

void AcceptedConnections::abort() {
  for (const auto& session : sessions_) session->close();
}

}  // namespace distflow::runtime
