// What a node shares with peers of its own user: connections that carry both directions, and memory. The rules are in
// docs/wire-protocol.md, "One connection for both directions" and "Sharing memory".
#include "base/error_text.hpp"
#include "runtime/node/node.hpp"
#include "runtime/peers/carrier.hpp"
#include "runtime/peers/control_frame_writer.hpp"

namespace distflow::runtime {

using Kind = protocol::ControlFrame::Kind;
using stream::MemoryStream;
using transport::Connection;

namespace {

/// Of the connections of one peer, those that may have memory which it has offered. It has one, and those before it may
/// not have ended yet.
constexpr long kMemoryOfOnePeerMax = 4;

/// Bytes that wait for a peer, above which its pings are not answered.
constexpr std::size_t kUnreadByPingerMax = std::size_t{64} * 1024;

/// The peer waits for an answer as long as its connection lives, and would at its shutdown: that it ends is one, too.
void leave_unanswered(Connection& connection) { connection.close({Errc::out_of_memory, "answering a peer"}); }

/// Whether the offer is of a peer that takes memory of its user's nodes, and does not have its share already. All
/// others could fill the node's places.
bool may_offer(const Peer* peer) {
  return peer != nullptr && peer->shares_memory && peer->memory_place.use_count() <= kMemoryOfOnePeerMax;
}

}  // namespace

/// The PMD's system and this one decide who may share; what a node claims of itself does not count.
KnownNode Node::to_known_node(const protocol::NodeInfo& node) const {
  const bool is_same_user = node.uid && own_user_.is_user(*node.uid);
  const bool shares = is_same_user && node.has_cap(protocol::kSharingCap);
  protocol::Groups groups;
  if (node.caps) groups = node.groups;  // a TypeScript node joins none
  // What is published is sent to nobody that does not know topics.
  if (!node.has_cap(protocol::kTopicsCap)) {
    std::erase_if(groups, [](const std::string& name) { return name.starts_with(protocol::kTopicPrefix); });
  }
  return {.info = {.node_id = node.node_id,
                   .alias = node.alias.value_or(std::string()),
                   .host = node.host,
                   .port = node.port,
                   .last_heartbeat = node.last_heartbeat_ms,
                   .meta = {node.meta.begin(), node.meta.end()},
                   .groups = std::move(groups)},
          .shares_connections = shares,
          .shares_memory = shares && node.has_cap(protocol::kMemoryCap),
          .takes_asks = node.has_cap(protocol::kAskCap)};
}

void Node::on_control_frame(std::string_view from, const protocol::ControlFrame& notice, const Connection& connection,
                            Carrier* carrier) {
  switch (notice.kind) {
    case Kind::both:
      if (carrier != nullptr && carrier->is_to_be_decided()) on_opened(from, *carrier);
      return;
    case Kind::one: return;  // of an answer, which the link reads
    case Kind::end:
      if (carrier == nullptr) return;
      carrier->note_gone();
      return carrier->connection().finish();
    case Kind::ping:
      if (carrier != nullptr) answer_ping(from, notice, carrier->connection());
      return;
    case Kind::pong: return;  // this node pings nobody
    default: return on_memory_frame(from, notice, connection, carrier);
  }
}

/// A peer that pings and does not read is not answered for ever.
void Node::answer_ping(std::string_view from, const protocol::ControlFrame& ping, Connection& connection) {
  const bool is_behind = connection.queue().bytes() > kUnreadByPingerMax;
  if (is_behind || !send_control_frame(link_parts_, connection, from, {.kind = Kind::pong, .nonce = ping.nonce}))
    add_owned(gauges_.pings_dropped, 1);
}

/// The opener of a connection says that it is sent to there. From now on it is, if it is believed.
void Node::on_opened(std::string_view from, Carrier& carrier) {
  Connection& connection = carrier.connection();
  if (!connection.is_open()) return;
  if (!is_believed(from, connection)) {
    const bool is_said = send_control_frame(link_parts_, connection, from, {.kind = Kind::one});
    return is_said ? void() : leave_unanswered(connection);
  }
  const Peer* const peer = directory_.find_id(from);
  // This side's own connection was opened at the same time, and is the one of the two that stays.
  Link* const link = peer == nullptr ? nullptr : peer->link.get();
  if (link != nullptr && link->is_first_to_be_answered()) return link->put_off_answer(carrier);
  carrier.open_to(carriers_, from);
  // Frames that this node sends here are read by the opener only after the answer.
  if (!send_control_frame(link_parts_, connection, from, {.kind = Kind::both})) {
    carrier.note_gone();
    return leave_unanswered(connection);
  }
  if (link != nullptr) link->on_carrier();
}

/// Whether the system has the opener's end as one of this user's; and the registry, if it has the node already. One
/// that it learns of later is sent to on a carrier only if it is this user's, too.
bool Node::is_believed(std::string_view from, const Connection& connection) {
  const Peer* const peer = directory_.find_id(from);
  const char* why = "the PMD does not have it as this user's";
  if (peer == nullptr || peer->shares_connections) {
    const io::PeerOwner owner = connection.peer().owner;
    if (owner.is_same_user(parts_.reactor.backend().own_user())) return true;
    why = owner.is_known() ? "it is another user's" : io::to_text(owner.status());
  }
  parts_.log.write(base::LogLevel::debug, "node %.*s is not sent to on its connection: %s",
                   static_cast<int>(from.size()), from.data(), why);
  return false;
}

void Node::on_memory_frame(std::string_view from, const protocol::ControlFrame& notice, const Connection& connection,
                           Carrier* carrier) {
  if (carrier != nullptr) {
    Connection& accepted = carrier->connection();
    if (notice.kind == Kind::memory) accept_memory(notice, *carrier);
    const bool may_move = notice.kind == Kind::moved && accepted.has_upgrade() && !accepted.has_moved_receiving();
    if (may_move && accepted.is_open()) accepted.move_receiving();
    return;
  }
  // For a peer that has left meanwhile, too: its last messages lie in the memory.
  Link* const link = directory_.offerer(from, connection);
  if (link == nullptr) return;
  if (notice.kind == Kind::mapped) link->on_mapped(connection);
  if (notice.kind == Kind::unmapped) link->on_unmapped(connection);
}

/// Answers an offer on the connection that it came on, which is open to the node that offers. The offer is that node's,
/// even if it names another sender.
void Node::accept_memory(const protocol::ControlFrame& notice, Carrier& carrier) {
  Connection& connection = carrier.connection();
  const std::string from(carrier.opener());
  if (from.empty() || connection.has_upgrade() || !connection.is_open()) return;
  Peer* const peer = directory_.find_id(from);
  Result<std::unique_ptr<MemoryStream>> memory =
      Error{Errc::refused, "sharing memory with a stranger, or more than a share"};
  if (may_offer(peer)) {
    memory = MemoryStream::open(memory_pool_, parts_.reactor, connection.socket(), notice.memory_name, notice.ring_size,
                                notice.nonce);
  }
  const auto answer = encode_control_frame(link_parts_, from, {.kind = memory ? Kind::mapped : Kind::unmapped});
  if (!answer) return leave_unanswered(connection);
  if (!memory) {
    parts_.log.write(memory_pool_.level_of_failure(memory.error(), base::LogLevel::info),
                     "memory that is offered cannot be used, so that messages go through the kernel: %s",
                     base::ErrorText(memory.error()).c_str());
    const bool is_said = connection.send({answer->chunk, answer->bytes, 0}) == transport::SendResult::queued;
    return is_said ? void() : leave_unanswered(connection);
  }
  if (peer->memory_place == nullptr) peer->memory_place = std::make_shared<const int>();
  (*memory)->hold(peer->memory_place);
  connection.upgrade(*std::move(memory));
  connection.move_sending(*answer);
  parts_.log.write(base::LogLevel::debug, "memory of node %s is mapped", from.c_str());
}

}  // namespace distflow::runtime
