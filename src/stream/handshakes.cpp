#include "stream/handshakes.hpp"

#include <memory>
#include <utility>

namespace distflow::stream {

/// One handshake. Given up, or ended badly, it closes its stream and then ends itself, whatever has become of its
/// owner.
struct Handshakes::UnderWay : base::ListNode<UnderWay> {
  UnderWay(Handshakes& of, std::unique_ptr<LayeredStream> over, Outcome told)
      : owner(&of),
        reactor(of.reactor_),
        stream(std::move(over)),
        on_outcome(std::move(told)),
        timer(base::Delegate<void()>::to<&UnderWay::on_timeout>(*this)) {
    op.on_done = base::Delegate<void(Result<void>)>::to<&UnderWay::on_done>(*this);
    close_op.on_closed = base::Delegate<void()>::to<&UnderWay::on_closed>(*this);
  }

  void on_done(Result<void> result) {
    if (owner == nullptr) return;  // the close under way ends it
    if (!result) return fail(result.error());
    const Outcome told = leave();
    OpenStream open(std::move(stream));
    end();
    told(std::move(open));
  }

  void on_timeout() { fail({Errc::timed_out, "a handshake"}); }

  void fail(const Error& why) {
    const Outcome told = leave();
    stream->close(close_op);
    told(why);
  }

  void give_up() {
    leave();
    stream->close(close_op);
  }

  Outcome leave() {
    unlink();
    --owner->count_;
    owner = nullptr;
    reactor.timers().cancel(timer);
    return std::exchange(on_outcome, nullptr);
  }

  void on_closed() { end(); }
  void end() { reactor.destroy_later(std::unique_ptr<UnderWay>(this), turn_end); }

  Handshakes* owner;  // null once the outcome is reported or no longer wanted
  io::Reactor& reactor;
  std::unique_ptr<LayeredStream> stream;
  Outcome on_outcome;
  HandshakeOp op;
  io::CloseOp close_op;
  io::DeferredTask turn_end;
  base::Timer timer;
};

bool Handshakes::begin(io::Handle socket, Role role, Outcome on_outcome) {
  if (count_ == limits_.count_max) return false;
  auto made = std::make_unique<UnderWay>(*this, layer_.over(reactor_, socket, role), std::move(on_outcome));
  UnderWay& handshake = *made.release();  // its own, until it ends
  under_way_.push_back(handshake);
  ++count_;
  reactor_.arm_after(handshake.timer, limits_.time_max);
  handshake.stream->handshake(handshake.op);
  return true;
}

void Handshakes::cancel() {
  while (!under_way_.empty()) under_way_.front().give_up();
}

}  // namespace distflow::stream
