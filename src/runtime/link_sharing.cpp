// Link's sharing of a connection: how two nodes come to use one for both directions. docs/wire-protocol.md says why it
// takes an ask and a may.
#include <utility>

#include "runtime/link.hpp"
#include "runtime/node_id.hpp"
#include "runtime/notice_writer.hpp"

namespace distflow::runtime {
namespace {

using protocol::ConnectionNotice;
using transport::Connection;

/// How long what is sent waits for the peer's answer.
constexpr base::Duration kAnswerPatience = base::milliseconds(250);
/// How long a peer that was told that nothing more comes may take to send what it has.
constexpr base::Duration kEndPatience = base::seconds(5);

}  // namespace

void Link::seek_carrier() {
  if (is_retired_ || carrier_ != nullptr || asking_ || has_asked_) return;
  seeks_carrier_ = true;
  ask_if_idle();
}

/// Asks only when all is sent: then what waits for the answer has an empty queue to go to, whatever the answer is.
void Link::ask_if_idle() {
  if (!seeks_carrier_ || !is_connected() || !connection_->queue().is_empty()) return;
  seeks_carrier_ = false;
  has_asked_ = true;
  static_cast<void>(parts_.reactor.has_memory_for([this] { ask(); }));
}

void Link::ask() {
  nonce_ = make_node_id(parts_.reactor.backend());
  ConnectionPtr fresh = make_connection();
  if (!tell(*connection_, {.kind = ConnectionNotice::Kind::ask, .nonce = nonce_})) return;
  asking_ = std::move(connection_);
  send_on(std::move(fresh));
  parts_.reactor.arm_after(patience_timer_, kAnswerPatience);
}

void Link::on_may(std::string_view nonce, Carrier* carrier) {
  if (!asking_ || nonce != nonce_ || carrier == nullptr || carrier->is_lent()) return;
  if (!carrier->connection().is_open() || !carrier->connection().take_over(*connection_)) return;
  carrier->lend(*this, traffic_);
  ++parts_.carrier_count;
  carrier_ = carrier;
  way_ = &carrier->connection();
  parts_.reactor.timers().cancel(patience_timer_);
  asking_->finish();
  dying_.push_back(std::move(asking_));
  parts_.log.write(base::LogLevel::debug, "node %s is sent to on the connection that it has opened", node_id_.c_str());
}

/// What waited for an answer leaves where it would have left without asking.
void Link::stop_asking() {
  parts_.reactor.timers().cancel(patience_timer_);
  if (asking_->take_over(*connection_)) return send_on(std::move(asking_));
  // It is closing, or its peer takes nothing, or there is no memory.
  asking_->finish();
  dying_.push_back(std::move(asking_));
  if (!is_retired_ && !connection_->queue().is_empty()) dial();
}

void Link::on_carrier_gone() {
  --parts_.carrier_count;
  carrier_ = nullptr;
  way_ = connection_.get();
  parts_.log.write(base::LogLevel::debug, "node %s is not sent to on its own connection any more", node_id_.c_str());
}

void Link::on_ask(std::string_view nonce) {
  if (is_retired_ || carrier_ != nullptr || asking_ || !is_connected()) return;
  read_own_connection();
  tell(*connection_, {.kind = ConnectionNotice::Kind::may, .nonce = std::string(nonce)});
}

/// The peer may have sent here what has not come yet: the connection stays until it has ended it.
bool Link::linger() {
  if (!intake_) return false;
  bool is_told = false;
  const auto tell_end = [&] { is_told = tell(*connection_, {.kind = ConnectionNotice::Kind::end, .nonce = {}}); };
  if (!parts_.reactor.has_memory_for(tell_end) || !is_told) return false;
  parts_.reactor.arm_after(patience_timer_, kEndPatience);
  return true;
}

void Link::on_patience_over() { asking_ ? stop_asking() : stop_lingering(); }

void Link::stop_lingering() {
  parts_.reactor.timers().cancel(patience_timer_);
  for (const ConnectionPtr& connection : dying_) connection->finish();
}

bool Link::tell(Connection& connection, const ConnectionNotice& notice) {
  return send_notice(parts_, connection, node_id_, notice);
}

}  // namespace distflow::runtime
