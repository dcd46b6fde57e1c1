// Link's sharing of memory with a peer of the same machine. docs/wire-protocol.md, "Sharing memory", has how each
// direction moves.
#include <algorithm>

#include "base/error_text.hpp"
#include "runtime/peers/control_frame_writer.hpp"
#include "runtime/peers/link.hpp"
#include "runtime/peers/node_id.hpp"
#include "stream/memory_stream.hpp"

namespace distflow::runtime {
namespace {

using protocol::ControlFrame;
using stream::MemoryStream;
using transport::Connection;

/// How many messages a connection carries before memory is worth its while.
constexpr std::uint32_t kWorthMessages = 64;

}  // namespace

/// Of the link's own connection, on which `sent` messages more have left.
void Link::consider_memory(std::uint32_t sent) {
  if (!shares_memory_ || has_offered_memory_) return;
  sent_on_connection_ += sent;
  if (sent_on_connection_ < kWorthMessages || answer_ != Answer::both || is_retired_ || carrier_ != nullptr) return;
  if (connection_->has_upgrade()) return;  // a layer: there is one stream above a socket
  has_offered_memory_ = true;
  static_cast<void>(parts_.reactor.has_memory_for([this] { offer_memory(); }));
}

void Link::offer_memory() {
  const std::string nonce = make_node_id(parts_.reactor.backend());
  Result<std::unique_ptr<MemoryStream>> memory =
      MemoryStream::create(parts_.memory_pool, parts_.reactor, connection_->socket(), nonce);
  if (!memory) {
    parts_.log.write(parts_.memory_pool.level_of_failure(memory.error(), base::LogLevel::warn),
                     "no memory is shared with %s, so that messages go through the kernel: %s", node_id_.c_str(),
                     base::ErrorText(memory.error()).c_str());
    return;
  }
  const ControlFrame offer{.kind = ControlFrame::Kind::memory,
                           .nonce = nonce,
                           .memory_name = (*memory)->name(),
                           .ring_size = parts_.memory_pool.ring_size};
  // First: a connection that has offered waits for an answer.
  const auto frame = encode_control_frame(parts_, node_id_, offer);
  if (!frame) return;
  connection_->offer(*std::move(memory));
  const transport::SendResult result = connection_->send({frame->chunk, frame->bytes, 0});
  if (result != transport::SendResult::queued) return connection_->drop_upgrade();
  parts_.log.write(base::LogLevel::debug, "memory is offered to node %s", node_id_.c_str());
}

/// The own connection `origin`, also of a link that has retired, if it carries memory that the peer has been offered
/// and has not answered about; else null.
Connection* Link::offered_on(const Connection& origin) const {
  const auto is_origin = [&](const ConnectionPtr& one) { return one.get() == &origin; };
  const auto found = is_origin(connection_) ? &connection_ : nullptr;
  const auto dying = found ? dying_.end() : std::find_if(dying_.begin(), dying_.end(), is_origin);
  Connection* const own = found ? found->get() : dying == dying_.end() ? nullptr : dying->get();
  const bool is_offered = own != nullptr && own->is_open() && own->has_upgrade() && !own->has_moved_receiving();
  return is_offered ? own : nullptr;
}

void Link::on_mapped(const Connection& origin) {
  Connection* const own = offered_on(origin);
  if (own == nullptr) return;
  own->move_receiving();
  // The peer ends the connection, and is to look for room by itself until then: this side sends nothing any more.
  if (is_retired_) return say_end(*own);
  const auto moved = encode_control_frame(parts_, node_id_, {.kind = ControlFrame::Kind::moved});
  // One direction alone would have no way to wake the other side.
  if (!moved) return own->close({Errc::out_of_memory, "sharing memory"});
  own->move_sending(*moved);
  parts_.log.write(base::LogLevel::debug, "memory is shared with node %s, which has mapped it", node_id_.c_str());
}

void Link::on_unmapped(const Connection& origin) {
  Connection* const own = offered_on(origin);
  if (own == nullptr) return;
  own->drop_upgrade();
  if (is_retired_) return say_end(*own);
  parts_.log.write(base::LogLevel::debug, "node %s does not take the memory that it was offered", node_id_.c_str());
}

}  // namespace distflow::runtime
