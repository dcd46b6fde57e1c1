#include "runtime/peers/carrier.hpp"

#include <algorithm>

#include "runtime/peers/dropped_frames.hpp"
#include "runtime/peers/link.hpp"

namespace distflow::runtime {

void Carrier::open_to(Carriers& carriers, std::string_view node_id) {
  DF_ASSERT(open_ == nullptr && !node_id.empty());
  auto open = std::unique_ptr<Open>(new Open{.carriers = carriers, .node_id = std::string(node_id)});
  carriers.by_node_id_.insert_or_assign(open->node_id, this);
  open_ = std::move(open);
}

/// If an earlier link to the same peer has queued frames here, these count against the credit of the new link from now
/// on.
void Carrier::bear(const std::shared_ptr<SendCredit>& credit) {
  DF_ASSERT(open_ != nullptr);
  const transport::SendQueue& queue = connection_.queue();
  const transport::DepartedFrames untold = connection_.untold();
  const SendCredit::Amount queued{queue.counted_bytes() + untold.bytes,
                                  std::uint64_t{queue.frames()} + untold.sent + untold.dropped};
  open_->before = queued.messages;
  if (open_->credit == credit) return;
  if (open_->credit != nullptr) {
    credit->take_anyway(queued);
    open_->credit->give_back(queued);
  }
  open_->credit = credit;
}

void Carrier::note_sent(const transport::DepartedFrames& departed) {
  if (!was_lent()) return;
  add_owned(open_->traffic->out.written, departed.sent);
  if (is_lent()) {
    link_->give_back(departed);
  } else {
    open_->credit->give_back({departed.bytes, std::uint64_t{departed.sent} + departed.dropped});
  }
  // They leave in their order.
  open_->before -= std::min<std::uint64_t>(open_->before, departed.sent);
  if (departed.dropped == 0) return;
  open_->traffic->note_dropped(open_->drop_reason, departed.dropped);
  const std::uint64_t of_before = std::min<std::uint64_t>(open_->before, departed.dropped);
  open_->before -= of_before;
  Link* link = is_lent() ? link_ : nullptr;
  if (const auto* const left = open_->carriers.left.find(connection_); left != nullptr) link = left->link;
  if (link != nullptr) {
    link->tell_dropped(connection_, static_cast<std::uint32_t>(departed.dropped - of_before), open_->drop_reason);
  }
}

void Carrier::note_dropping(std::span<const io::Piece> pieces, std::size_t bytes_sent) {
  if (was_lent()) keep_dropped(*open_->traffic, open_->drop_reason, pieces, bytes_sent);
}

void Carrier::note_gone() {
  if (open_ != nullptr && !std::exchange(open_->is_gone, true)) {
    auto& carriers = open_->carriers.by_node_id_;
    const auto found = carriers.find(open_->node_id);
    if (found != carriers.end() && found->second == this) carriers.erase(found);
  }
  if (open_ != nullptr && connection_.is_closed()) open_->carriers.left.forget(connection_);
  Link* const link = std::exchange(link_, nullptr);
  const bool was_put_off = std::exchange(is_put_off_, false);
  if (link != nullptr) was_put_off ? link->on_put_off_gone() : link->on_carrier_gone();
}

}  // namespace distflow::runtime
