#include "runtime/inbound.hpp"

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstring>
#include <utility>

#include "protocol/envelope.hpp"

namespace distflow::runtime {
namespace {

constexpr std::size_t kRunMax = 64;

/// Copies a message whose ids had to be unescaped, so that all its parts lie in one chunk; null without memory.
base::Chunk* copy_whole(const protocol::Envelope& envelope, Mail& mail) {
  const std::size_t size = envelope.from.size() + envelope.to.size() + envelope.payload.size();
  base::Chunk* chunk = base::Chunk::allocate(size);
  if (chunk == nullptr) return nullptr;
  char* out = chunk->data();
  const auto place = [&out](std::string_view text) {
    if (!text.empty()) std::memcpy(out, text.data(), text.size());
    return std::exchange(out, out + text.size());
  };
  mail.from = place(envelope.from);
  mail.to = place(envelope.to);
  mail.payload = place(envelope.payload);
  return chunk;
}

/// Ids are 16 bytes, nearly always: those are compared without a call.
bool is_same_id(std::string_view a, std::string_view b) {
  constexpr std::size_t k_usual_size = 16;
  if (a.size() != b.size()) return false;
  if (a.size() == k_usual_size) [[likely]]
    return std::memcmp(a.data(), b.data(), k_usual_size) == 0;
  return a == b;
}

transport::ListenerOptions listener_options(std::uint32_t connections_max) {
  transport::ListenerOptions options;
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
        connection_(inbound.parts_.reactor, inbound.parts_.blocks, *this, inbound.parts_.limits) {}

  ~Session() {
    for (const Mail& mail : refused_) {
      add(mail.sender->received, 1);
      add(mail.sender->dropped_shutdown, 1);
      mail.chunk->release();
    }
    inbound_.incomplete_bytes_ -= charged_;
  }

  void open(io::Handle stream) { connection_.open(stream); }
  void close() { connection_.close(); }

  /// Offers what was refused once more; reads on if all of it is taken.
  void retry() {
    const std::size_t taken = inbound_.parts_.delivery.deliver(refused_);
    for (const Mail& mail : std::span(refused_).first(taken)) mail.chunk->release();
    refused_.erase(refused_.begin(), refused_.begin() + static_cast<std::ptrdiff_t>(taken));
    if (refused_.empty()) {
      connection_.resume();
    } else {
      inbound_.blocked_.push_back(this);
    }
  }

  std::size_t place_;

 private:
  void on_frames(transport::Connection& connection) override {
    std::array<Mail, kRunMax> run;  // filled up to `count`
    std::size_t count = 0;
    framing::Frame frame;
    while (connection.next_frame(frame)) {
      if (!read(frame, run[count])) continue;
      if (++count == run.size()) {
        deliver(run);
        count = 0;
      }
    }
    deliver(std::span(run).first(count));
    copies_.clear();
    charge();
  }

  /// Keeps account of what the run before has left incomplete.
  void charge() {
    const std::size_t charged = connection_.decoder().charged_size();
    inbound_.incomplete_bytes_ += charged - charged_;
    charged_ = charged;
    if (inbound_.incomplete_bytes_ <= inbound_.parts_.incomplete_bytes_max || charged == 0) return;
    add_owned(inbound_.counters_.overflowed, 1);
    connection_.close({Errc::out_of_memory, "receiving incomplete messages"});
  }

  void on_closed(transport::Connection&, Error why) override { inbound_.on_session_closed(*this, why); }

  /// Makes a message of a frame; false when it is none for this node.
  bool read(const framing::Frame& frame, Mail& mail) {
    protocol::Envelope envelope;
    if (!protocol::decode(frame.body, envelope, scratch_)) {
      note_malformed();
      return false;
    }
    if (!is_same_id(envelope.to, inbound_.parts_.node_id)) {
      add_owned(inbound_.counters_.misrouted, 1);
      return false;
    }
    mail.chunk = frame.chunk;
    mail.from = envelope.from.data();
    mail.to = envelope.to.data();
    mail.payload = envelope.payload.data();
    mail.timestamp = envelope.timestamp;
    mail.sender = &sender(envelope.from).in;
    mail.payload_size = static_cast<std::uint32_t>(envelope.payload.size());
    mail.text_size = static_cast<std::uint32_t>(envelope.from.size() + envelope.to.size() + envelope.payload.size());
    mail.from_size = static_cast<std::uint16_t>(envelope.from.size());
    mail.to_size = static_cast<std::uint16_t>(envelope.to.size());
    mail.has_payload = envelope.has_payload;
    const bool lies_in_frame = lies_in(frame.body, envelope.from) && lies_in(frame.body, envelope.to);
    return lies_in_frame || keep_whole(envelope, mail);
  }

  static bool lies_in(std::string_view whole, std::string_view part) {
    return std::greater_equal<>{}(part.data(), whole.data()) &&
           std::less_equal<>{}(part.data(), whole.data() + whole.size());
  }

  bool keep_whole(const protocol::Envelope& envelope, Mail& mail) {
    base::Chunk* chunk = copy_whole(envelope, mail);
    if (chunk == nullptr) {
      note_malformed();
      return false;
    }
    mail.chunk = chunk;
    copies_.push_back(base::ChunkRef::adopt(chunk));
    return true;
  }

  /// The counters of a sender. One connection carries one sender's messages, nearly always.
  Traffic& sender(std::string_view from) {
    if (sender_ == nullptr || !is_same_id(sender_id_, from)) {
      sender_ = &inbound_.parts_.traffic.of(from);
      sender_id_ = from;
    }
    return *sender_;
  }

  void deliver(std::span<const Mail> run) {
    if (run.empty()) return;
    std::size_t taken = refused_.empty() ? inbound_.parts_.delivery.deliver(run) : 0;
    if (taken == run.size()) return;
    if (refused_.empty()) {
      inbound_.blocked_.push_back(this);
      connection_.pause();
    }
    for (const Mail& mail : run.subspan(taken)) {
      mail.chunk->retain();
      refused_.push_back(mail);
    }
  }

  void note_malformed() {
    add_owned(inbound_.counters_.malformed, 1);
    if (++malformed_ == 1) inbound_.warn("a frame that is no message came", {Errc::malformed, "reading a message"});
    if (malformed_ == kMalformedMax) connection_.close({Errc::malformed, "reading messages"});
  }

  Inbound& inbound_;
  Traffic* sender_ = nullptr;
  std::string sender_id_;
  std::uint32_t malformed_ = 0;
  std::size_t charged_ = 0;
  protocol::EnvelopeScratch scratch_;
  std::vector<Mail> refused_;           // by a blocking mailbox; one lease each
  std::vector<base::ChunkRef> copies_;  // of messages in the run that is being read
  transport::Connection connection_;
};

Inbound::Inbound(InboundParts parts)
    : parts_(std::move(parts)),
      listener_(parts_.reactor, listener_options(parts_.connections_max),
                base::Delegate<void(io::Handle, const io::Address&)>::to<&Inbound::on_accept>(*this)),
      log_limit_(5, base::seconds(10)) {}

Inbound::~Inbound() { DF_ASSERT(is_closed()); }

Result<void> Inbound::open(const io::Address& address) { return listener_.open(address); }

void Inbound::on_accept(io::Handle stream, const io::Address&) {
  sessions_.push_back(std::make_unique<Session>(*this, sessions_.size()));
  ++session_count_;
  sessions_.back()->open(stream);
}

void Inbound::on_session_closed(Session& session, const Error& why) {
  if (why == Errc::frame_too_long) {
    add_owned(counters_.frames_too_long, 1);
    warn("a connection was closed", why);
  }
  std::erase(blocked_, &session);
  listener_.release_place();
  --session_count_;
  const std::size_t place = session.place_;
  std::swap(sessions_[place], sessions_.back());
  sessions_[place]->place_ = place;
  sessions_.pop_back();
  tell_if_closed();
}

void Inbound::tell_if_closed() {
  if (is_closing_ && is_closed()) parts_.on_closed();
}

void Inbound::on_room() {
  for (Session* session : std::exchange(blocked_, {})) session->retry();
}

void Inbound::close() {
  if (std::exchange(is_closing_, true)) return;
  if (listener_.is_open()) listener_.close(base::Delegate<void()>::to<&Inbound::tell_if_closed>(*this));
  for (const auto& session : sessions_) session->close();
}

void Inbound::warn(const char* text, const Error& why) {
  if (const auto more = log_limit_.admit(parts_.reactor.now())) {
    parts_.log.write(base::LogLevel::warn, "%s (%s); %" PRIu64 " more were not logged", text, why.message().c_str(),
                     *more);
  }
}

}  // namespace distflow::runtime
