// Node's sharing of memory with peers of the same machine: which link or connection a notice is for, and what becomes
// of an offer.
#include "base/error_text.hpp"
#include "runtime/carrier.hpp"
#include "runtime/node.hpp"
#include "runtime/notice_writer.hpp"

namespace distflow::runtime {

using Kind = protocol::ConnectionNotice::Kind;
using stream::MemoryStream;
using transport::Connection;

namespace {

/// Of the connections of one peer, those that may have memory which it has offered. It has one, and those before it may
/// not have ended yet.
constexpr long kMemoryOfOnePeerMax = 4;

/// Whether the offer is of a peer that has said in the registry that it shares memory on this machine, and does not
/// have its share already. All others could fill the node's places.
bool may_offer(const Peer* peer) {
  return peer != nullptr && peer->shares_memory && peer->memory_place.use_count() <= kMemoryOfOnePeerMax;
}

}  // namespace

void Node::on_memory_notice(std::string_view from, const protocol::ConnectionNotice& notice,
                            const Connection& connection, Carrier* carrier) {
  if (carrier != nullptr) {
    Connection& accepted = carrier->connection();
    if (notice.kind == Kind::memory) accept_memory(from, notice, *carrier);
    const bool may_move = notice.kind == Kind::moved && accepted.has_upgrade() && !accepted.has_moved_receiving();
    if (may_move && accepted.is_open()) accepted.move_receiving();
    return;
  }
  Peer* const peer = find_sharing(from);
  if (peer == nullptr || peer->link == nullptr) return;
  if (notice.kind == Kind::mapped) peer->link->on_mapped(connection, notice.nonce);
  if (notice.kind == Kind::unmapped) peer->link->on_unmapped(connection, notice.nonce);
}

/// Answers an offer on the connection that it came on. Only a process of this machine, which may be told of this one's
/// memory, can make one that holds.
void Node::accept_memory(std::string_view from, const protocol::ConnectionNotice& notice, Carrier& carrier) {
  Connection& connection = carrier.connection();
  if (!carrier.is_near() || connection.has_upgrade() || !connection.is_open()) return;
  Peer* const peer = directory_.find_id(from);
  Result<std::unique_ptr<MemoryStream>> memory =
      Error{Errc::refused, "sharing memory with a stranger, or more than a share"};
  if (may_offer(peer)) {
    memory = MemoryStream::open(memory_pool_, parts_.reactor, connection.socket(), notice.memory_name, notice.ring_size,
                                notice.nonce);
  }
  const auto answer =
      encode_notice(link_parts_, from, {.kind = memory ? Kind::mapped : Kind::unmapped, .nonce = notice.nonce});
  if (!answer) return;
  if (!memory) {
    parts_.log.write(memory_pool_.level_of_failure(memory.error(), base::LogLevel::info),
                     "memory that is offered cannot be used, so that messages go through the kernel: %s",
                     base::ErrorText(memory.error()).c_str());
    connection.send({answer->chunk, answer->bytes, 0});
    return;
  }
  if (peer->memory_place == nullptr) peer->memory_place = std::make_shared<const int>();
  (*memory)->hold(peer->memory_place);
  connection.upgrade(*std::move(memory));
  connection.move_sending(*answer);
  parts_.log.write(base::LogLevel::debug, "memory of node %.*s is mapped", static_cast<int>(from.size()), from.data());
}

}  // namespace distflow::runtime
