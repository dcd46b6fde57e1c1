#include "runtime/receive/message_reader.hpp"

#include <array>
#include <chrono>
#include <cinttypes>
#include <cstring>
#include <functional>
#include <utility>

#include "base/error_text.hpp"
#include "base/room.hpp"
#include "protocol/pmd_node.hpp"
#include "protocol/same_id.hpp"

namespace distflow::runtime {
namespace {

using protocol::is_same_id;

/// Copies the text of `original`, which may be `copy` itself, to `out`; returns the end of the copy.
char* copy_text(const Mail& original, Mail& copy, char* out) {
  const auto place = [&out](const char* text, std::size_t size) {
    if (size > 0) std::memcpy(out, text, size);
    return std::exchange(out, out + size);
  };
  copy.from = place(original.from, original.from_size);
  copy.payload = place(original.payload, original.payload_size);
  copy.extension = place(original.extension, original.extension_size);
  return out;
}

bool is_in_scarce_chunk(const Mail& mail) {
  const base::ChunkPool* const home = mail.chunk->home();
  return home != nullptr && home->is_under_pressure();
}

bool begins_in(std::string_view whole, std::string_view part) {
  return std::greater_equal<>{}(part.data(), whole.data()) &&
         std::less_equal<>{}(part.data(), whole.data() + whole.size());
}

/// Whether a message without an extension that took the general path lies in its frame, and needs no copy.
bool lies_in_frame(std::string_view frame, const protocol::Envelope& envelope) {
  return begins_in(frame, envelope.from);
}

}  // namespace

void ReaderParts::on_room() {
  const std::size_t count = blocked.size();
  std::size_t kept = 0;
  for (std::size_t i = 0; i < count; ++i) {
    MessageReader* const reader = blocked[i];
    if (!reader->retry()) blocked[kept++] = reader;
  }
  blocked.erase(blocked.begin() + static_cast<std::ptrdiff_t>(kept),
                blocked.begin() + static_cast<std::ptrdiff_t>(count));
}

void ReaderParts::warn(const char* text, const Error& why) {
  if (const auto more = log_limit.admit(reactor.now())) {
    log.write(base::LogLevel::warn, "%s (%s); %" PRIu64 " more were not logged", text, base::ErrorText(why).c_str(),
              *more);
  }
}

MessageReader::~MessageReader() {
  for (const Mail& mail : refused_) {
    add(mail.sender->received, 1);
    add(mail.sender->dropped_shutdown, 1);
    mail.sender->tell_drop(&PeerCounters::dropped_shutdown, 1);
    forget_refused(mail);
  }
  std::erase(shared_.blocked, this);
  shared_.copies.clear();  // of a run that ended without memory; no run is read now
  shared_.incomplete_bytes -= charged_;
}

/// The counters of a sender. Nearly all connections carry the messages of one sender.
inline Traffic& MessageReader::sender(std::string_view from) {
  if (sender_ == nullptr || !is_same_id(sender_id_, from)) {
    sender_ = &shared_.traffic.of(from);
    sender_id_ = from;
  }
  return *sender_;
}

/// All of a message but its extension.
[[gnu::always_inline]] inline void MessageReader::take_message(const framing::Frame& frame,
                                                               const protocol::Envelope& envelope, Mail& mail) {
  mail.chunk = frame.chunk;
  mail.from = envelope.from.data();
  mail.payload = envelope.payload.data();
  mail.timestamp = envelope.timestamp;
  mail.sender = &sender(envelope.from).in;
  mail.payload_size = static_cast<std::uint32_t>(envelope.payload.size());
  mail.text_size = static_cast<std::uint32_t>(envelope.from.size() + envelope.payload.size());
  mail.from_size = static_cast<std::uint16_t>(envelope.from.size());
  mail.extension_size = 0;
  mail.came_at = shared_.now_us;
}

/// What is not addressed to this node's nodeId: a message of a topic, or misrouted.
void MessageReader::read_for_others(const framing::Frame& frame, const protocol::Envelope& envelope) {
  if (!envelope.to.starts_with(protocol::kTopicPrefix)) return note_misrouted(envelope);
  if (shared_.topics == nullptr || !shared_.topics->accept(envelope.to)) return note_unsubscribed(envelope);
  Mail mail;
  take_message(frame, envelope, mail);
  const bool lies_whole =
      begins_in(frame.body, envelope.from) && (!envelope.has_payload() || begins_in(frame.body, envelope.payload));
  if (lies_whole || keep_whole(mail)) shared_.topics->take(mail);
}

/// Makes a message of a frame; false if it is no message for this node. Of what is handed on apart from messages it
/// sets `ask`.
inline bool MessageReader::read(const framing::Frame& frame, Mail& mail, protocol::AskMembers& ask) {
  protocol::Envelope envelope;
  const bool is_canonical = protocol::decode_template(frame.body, envelope);
  if (!is_canonical && !read_off_template(frame.body, envelope)) return false;
  if (!is_same_id(envelope.to, shared_.node_id)) {
    read_for_others(frame, envelope);
    return false;
  }
  if (!envelope.has_payload() && take_control_frame(frame, envelope)) return false;
  take_message(frame, envelope, mail);
  if (!envelope.extension.empty()) [[unlikely]]
    return read_extended(frame, envelope, mail, ask);
  return is_canonical || lies_in_frame(frame.body, envelope) || keep_whole(mail);
}

/// Reads the extension. False if it makes the frame a request, a reply, a cancel or an error: those are handed on apart
/// from messages.
[[gnu::noinline]] bool MessageReader::read_extended(const framing::Frame& frame, const protocol::Envelope& envelope,
                                                    Mail& mail, protocol::AskMembers& ask) {
  const std::string_view extension = envelope.extension.text();
  mail.extension = extension.data();
  mail.extension_size = static_cast<std::uint16_t>(extension.size());
  mail.text_size += static_cast<std::uint32_t>(extension.size());
  if (!begins_in(frame.body, extension) || !begins_in(frame.body, envelope.from)) {
    if (!keep_whole(mail)) return false;
  }
  if (shared_.asks == nullptr) return true;
  ask = protocol::read_ask_members(envelope.extension, envelope.has_payload());
  return ask.kind == protocol::AskMembers::Kind::none;
}

/// Hands on a request, a reply, a cancel or an error.
void MessageReader::tell_ask(Mail& mail, const protocol::AskMembers& members) {
  using Kind = protocol::AskMembers::Kind;
  // The sender counts what it says of a request as a message.
  if (members.kind != Kind::request) add_owned(mail.sender->replies, 1);
  switch (members.kind) {
    case Kind::request: return tell_request(mail, members);
    case Kind::cancel: return shared_.asks->on_cancel();
    default:
      return shared_.asks->on_reply({.mail = mail,
                                     .members = members,
                                     .connection = connection_,
                                     .carrier = carrier(),
                                     .opened_to = opened_to()});
  }
}

/// Whether a message came on a connection of the node that it says it is from: one that this node has opened to it, or
/// one that it has opened and is believed to have.
bool MessageReader::is_connection_of(const Mail& mail) const {
  if (is_opened_here_) return is_same_id(*opened_to_, mail.from_text());
  return carrier_ != nullptr && shared_.asks->is_opener(*carrier_, mail.from_text());
}

void MessageReader::tell_request(Mail& mail, const protocol::AskMembers& members) {
  mail.came_at = RequestOrigin::word_of(LatencyMeter::stamp_ms(shared_.reactor.now()), is_connection_of(mail));
  if (refused_.empty()) {
    if (shared_.delivery.deliver_request(mail, members)) return;
    shared_.blocked.push_back(this);
    connection_.pause();
  }
  refuse({&mail, 1});
}

/// False when the frame is no envelope.
bool MessageReader::read_off_template(std::string_view frame, protocol::Envelope& envelope) {
  if (!protocol::decode_general(frame, envelope, shared_.scratch)) {
    note_malformed();
    return false;
  }
  if (shared_.scratch.has_lost_extension) add_owned(shared_.counters.extensions_too_long, 1);
  return true;
}

/// Copies a message that lies partly in the scratch, so that all its parts lie in one chunk.
bool MessageReader::keep_whole(Mail& mail) {
  base::Chunk* chunk = base::Chunk::allocate(mail.text_size);
  if (chunk == nullptr) {
    note_malformed();
    return false;
  }
  copy_text(mail, mail, chunk->data());
  mail.chunk = chunk;
  shared_.copies.push_back(base::ChunkRef::adopt(chunk));
  return true;
}

/// A message without a payload may be a control frame.
bool MessageReader::take_control_frame(const framing::Frame& frame, const protocol::Envelope& envelope) {
  auto notice = protocol::read_control_frame(frame.body);
  if (!notice) return false;
  // Only the first frame of a connection may ask to use it for both directions.
  using Kind = protocol::ControlFrame::Kind;
  if (notice->kind == Kind::both && has_had_message()) return true;
  // Here, as it may have to wait behind messages that the mailbox refuses, and end with this reader.
  if (notice->kind == Kind::mapped || notice->kind == Kind::unmapped) connection_.note_answered();
  notice_ = std::make_unique<Notice>(Notice{.from = std::string(envelope.from), .what = *std::move(notice)});
  return true;
}

void MessageReader::tell_control_frame() {
  const std::unique_ptr<Notice> notice = std::move(notice_);
  shared_.observer.on_control_frame(notice->from, notice->what, connection_, carrier());
}

inline void MessageReader::deliver(std::span<const Mail> run) {
  if (run.empty()) return;
  const std::size_t taken = refused_.empty() ? shared_.delivery.deliver(run) : 0;
  if (taken == run.size()) return;
  if (refused_.empty()) {
    shared_.blocked.push_back(this);
    connection_.pause();
  }
  refuse(run.subspan(taken));
}

/// Keeps the messages that the mailbox did not take.
void MessageReader::refuse(std::span<const Mail> run) {
  base::make_room(refused_, refused_.size() + run.size());
  if (is_in_scarce_chunk(run.front()) && refuse_copies(run)) return;
  for (const Mail& mail : run) {
    if (mail.chunk->home() == nullptr) shared_.refused_bytes += mail.text_size;
    mail.chunk->retain();
    refused_.push_back(mail);
  }
}

/// Keeps copies, all in one chunk; false if they would be too many, or without memory.
bool MessageReader::refuse_copies(std::span<const Mail> run) {
  std::size_t size = 0;
  for (const Mail& mail : run) size += mail.text_size;
  if (shared_.refused_bytes + size > shared_.incomplete_bytes_max) return false;
  const auto chunk = base::ChunkRef::adopt(base::Chunk::allocate(size));
  if (!chunk) return false;
  shared_.refused_bytes += size;
  char* out = chunk->data();
  for (const Mail& mail : run) {
    Mail& copy = refused_.emplace_back(mail);
    out = copy_text(mail, copy, out);
    copy.chunk = chunk.get();
    copy.chunk->retain();
  }
  return true;
}

void MessageReader::forget_refused(const Mail& mail) {
  if (mail.chunk->home() == nullptr) shared_.refused_bytes -= mail.text_size;
  mail.chunk->release();
}

void MessageReader::on_frames() {
  std::array<Mail, kRunMax> run;  // filled up to `count`
  std::size_t count = 0;
  framing::Frame frame;
  shared_.now_us = LatencyMeter::stamp_us(shared_.reactor.now());
  protocol::AskMembers ask;  // of the frame at hand, which `run[count]` is then
  while (connection_.next_frame(frame)) {
    if (read(frame, run[count], ask)) {
      if (++count < run.size()) continue;
    } else if (notice_ == nullptr && ask.kind == protocol::AskMembers::Kind::none) [[likely]] {
      continue;
    }
    deliver(std::span(run).first(count));
    if (ask.kind != protocol::AskMembers::Kind::none) {
      tell_ask(run[std::exchange(count, 0)], ask);
      ask.kind = protocol::AskMembers::Kind::none;
      continue;
    }
    count = 0;
    if (notice_ != nullptr && refused_.empty()) {
      tell_control_frame();
    }
  }
  deliver(std::span(run).first(count));
  shared_.copies.clear();
  charge();
}

/// Offers the refused messages again; if all are taken, resumes the connection and returns true.
bool MessageReader::retry() {
  const std::size_t taken = shared_.delivery.deliver_mixed(refused_);
  for (const Mail& mail : std::span(refused_).first(taken)) forget_refused(mail);
  refused_.erase(refused_.begin(), refused_.begin() + static_cast<std::ptrdiff_t>(taken));
  if (!refused_.empty()) return false;
  if (notice_ != nullptr && !shared_.reactor.has_memory_for([this] { tell_control_frame(); })) {
    connection_.close({Errc::out_of_memory, "taking a notice"});
  }
  connection_.resume();
  return true;
}

/// Charges the incomplete message that a run has left.
void MessageReader::charge() {
  const std::size_t charged = connection_.decoder().charged_size();
  shared_.incomplete_bytes += charged - charged_;
  charged_ = charged;
  if (shared_.incomplete_bytes <= shared_.incomplete_bytes_max || charged == 0) return;
  add_owned(shared_.counters.overflowed, 1);
  const Error too_much{Errc::out_of_memory, "receiving incomplete messages"};
  shared_.warn("a connection was closed", too_much);
  connection_.close(too_much);
}

void MessageReader::note_misrouted(const protocol::Envelope& envelope) {
  add_owned(shared_.counters.misrouted, 1);
  if (std::exchange(has_misrouted_, true) || !shared_.log_limit.admit(shared_.reactor.now())) return;
  const auto size = [](std::string_view id) { return static_cast<int>(id.size()); };
  shared_.log.write(base::LogLevel::warn,
                    "a message of node %.*s is dropped, for it is for node %.*s; stats() counts more as misrouted",
                    size(envelope.from), envelope.from.data(), size(envelope.to), envelope.to.data());
}

/// Its publisher does not know yet that this node has unsubscribed, or a registry has misinformed it.
void MessageReader::note_unsubscribed(const protocol::Envelope& envelope) {
  PeerCounters& from = sender(envelope.from).in;
  add_owned(from.received, 1);
  add(from.dropped_unsubscribed, 1);
}

void MessageReader::note_malformed() {
  add_owned(shared_.counters.malformed, 1);
  if (++malformed_ == 1) shared_.warn("a frame that is no message came", {Errc::malformed, "reading a message"});
  if (malformed_ == kMalformedMax) connection_.close({Errc::malformed, "reading messages"});
}

}  // namespace distflow::runtime
