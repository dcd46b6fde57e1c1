#include "runtime/inbound.hpp"

#include <utility>

#include "base/error_text.hpp"
#include "runtime/carrier.hpp"

namespace distflow::runtime {
namespace {

stream::ListenerOptions listener_options(std::uint32_t connections_max) {
  stream::ListenerOptions options;
  options.connection_count_max = connections_max;
  return options;
}

}  // namespace

/// One connection from another node.
class Inbound::Session final : private transport::ConnectionObserver {
 public:
  Session(Inbound& inbound, std::size_t place)
      : place_(place),
        inbound_(inbound),
        connection_(inbound.parts_.intake.reactor, inbound.parts_.blocks, *this, inbound.parts_.limits),
        carrier_(connection_),
        intake_(inbound.parts_.intake, connection_, &carrier_) {}

  void open(stream::OpenStream stream) { connection_.open(std::move(stream)); }
  /// What a link has queued here leaves first.
  void finish() { carrier_.was_lent() ? connection_.finish() : connection_.close(); }
  void close() { connection_.close(); }
  static void destroy_later(std::unique_ptr<Session> session) {
    transport::Connection& connection = session->connection_;
    connection.destroy_later(std::move(session));
  }

  [[nodiscard]] const std::string& last_sender() const { return intake_.last_sender(); }

  std::size_t place_;

 private:
  void on_frames(transport::Connection&) override { intake_.on_frames(); }
  void on_sent(transport::Connection&, std::uint32_t sent, std::uint32_t dropped) override {
    carrier_.note_sent(sent, dropped);
  }
  void on_closed(transport::Connection&, Error why) override {
    carrier_.note_gone();
    inbound_.on_session_closed(*this, why);
  }

  Inbound& inbound_;
  transport::Connection connection_;
  Carrier carrier_;
  Intake intake_;
};

Inbound::Inbound(InboundParts parts)
    : parts_(parts),
      listener_(parts.intake.reactor, listener_options(parts.connections_max),
                base::Delegate<void(stream::OpenStream&, const io::Address&)>::to<&Inbound::on_accept>(*this)) {}

Inbound::~Inbound() { DF_ASSERT(is_closed()); }

Result<void> Inbound::open(const io::Address& address) { return listener_.open(address); }

void Inbound::on_accept(stream::OpenStream& stream, const io::Address& peer) {
  // All that may throw comes first: the stream is the caller's until it is opened.
  if (parts_.intake.log.is_enabled(base::LogLevel::debug)) {
    parts_.intake.log.write(base::LogLevel::debug, "a connection from %s is open", peer.to_string().c_str());
  }
  sessions_.push_back(std::make_unique<Session>(*this, sessions_.size()));
  ++session_count_;
  sessions_.back()->open(std::move(stream));
}

void Inbound::on_session_closed(Session& session, const Error& why) {
  if (why == Errc::frame_too_long) {
    add_owned(counters_.frames_too_long, 1);
    parts_.intake.warn("a connection was closed", why);
  } else if (parts_.intake.log.is_enabled(base::LogLevel::debug)) {
    const std::string& sender = session.last_sender();
    parts_.intake.log.write(base::LogLevel::debug, "a connection from %s is closed: %s",
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

void Inbound::tell_if_closed() {
  if (is_closing_ && is_closed()) parts_.on_closed();
}

void Inbound::close() {
  if (std::exchange(is_closing_, true)) return;
  if (listener_.is_open()) listener_.close(base::Delegate<void()>::to<&Inbound::tell_if_closed>(*this));
  for (const auto& session : sessions_) session->finish();
}

void Inbound::abort() {
  for (const auto& session : sessions_) session->close();
}

}  // namespace distflow::runtime
