#include "stream/handshakes.hpp"

#include <memory>
#include <string>
#include <utility>

namespace distflow::stream {
namespace {

constexpr const char* kShakingHands = "a handshake";

}  // namespace

/// One handshake. Given up, or ended badly, it closes its stream and then ends itself, whatever has become of its
/// owner.
struct Handshakes::UnderWay : base::ListNode<UnderWay> {
  UnderWay(Handshakes& of, io::Handle handle, std::unique_ptr<LayeredStream> over, Role part, const RemoteEnd& end)
      : owner(&of),
        reactor(of.reactor_),
        socket(handle),
        stream(std::move(over)),
        role(part),
        remote(end.address),
        name(end.name),
        timer(base::Delegate<void()>::to<&UnderWay::on_timeout>(*this)) {
    op.on_done = base::Delegate<void(Result<void>)>::to<&UnderWay::on_done>(*this);
    close_op.on_closed = base::Delegate<void()>::to<&UnderWay::on_closed>(*this);
    turn_end.on_turn_end = base::Delegate<void()>::to<&UnderWay::on_left_bare>(*this);
  }

  void start() { stream ? stream->handshake(op) : reactor.defer(turn_end); }
  void on_left_bare() { on_done({}); }

  void on_done(Result<void> result) {
    if (owner == nullptr) return;  // the close under way ends it
    if (!result) return fail(result.error());
    const OnOutcome on_outcome = leave();
    OpenStream open = stream ? OpenStream(std::move(stream)) : OpenStream(socket);
    end();
    on_outcome(std::move(open), remote);
  }

  void on_timeout() { fail({Errc::timed_out, kShakingHands}); }

  void fail(const Error& why) {
    owner->setup_.note_failed(role, {.address = remote, .name = name}, why, reactor.now());
    const OnOutcome on_outcome = leave();
    close();
    on_outcome(why, remote);
  }

  void give_up() {
    leave();
    close();
  }

  void close() {
    if (stream) return stream->close(close_op);
    reactor.backend().discard(socket);
    end();
  }

  OnOutcome leave() {
    unlink();
    reactor.timers().cancel(timer);
    Handshakes& left = *std::exchange(owner, nullptr);
    --left.count_;
    return left.on_outcome_;
  }

  void on_closed() { end(); }
  void end() { reactor.destroy_later(std::unique_ptr<UnderWay>(this), turn_end); }

  Handshakes* owner;  // null once the outcome is reported or no longer wanted
  io::Reactor& reactor;
  const io::Handle socket;
  std::unique_ptr<LayeredStream> stream;  // over it; null where the layer leaves it bare
  const Role role;
  const io::Address remote;
  const std::string name;  // of who was dialed
  HandshakeOp op;
  io::CloseOp close_op;
  io::DeferredTask turn_end;
  base::Timer timer;
};

Result<void> Handshakes::begin(io::Handle socket, Role role, const RemoteEnd& remote) {
  const bool is_full = count_ == setup_.limits().count_max;
  if (!is_full && reactor_.has_memory_for([&] { begin_within_bound(socket, role, remote); })) return {};
  setup_.note_refused();
  return Error{is_full ? Errc::queue_full : Errc::out_of_memory, kShakingHands};
}

/// Where this runs out of memory, nothing has been done to the socket: a layered stream has it from its first operation
/// on.
void Handshakes::begin_within_bound(io::Handle socket, Role role, const RemoteEnd& remote) {
  auto made =
      std::make_unique<UnderWay>(*this, socket, setup_.layer()->over(reactor_, socket, role, remote), role, remote);
  UnderWay& handshake = *made.release();  // its own, until it ends
  under_way_.push_back(handshake);
  ++count_;
  reactor_.arm_after(handshake.timer, setup_.limits().time_max);
  handshake.start();
}

void Handshakes::cancel() {
  while (!under_way_.empty()) under_way_.front().give_up();
}

}  // namespace distflow::stream
