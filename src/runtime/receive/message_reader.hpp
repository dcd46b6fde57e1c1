// Reads the frames of one connection: messages for this node, requests, replies, control frames.
//
// Loop thread only.
//   1. A frame is delivered if it is an envelope to this node, or to a topic that it subscribes to; else it is counted
//      as malformed or misrouted.
//   2. A connection that sends kMalformedMax malformed frames is closed.
//   3. Messages that a blocking mailbox refuses stay here, and the connection is paused until there is room. While
//      receive chunks are scarce, such messages are copied: a small one would keep a whole chunk.
//   4. on_frames() may throw std::bad_alloc: the connection is closed then, and loses what was not delivered.
//   5. A control frame, a request and a reply are handed on when all messages before them have been delivered. A
//      message of a topic is handed on at once.
// Use: MessageReader reader(shared, connection, carrier); ... reader.on_frames();   // in the connection's on_frames
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "io/reactor.hpp"
#include "protocol/ask_members.hpp"
#include "protocol/control_frame.hpp"
#include "protocol/envelope.hpp"
#include "runtime/counters/traffic.hpp"
#include "runtime/receive/ask_hooks.hpp"
#include "runtime/receive/delivery.hpp"
#include "runtime/receive/topic_hooks.hpp"
#include "transport/connection.hpp"

namespace distflow::runtime {

class Carrier;
class MessageReader;

/// Read by any thread; written by the loop's.
struct ReaderCounters {
  Counter malformed{0};
  Counter misrouted{0};
  Counter extensions_too_long{0};  ///< whose messages were delivered without them
  Counter overflowed{0};           ///< connections closed at the bound on incomplete messages
};

/// Decides over connections that nodes share.
class ControlFrameObserver {
 public:
  /// `from` is the claim of the frame, which came on `connection`; `carrier` is that one if a peer has opened it, else
  /// null. A control frame is believed only on the connection of the exchange that it belongs to.
  virtual void on_control_frame(std::string_view from, const protocol::ControlFrame& notice,
                                const transport::Connection& connection, Carrier* carrier) = 0;

 protected:
  ~ControlFrameObserver() = default;
};

/// What all readers of a node share. Its references must outlive them.
struct ReaderParts {
  io::Reactor& reactor;
  TrafficTable& traffic;
  Delivery& delivery;
  const base::Log& log;
  std::string node_id;
  std::size_t incomplete_bytes_max;
  ControlFrameObserver& observer;
  const AskHooks* asks = nullptr;      ///< null: requests and replies are ordinary messages
  const TopicHooks* topics = nullptr;  ///< null: this node subscribes to nothing

  ReaderCounters counters{};
  std::vector<MessageReader*> blocked{};  // by the mailbox
  std::size_t incomplete_bytes = 0;       // that all of them keep
  std::size_t refused_bytes = 0;  // of refused messages outside pools; none is copied beyond incomplete_bytes_max
  base::RateLimit log_limit{5, base::seconds(10)};
  // Of the run that is being read. Only one is read at a time.
  std::uint32_t now_us = 0;  // Mail::came_at of its messages
  protocol::EnvelopeScratch scratch{};
  std::vector<base::ChunkRef> copies{};  // of messages whose parts did not lie together

  /// Resumes the connections whose messages found no room.
  void on_room();
  void warn(const char* text, const Error& why);
};

class MessageReader {
 public:
  static constexpr std::uint32_t kMalformedMax = 16;

  /// For a connection that a peer has opened; `carrier` is of that connection.
  MessageReader(ReaderParts& shared, transport::Connection& connection, Carrier& carrier)
      : shared_(shared), connection_(connection), carrier_(&carrier) {}
  /// For a connection that this node has opened to `opened_to`, which must outlive the reader's last call.
  MessageReader(ReaderParts& shared, transport::Connection& connection, const std::string& opened_to)
      : shared_(shared), connection_(connection), opened_to_(&opened_to), is_opened_here_(true) {}
  /// Messages that are still refused are dropped, counted as dropped by a shutdown.
  ~MessageReader();
  MessageReader(const MessageReader&) = delete;
  MessageReader& operator=(const MessageReader&) = delete;

  void on_frames();
  [[nodiscard]] const transport::Connection& connection() const { return connection_; }
  /// The nodeId that the last message claims to be of; empty before the first one.
  [[nodiscard]] const std::string& last_sender() const { return sender_id_; }
  /// What is wrong between two turns; null when nothing is. For the simulator and tests
  /// (message_reader_invariants.cpp).
  [[nodiscard]] const char* broken_invariant() const;

 private:
  friend ReaderParts;
  static constexpr std::size_t kRunMax = 64;

  struct Notice {
    std::string from;
    protocol::ControlFrame what;
  };

  [[nodiscard]] Carrier* carrier() const { return is_opened_here_ ? nullptr : carrier_; }
  [[nodiscard]] std::string_view opened_to() const { return is_opened_here_ ? *opened_to_ : std::string_view(); }
  bool read(const framing::Frame& frame, Mail& mail, protocol::AskMembers& ask);
  [[gnu::noinline]] bool read_off_template(std::string_view frame, protocol::Envelope& envelope);
  bool read_extended(const framing::Frame& frame, const protocol::Envelope& envelope, Mail& mail,
                     protocol::AskMembers& ask);
  [[gnu::noinline]] void read_for_others(const framing::Frame& frame, const protocol::Envelope& envelope);
  void take_message(const framing::Frame& frame, const protocol::Envelope& envelope, Mail& mail);
  bool keep_whole(Mail& mail);
  void tell_ask(Mail& mail, const protocol::AskMembers& members);
  void tell_request(Mail& mail, const protocol::AskMembers& members);
  [[nodiscard]] bool is_connection_of(const Mail& mail) const;
  [[nodiscard]] bool has_had_message() const { return sender_ != nullptr; }
  bool take_control_frame(const framing::Frame& frame, const protocol::Envelope& envelope);
  void tell_control_frame();
  Traffic& sender(std::string_view from);
  void deliver(std::span<const Mail> run);
  void refuse(std::span<const Mail> run);
  bool refuse_copies(std::span<const Mail> run);
  void forget_refused(const Mail& mail);
  bool retry();
  void charge();
  void note_misrouted(const protocol::Envelope& envelope);
  void note_unsubscribed(const protocol::Envelope& envelope);
  void note_malformed();

  ReaderParts& shared_;
  transport::Connection& connection_;
  union {  // one word: an idle connection is kept small
    Carrier* const carrier_;
    const std::string* const opened_to_;  // if this node has opened it
  };
  Traffic* sender_ = nullptr;
  std::string sender_id_;
  std::uint32_t malformed_ = 0;
  bool has_misrouted_ = false;
  const bool is_opened_here_ = false;
  std::size_t charged_ = 0;
  std::vector<Mail> refused_;       // by a blocking mailbox; one lease each
  std::unique_ptr<Notice> notice_;  // a control frame that is read, and not handed on yet
};

}  // namespace distflow::runtime
