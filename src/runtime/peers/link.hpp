// The way to one peer: a connection that is dialled when there is something to send, and dialled again after a loss; or
// one that the peer has opened, its carrier, if the two have the same user.
//
//     own connection, unopened ── dialled ──▶ opening ── answered, or not in time ──▶ own connection, open
//           ▲        │                           │                                          │
//           │        └── the peer's is there ────┴──▶ carrier                               │ closed
//           └────────────────────────────────────────────┴ gone ────────────────────────────┘
//
// Loop thread only.
//   1. Frames leave in the order of send(), and a peer gets those of one way before those of the next. All that have
//      not left are against the peer's credit (send_credit.hpp), wherever they wait.
//   2. Every frame that send() took is counted once more, as written or as dropped for its reason.
//   3. Frames that found no connection for `connect_deadline` are dropped as unreachable.
//   4. Which directions a connection carries is decided when it opens, and before a message is sent on it. The link
//      moves to a carrier only while nothing has been sent on an own connection.
//   5. After retire() a link sends what it can and ends. Once is_finished() is true it may be destroyed.
//   6. send() may throw std::bad_alloc, and has taken nothing then. Without memory for sharing a connection or memory
//      the link goes on as for a peer that does not.
//   7. Any of its calls may come from inside a message handler that its own reader runs: what ends in them is destroyed
//      at the turn's end.
// Use: Link link(parts, traffic, peer); link.send(frame);
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <distflow/message.hpp>
#include <distflow/send.hpp>

#include "base/log.hpp"
#include "base/random.hpp"
#include "base/timer_wheel.hpp"
#include "io/reactor.hpp"
#include "io/resolver.hpp"
#include "protocol/control_frame.hpp"
#include "runtime/counters/traffic.hpp"
#include "runtime/peers/carrier.hpp"
#include "runtime/peers/send_credit.hpp"
#include "runtime/receive/message_reader.hpp"
#include "stream/backoff.hpp"
#include "stream/dialer.hpp"
#include "stream/memory_stream.hpp"
#include "transport/connection.hpp"
#include "transport/out_buffer.hpp"

namespace distflow::runtime {

/// What reads the messages that a peer sends on a link's own connection.
struct LinkReader {
  LinkReader(ReaderParts& shared, transport::Connection& connection, const std::string& node_id)
      : reader(shared, connection, node_id) {}

  MessageReader reader;
  io::DeferredTask end;  // for Reactor::destroy_later()
};

/// Messages of a link that are dropped, by their places among all that it has taken; the first is 1.
struct DroppedMessages {
  std::uint64_t first;
  std::uint64_t last;

  [[nodiscard]] bool has(std::uint64_t place) const { return place >= first && place <= last; }
};

/// What all links of a node share. Must outlive them.
struct LinkParts {
  io::Reactor& reactor;
  io::Resolver& resolver;
  stream::StreamSetup& stream_setup;
  base::ChunkPool& blocks;
  base::Random& random;
  const base::Log& log;
  transport::OutBuffer& out;           ///< for control frames; the one for messages may be open, in a writer's call
  ReaderParts& reader_parts;           ///< of what peers send on links' connections
  transport::ConnectionLimits limits;  ///< none for messages: their credit bounds them
  transport::SendLimits credit_limits = {};  ///< of the messages to one peer
  stream::MemoryStreamPool& memory_pool;
  Carriers& carriers;
  base::Duration connect_deadline;
  bool writes_at_once = false;  ///< does not wait for the turn's end
  /// Called when a retired link has finished, from inside a turn.
  base::Delegate<void()> on_finished;
  std::size_t open_count = 0;     ///< connections that links have opened, of all links
  std::size_t carrier_count = 0;  ///< connections of peers that links send on
  /// Told of messages that a link has taken and never handed over: they are dropped.
  base::Delegate<void(Link& link, const DroppedMessages& dropped, Counter SendCounters::*reason)> on_dropped{};
  /// Told of what has waited for a connection, right before it leaves. The callee may write other texts of the same
  /// size into frames with an extension, which no other link has.
  base::Delegate<void(const Link& link, std::span<const io::Piece> frames)> on_leaving{};
  bool knows_owners = true;  ///< the system has not refused to report the owner of a connection's other end
};

class Link final : private transport::ConnectionObserver {
 public:
  /// `credit` is that of a link before this one to the same node; null: there is none.
  Link(LinkParts& parts, Traffic& traffic, const PeerInfo& peer, std::shared_ptr<SendCredit> credit = nullptr);
  ~Link();

  /// The beginning of every envelope to the peer.
  [[nodiscard]] const std::string& prefix() const { return prefix_; }
  [[nodiscard]] Traffic& traffic() { return traffic_; }

  [[nodiscard]] const std::string& node_id() const { return node_id_; }
  [[nodiscard]] const std::shared_ptr<SendCredit>& credit() const { return credit_.shared(); }

  /// written, queued, queue_full, or out_of_memory: of all the frames. shut_down: retired, by what wrote the message.
  SendVerdict send(const transport::EncodedRun& run);
  /// The same for frames that have taken their credit from credit(). A link that takes the run gives the credit back
  /// later. Never queue_full.
  SendVerdict send_accepted(const transport::EncodedRun& run);
  /// Whether send() may take a frame of at least so many bytes; refusal() is its verdict if not.
  [[nodiscard]] bool may_have_room(std::size_t bytes) const { return credit_.seems_to_have(bytes); }
  [[nodiscard]] SendVerdict refusal() const { return is_retired_ ? SendVerdict::shut_down : SendVerdict::queue_full; }
  /// From the carrier, as from the own connections: credit of frames that have left.
  void give_back(const transport::DepartedFrames& departed) { credit_.give_back(departed); }

  /// Sends what it can, then ends. Frames without a connection are dropped, and counted in `reason`.
  void retire(Counter SendCounters::*reason);
  /// After retire(), at a shutdown: does not wait for messages that the peer may still send.
  void stop_lingering();
  /// Ends without waiting for the peer. Drops the rest, and counts it in the reason that retire() was given.
  void abort();
  [[nodiscard]] bool is_finished() const { return is_retired_ && !connection_ && dying_.empty(); }

  /// From the registry: whether the peer belongs to this user and shares connections, whether it takes memory, and
  /// whether it takes requests.
  void set_peer(bool shares_connections, bool shares_memory, bool takes_asks) {
    shares_connections_ = shares_connections;
    shares_memory_ = shares_memory;
    takes_asks_ = takes_asks;
  }
  [[nodiscard]] bool takes_asks() const { return takes_asks_; }

  // One connection for both directions: link_sharing.cpp.

  /// Whether this node has offered the peer to send on the own connection, has no answer yet, and keeps its connection
  /// if the peer opens one at the same time.
  [[nodiscard]] bool is_first_to_be_answered() const;
  /// Then: the peer's connection is answered when the own one has been answered, or when the time for that is over.
  void put_off_answer(Carrier& carrier);
  /// From the carrier: its connection has ended, unanswered.
  void on_put_off_gone() { put_off_ = nullptr; }
  /// The peer has opened a connection to here: a carrier is among those of the parts.
  void on_carrier();
  /// Of what this link has sent on `way`, the `count` messages before those that are still queued there are dropped.
  void tell_dropped(const transport::Connection& way, std::uint32_t count, Counter SendCounters::*reason);
  /// From the carrier: nothing more can be sent there.
  void on_carrier_gone();
  [[nodiscard]] bool sends_on(const Carrier& carrier) const { return carrier_ == &carrier; }
  /// Whether the carrier's question waits for the own connection to be answered.
  [[nodiscard]] bool has_put_off(const Carrier& carrier) const { return put_off_ == &carrier; }

  // Sharing memory: link_memory.cpp.

  /// The peer's answer, on `origin`, to an offer of memory. It is believed only on the connection of the offer: an
  /// answer on another one, in any name, is not the peer's.
  /// `has_offered_on()`: memory was offered there, and the peer has not answered yet.
  [[nodiscard]] bool has_offered_on(const transport::Connection& origin) const { return offered_on(origin) != nullptr; }
  void on_mapped(const transport::Connection& origin);
  void on_unmapped(const transport::Connection& origin);

  /// How many messages this link and those before it have taken. It is counted here, for what is counted for the peer
  /// may have others among it: messages that no link took, and those of all peers together that are not counted alone.
  [[nodiscard]] std::uint64_t taken() const { return taken_; }
  /// Messages that have been taken and have not left, on all ways to the peer.
  [[nodiscard]] std::uint64_t queued_count() const;
  /// Where messages go now; null for a link that has retired.
  [[nodiscard]] const transport::Connection* way() const { return is_retired_ ? nullptr : way_; }

  /// What is wrong between two turns; null when nothing is. For the simulator and tests (link_invariants.cpp).
  [[nodiscard]] const char* broken_invariant() const;

 private:
  using ConnectionPtr = std::unique_ptr<transport::Connection>;
  /// How far the own connection has come to carry both directions.
  enum class Answer : std::uint8_t {
    none,
    awaited,
    both,
    ended,  ///< the peer said yes, and ended its side before the system could be asked who it is
  };

  void on_frames(transport::Connection& connection) override;
  void on_sent(transport::Connection& connection, const transport::DepartedFrames& departed) override;
  void on_dropping(transport::Connection& connection, std::span<const io::Piece> pieces,
                   std::size_t bytes_sent) override;
  void on_closed(transport::Connection& connection, Error why) override;

  SendVerdict queue(const transport::EncodedRun& run);
  transport::SendResult send_on_next_way(const transport::EncodedRun& run);
  void tell_leaving();
  ConnectionPtr make_connection();
  void send_on(ConnectionPtr fresh);
  void let_die();
  void end_reader();
  void leave_way();
  void dial();
  void on_dialed(Result<stream::OpenStream> outcome);
  void on_last_dialed(Result<stream::OpenStream> outcome);
  void on_unreachable(const Error& why);
  void drop_waiting(Counter SendCounters::*reason, const Attempt* attempt = nullptr);
  [[nodiscard]] bool is_connected() const { return connection_ && connection_->is_open(); }

  [[nodiscard]] bool may_open_both() const;
  bool open_both(stream::OpenStream& stream);
  void begin_sending();
  void read_answer(transport::Connection& connection);
  [[nodiscard]] bool says_both(std::string_view frame) const;
  [[nodiscard]] Answer worth_of_yes(const transport::Connection& connection);
  void answer_put_off();
  bool move_to_carrier();
  void leave_opening();
  bool linger();
  [[nodiscard]] bool tell_end(transport::Connection& connection);
  void say_end(transport::Connection& connection);
  void on_patience_over();

  void note_left(const transport::Connection& way);
  void consider_memory(std::uint32_t sent);
  void offer_memory();
  [[nodiscard]] transport::Connection* offered_on(const transport::Connection& origin) const;

  LinkParts& parts_;
  Traffic& traffic_;
  const std::string node_id_;
  const std::string prefix_;
  const std::string host_;
  const std::uint16_t port_;
  bool is_retired_ = false;
  bool shares_connections_ = false;  // both are of one user, as the registry has it
  bool shares_memory_ = false;       // and the peer takes memory
  bool takes_asks_ = false;
  bool has_offered_memory_ = false;  // on this connection: once is enough
  bool opens_both_ = true;           // the last one that was to carry both was answered
  std::uint64_t taken_;              // messages; begins with what is counted for the peer
  LoopCredit credit_;
  ConnectionPtr connection_;            // unopened until dialled; null once retired
  transport::Connection* way_;          // where frames go: connection_, or the carrier's
  std::vector<ConnectionPtr> dying_;    // on their way to on_closed
  std::unique_ptr<LinkReader> reader_;  // of the connection that the peer sends on, of those above
  Counter SendCounters::*drop_reason_ = &SendCounters::dropped_connection_lost;
  base::Instant waiting_since_ = base::kNever;  // when the first frame began to wait for a connection
  stream::Dialer dialer_;
  stream::Backoff backoff_;
  base::Timer retry_timer_;

  Carrier* carrier_ = nullptr;
  ConnectionPtr opening_;  // open, and nothing but "both" sent there; connection_ keeps what waits
  Answer answer_ = Answer::none;
  base::Instant asked_at_{};    // when that began to be awaited
  base::Timer patience_timer_;  // with the peer's answer, or with its end

  Carrier* put_off_ = nullptr;  // of the peer's connection that was opened at the same time, unanswered

  std::uint32_t sent_on_connection_ = 0;  // messages, until memory is offered
};

}  // namespace distflow::runtime
