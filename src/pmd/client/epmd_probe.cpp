#include "pmd/client/epmd_probe.hpp"

#include <array>
#include <utility>

#include "framing/frame.hpp"

namespace distflow::pmd {
namespace {

using base::Delegate;

constexpr std::array<char, 3> kNamesRequestBytes{0, 1, 'n'};
constexpr std::array<io::Piece, 1> kNamesRequest{io::Piece(kNamesRequestBytes.data(), kNamesRequestBytes.size())};
constexpr std::string_view kFirstLine = "name ";
/// What it takes to judge: the port number and the first word.
constexpr std::size_t kAnswerSizeMax = framing::kHeaderSize + kFirstLine.size();

}  // namespace

ProbeVerdict judge_epmd_answer(std::string_view answer, std::uint16_t port) {
  if (answer.size() < framing::kHeaderSize) return ProbeVerdict::something_else;
  const std::uint32_t number = framing::read_header(answer.data());
  const std::string_view rest = answer.substr(framing::kHeaderSize);
  // Behind a port that is forwarded epmd names its own; its nodes' lines then still give it away.
  const bool is_epmd = rest.empty() ? number == port : number <= UINT16_MAX && rest.starts_with(kFirstLine);
  return is_epmd ? ProbeVerdict::erlang_epmd : ProbeVerdict::something_else;
}

EpmdProbe::EpmdProbe(io::Reactor& reactor, io::Resolver& resolver, Delegate<void(ProbeVerdict)> on_done)
    : reactor_(reactor),
      on_done_(on_done),
      dialer_(reactor, resolver, sockets_, {.attempt_timeout = kProbeTimeout, .stream = {}},
              Delegate<void(Result<stream::OpenStream>)>::to<&EpmdProbe::on_dialed>(*this)),
      timer_(Delegate<void()>::to<&EpmdProbe::cancel>(*this)) {
  recv_op_.on_recv = Delegate<void(const io::Received&)>::to<&EpmdProbe::on_recv>(*this);
  recv_op_.on_end = Delegate<void(Error)>::to<&EpmdProbe::on_recv_end>(*this);
  send_op_.on_sent = Delegate<void(Result<void>)>::to<&EpmdProbe::on_sent>(*this);
  close_op_.on_closed = Delegate<void()>::to<&EpmdProbe::on_handle_closed>(*this);
  finish_.on_turn_end = Delegate<void()>::to<&EpmdProbe::finish>(*this);
}

EpmdProbe::~EpmdProbe() { DF_ASSERT(!is_busy_); }

void EpmdProbe::start(const std::string& host, std::uint16_t port) {
  DF_ASSERT(!is_busy_);
  is_busy_ = true;
  port_ = port;
  answer_.clear();
  dialer_.dial(host, port);
  reactor_.arm_after(timer_, kProbeTimeout);
}

void EpmdProbe::cancel() {
  if (!is_busy_) return;
  if (stream_) return hang_up();
  dialer_.cancel();
  reactor_.defer(finish_);
}

void EpmdProbe::on_dialed(Result<stream::OpenStream> outcome) {
  if (!outcome) return finish();
  stream_ = outcome->socket;  // without a layer
  reactor_.backend().recv(stream_, recv_op_);
  send_op_.pieces = kNamesRequest;
  reactor_.backend().send(stream_, send_op_);
}

/// A failure shows at the receiving end, too.
void EpmdProbe::on_sent(Result<void>) {}

void EpmdProbe::on_recv(const io::Received& received) {
  answer_.append(received.bytes.substr(0, kAnswerSizeMax - answer_.size()));
  if (answer_.size() == kAnswerSizeMax) hang_up();
}

void EpmdProbe::on_recv_end(Error) { hang_up(); }

void EpmdProbe::hang_up() {
  if (std::exchange(is_hanging_up_, true)) return;
  reactor_.backend().close(stream_, close_op_);
}

void EpmdProbe::on_handle_closed() {
  stream_ = {};
  is_hanging_up_ = false;
  finish();
}

void EpmdProbe::finish() {
  reactor_.timers().cancel(timer_);
  is_busy_ = false;
  on_done_(judge_epmd_answer(answer_, port_));
}

}  // namespace distflow::pmd
