// What must hold of a link, and of a carrier, between two turns; for the simulator and tests, and linked into nothing
// else.
#include <algorithm>

#include "runtime/peers/link.hpp"

namespace distflow::runtime {

const char* Link::broken_invariant() const {
  const auto is_dying = [this](const transport::Connection& connection) {
    return std::any_of(dying_.begin(), dying_.end(),
                       [&](const ConnectionPtr& one) { return one.get() == &connection; });
  };
  for (const ConnectionPtr& connection : dying_) {
    if (const char* const broken = connection->broken_invariant()) return broken;
    if (connection->is_closed()) return "a closed connection is still among the dying";
  }
  for (const transport::Connection* const connection : {connection_.get(), opening_.get()}) {
    if (connection == nullptr) continue;
    if (const char* const broken = connection->broken_invariant()) return broken;
  }
  if (reader_) {
    const transport::Connection& read = reader_->reader.connection();
    if (&read != connection_.get() && &read != opening_.get() && !is_dying(read)) {
      return "a link reads a connection that it does not have";
    }
    if (const char* const broken = reader_->reader.broken_invariant()) return broken;
  }
  if (is_retired_) {
    if (carrier_ != nullptr || put_off_ != nullptr || opening_) return "a retired link holds on to a way to its peer";
    if (connection_ && !dialer_.is_dialing()) return "a retired link waits for a connection that nobody opens";
    return nullptr;
  }
  if (!connection_) return "a link has no connection to wait in";
  if (way_ != (carrier_ != nullptr ? &carrier_->connection() : connection_.get()))
    return "frames go a way that is not the link's";
  if (carrier_ != nullptr && (opening_ || connection_->is_opened() || !connection_->queue().is_empty())) {
    return "a link that sends on its peer's connection has more than that";
  }
  if (opening_ && (connection_->is_opened() || !opening_->is_opened())) return "a link has opened two connections";
  const bool is_waiting =
      carrier_ == nullptr && !opening_ && !connection_->is_opened() && !connection_->queue().is_empty();
  if (is_waiting && !dialer_.is_dialing() && !retry_timer_.is_armed())
    return "frames wait for a connection that nobody dials";
  return nullptr;
}

const char* Carrier::broken_invariant() const {
  if (is_put_off_) {
    if (link_ == nullptr) return "a carrier's question is put off for no link";
    return link_->has_put_off(*this) ? nullptr : "a carrier's question is put off for a link that has forgotten it";
  }
  if (link_ == nullptr) return nullptr;
  if (open_ == nullptr || open_->is_gone) return "a link sends on a carrier that is open to nobody";
  if (open_->traffic == nullptr || open_->credit == nullptr) return "a link sends on a carrier without credit";
  return link_->sends_on(*this) ? nullptr : "a carrier is lent to a link that sends elsewhere";
}

}  // namespace distflow::runtime
