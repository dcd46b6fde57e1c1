#include "stream/dialer.hpp"

#include <algorithm>
#include <memory>
#include <new>
#include <utility>

namespace distflow::stream {
namespace {

constexpr const char* kDialing = "connecting to a host";

}  // namespace

/// One connect under way. Given up, it closes its handle and then itself, whatever has become of its dialer.
struct Dialer::Attempt {
  explicit Attempt(Dialer& dialer) : owner(&dialer), reactor(dialer.reactor_) {
    connect_op.on_connect = base::Delegate<void(Result<void>)>::to<&Attempt::on_connect>(*this);
    close_op.on_closed = base::Delegate<void()>::to<&Attempt::on_closed>(*this);
  }

  void on_connect(Result<void> outcome) {
    Dialer* dialer = std::exchange(owner, nullptr);
    if (dialer == nullptr) return;  // given up: the close under way ends it
    dialer->attempt_ = nullptr;
    if (outcome) {
      end();
      return dialer->on_attempt(handle);
    }
    reactor.backend().close(handle, close_op);
    dialer->on_attempt(outcome.error());
  }

  void on_closed() { end(); }
  void end() { reactor.destroy_later(std::unique_ptr<Attempt>(this), turn_end); }

  void give_up() {
    owner->attempt_ = nullptr;
    owner = nullptr;
    reactor.backend().close(handle, close_op);
  }

  Dialer* owner;  // null once the outcome is reported or no longer wanted
  io::Reactor& reactor;
  io::Handle handle;
  io::ConnectOp connect_op;
  io::CloseOp close_op;
  io::DeferredTask turn_end;
};

/// Apart from the dialer, to keep one without a layer small.
struct Dialer::Layered {
  Layered(Dialer& owner, StreamSetup& setup)
      : dialer(owner), handshakes(owner.reactor_, setup, Handshakes::OnOutcome::to<&Layered::on_outcome>(*this)) {}

  void on_outcome(Result<OpenStream> outcome, const io::Address&) { dialer.on_stream(std::move(outcome)); }

  Dialer& dialer;
  Handshakes handshakes;
  // Of the dial under way.
  std::string host;
  std::string name;
  io::Address address;  // that is tried
};

Dialer::Dialer(io::Reactor& reactor, io::Resolver& resolver, StreamSetup& setup, DialerOptions options,
               base::Delegate<void(Result<OpenStream>)> on_outcome)
    : reactor_(reactor),
      resolver_(resolver),
      options_(options),
      on_outcome_(on_outcome),
      outcome_(Error{Errc::canceled, kDialing}),
      timer_(base::Delegate<void()>::to<&Dialer::on_timeout>(*this)) {
  if (setup.layer() != nullptr) layered_ = std::make_unique<Layered>(*this, setup);
  deliver_.on_turn_end = base::Delegate<void()>::to<&Dialer::deliver>(*this);
}

Dialer::~Dialer() { cancel(); }

void Dialer::dial(const std::string& host, std::uint16_t port, std::string_view name) {
  DF_ASSERT(!is_dialing_);
  is_dialing_ = true;
  const auto resolve = [&] {
    if (layered_) {
      layered_->host = host;
      layered_->name = name;
    }
    dial_mark_ = std::make_shared<int>();
    resolver_.resolve(host, port,
                      [this, mark = std::weak_ptr<int>(dial_mark_)](Result<std::vector<io::Address>> addresses) {
                        if (!mark.expired()) on_resolved(std::move(addresses));
                      });
  };
  if (!reactor_.has_memory_for(resolve)) end(Error{Errc::out_of_memory, kDialing});
}

void Dialer::cancel() {
  is_dialing_ = false;
  dial_mark_.reset();
  if (layered_) layered_->handshakes.cancel();
  if (deliver_.is_linked()) close_unclaimed();
  abandon_attempt();
}

/// A stream that has connected, and whose outcome will not be reported.
void Dialer::close_unclaimed() {
  deliver_.unlink();
  if (outcome_) discard(reactor_, *std::move(outcome_));
}

void Dialer::abandon_attempt() {
  reactor_.timers().cancel(timer_);
  if (attempt_ != nullptr) attempt_->give_up();
}

void Dialer::on_resolved(Result<std::vector<io::Address>> addresses) {
  if (!addresses) return end(addresses.error());
  addresses_ = std::move(*addresses);
  std::reverse(addresses_.begin(), addresses_.end());
  try_next();
}

void Dialer::try_next() {
  const io::Address address = addresses_.back();
  addresses_.pop_back();
  std::unique_ptr<Attempt> attempt(new (std::nothrow) Attempt(*this));
  if (!attempt) {
    reactor_.note_out_of_memory();
    return end(Error{Errc::out_of_memory, kDialing});
  }
  const Result<io::Handle> handle = reactor_.backend().connect(address, options_.stream, attempt->connect_op);
  if (!handle) return on_attempt(handle.error());
  if (layered_) layered_->address = address;
  attempt->handle = *handle;
  attempt_ = attempt.release();
  reactor_.arm_after(timer_, options_.attempt_timeout);
}

void Dialer::on_attempt(Result<io::Handle> outcome) {
  reactor_.timers().cancel(timer_);
  if (!outcome) return on_stream(outcome.error());
  if (!layered_) return end(OpenStream(*outcome));
  const RemoteEnd remote{.address = layered_->address, .host = layered_->host, .name = layered_->name};
  if (const Result<void> begun = layered_->handshakes.begin(*outcome, Role::dialer, remote); !begun) {
    reactor_.backend().discard(*outcome);
    end(begun.error());
  }
}

void Dialer::on_stream(Result<OpenStream> outcome) {
  if (!outcome && !addresses_.empty()) return try_next();
  end(std::move(outcome));
}

void Dialer::on_timeout() {
  abandon_attempt();
  on_attempt(Error{Errc::timed_out, kDialing});
}

void Dialer::end(Result<OpenStream> outcome) {
  outcome_ = std::move(outcome);
  reactor_.defer(deliver_);
}

void Dialer::deliver() {
  is_dialing_ = false;
  on_outcome_(std::move(outcome_));
}

}  // namespace distflow::stream
