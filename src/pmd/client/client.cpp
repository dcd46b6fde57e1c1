#include "pmd/client/client.hpp"

#include <algorithm>
#include <new>
#include <utility>

#include "pmd/client/client_messages.hpp"

namespace distflow::pmd {
namespace {

using base::Delegate;
using protocol::Response;

constexpr const char* kAwaiting = "waiting for the PMD's first answer";
/// How long after a lack of memory the registry is read again.
constexpr base::Duration kReadAgainAfter = base::milliseconds(100);

transport::ConnectionLimits limits_of(const ClientOptions& options) {
  transport::ConnectionLimits limits;
  limits.frame_size_max = options.reply_size_max;
  limits.keeps_nothing = true;  // the PMD's bytes are received though messages keep all chunks
  return limits;
}

}  // namespace

Client::Client(ClientParts parts, ClientObserver& observer, ClientOptions options)
    : parts_(parts),
      observer_(observer),
      options_(std::move(options)),
      backoff_(options_.backoff),
      random_(options_.seed),
      requests_(parts.reactor, options_.request_timeout),
      secret_(random_secret(parts.reactor.backend())),
      refusal_backoff_(options_.backoff),
      dialer_(parts.reactor, parts.resolver, parts.stream_setup,
              {.attempt_timeout = options_.request_timeout, .stream = {}},
              Delegate<void(Result<stream::OpenStream>)>::to<&Client::on_dialed>(*this)),
      probe_(parts.reactor, parts.resolver, Delegate<void(ProbeVerdict)>::to<&Client::on_probed>(*this)),
      dial_timer_(Delegate<void()>::to<&Client::dial>(*this)),
      registration_timer_(Delegate<void()>::to<&Client::on_registration_timer>(*this)),
      watch_timer_(Delegate<void()>::to<&Client::watch_again>(*this)),
      close_timer_(Delegate<void()>::to<&Client::hang_up>(*this)) {
  finish_.on_turn_end = Delegate<void()>::to<&Client::finish>(*this);
  if (options_.registration) options_.registration = completed(std::move(*options_.registration));
}

Client::~Client() { DF_ASSERT(state_ == State::idle || state_ == State::closed); }

void Client::start() {
  DF_ASSERT(state_ == State::idle);
  dial();
}

void Client::retry_now() {
  if (state_ != State::waiting) return;
  parts_.reactor.timers().cancel(dial_timer_);
  dial();
}

void Client::resolve(std::string_view name, Callback<protocol::NodeInfo> on_answer) {
  auto tell = [on_answer = std::move(on_answer)](const Answer& answer) { on_answer(to_part(answer, &Response::node)); };
  if (!is_possible_name(name)) return requests_.refuse(std::move(tell), {Errc::node_not_found, kAsking});
  ask([name](std::string_view id) { return protocol::resolve_request(id, name); }, AcrossLoss::repeat, std::move(tell));
}

void Client::list(Callback<std::vector<protocol::NodeInfo>> on_answer) {
  ask(protocol::list_request, AcrossLoss::repeat,
      [on_answer = std::move(on_answer)](const Answer& answer) { on_answer(to_part(answer, &Response::nodes)); });
}

void Client::hello(Callback<protocol::Hello> on_answer) {
  ask(write_hello, AcrossLoss::repeat,
      [on_answer = std::move(on_answer)](const Answer& answer) { on_answer(to_part(answer, &Response::hello)); });
}

void Client::shutdown_pmd(protocol::Force force, Callback<void> on_answer) {
  ask([force](std::string_view id) { return protocol::shutdown_request(id, force); }, AcrossLoss::fail,
      [on_answer = std::move(on_answer)](const Answer& answer) { on_answer(to_success(answer)); });
}

void Client::open_page(std::uint16_t port, Callback<PageAnswer> on_answer) {
  ask([port](std::string_view id) { return protocol::web_request(id, port); }, AcrossLoss::fail,
      [on_answer = std::move(on_answer)](const Answer& answer) { on_answer(to_page(answer)); });
}

void Client::stats(std::string_view name, std::uint64_t after, Callback<ToldStats> on_answer,
                   protocol::StatsKind what) {
  auto tell = [on_answer = std::move(on_answer)](const Answer& answer) { on_answer(to_stats(answer)); };
  if (!is_possible_name(name)) return requests_.refuse(std::move(tell), {Errc::node_not_found, kAsking});
  // An order among the questions: the node may have done it, and would do it again.
  const AcrossLoss across_loss = what == protocol::StatsKind::redrive ? AcrossLoss::fail : AcrossLoss::repeat;
  ask([name, after, what](std::string_view id) { return protocol::stats_request(id, name, after, what); }, across_loss,
      std::move(tell));
}

bool Client::answer_stats(std::uint64_t id, std::string_view stats) {
  if (!connection_ || is_closed()) return false;
  const std::optional<transport::EncodedFrame> frame = parts_.out.encode(protocol::stats_answer(id, stats));
  return frame && connection_->send(*frame) == transport::SendResult::queued;
}

void Client::close(Unregister unregister) {
  if (is_closed()) return;
  const bool says_goodbye = unregister == Unregister::yes && is_registered_;
  state_ = State::closing;
  parts_.reactor.timers().cancel(dial_timer_);
  parts_.reactor.timers().cancel(registration_timer_);
  parts_.reactor.timers().cancel(watch_timer_);
  requests_.fail_all({Errc::canceled, "closing the session with the PMD"});
  dialer_.cancel();
  probe_.cancel();
  if (!connection_) return finish_when_idle();
  parts_.reactor.arm_after(close_timer_, options_.close_timeout);
  if (!says_goodbye) return connection_->finish();
  const auto say_goodbye = [this] {
    post([this](std::string_view id) { return protocol::unregister_request(id, options_.registration->node.node_id); },
         AcrossLoss::forget,
         [this](const Answer& answer) {
           if (answer && answer->success) is_registered_ = false;
           hang_up();
         });
  };
  // The end of the connection says the same.
  if (!parts_.reactor.has_memory_for(say_goodbye)) hang_up();
}

// ---- The way into a session and out of it.

void Client::dial() {
  state_ = State::dialing;
  dialer_.dial(options_.host, options_.port);
}

void Client::on_dialed(Result<stream::OpenStream> outcome) {
  if (!outcome) return on_attempt_failed(outcome.error());
  transport::ConnectionObserver& self = *this;
  connection_.reset(new (std::nothrow) transport::Connection(parts_.reactor, parts_.chunks, self, limits_of(options_)));
  if (!connection_) {
    parts_.reactor.note_out_of_memory();
    stream::discard(parts_.reactor, *std::move(outcome));
    return on_attempt_failed({Errc::out_of_memory, "connecting to the PMD"});
  }
  state_ = State::greeting;
  connection_->open(*std::move(outcome));
  in_session_or_end_it([this] { greet(); });
}

void Client::greet() {
  ask_for_session(write_hello, &Client::on_hello_answer);
  if (options_.registration) register_now();
  if (options_.is_watching) watch_now();
  requests_.for_each_unsent([this](PendingRequest& request) { transmit(request); });
}

/// Any answer will do: a TypeScript PMD says that it does not know the question.
void Client::on_hello_answer(const Answer& answer) {
  state_ = State::in_session;
  failed_attempts_ = 0;
  backoff_.reset();
  const auto keeps_groups = [](const protocol::Hello& hello) {
    return std::find(hello.caps.begin(), hello.caps.end(), protocol::kGroupsCap) != hello.caps.end();
  };
  keeps_groups_ = answer->hello && keeps_groups(*answer->hello);
  observer_.on_groups_kept(keeps_groups_);
  in_session_or_end_it([this] { regroup(); });  // they may have changed since the registration left
}

std::optional<Error> Client::silence() const {
  const bool is_silent = state_ == State::greeting || (state_ == State::probing && why_lost_ == Errc::timed_out);
  return is_silent ? std::optional(Error{Errc::pmd_silent, kAwaiting}) : std::nullopt;
}

void Client::end_session(Error why) { connection_->close(why); }

void Client::on_closed(transport::Connection&, Error why) {
  transport::Connection& ended = *connection_;
  ended.destroy_later(std::move(connection_));
  if (state_ == State::closing) return finish_when_idle();
  on_loss(why);
}

void Client::on_loss(Error why) {
  parts_.reactor.timers().cancel(registration_timer_);
  parts_.reactor.timers().cancel(watch_timer_);
  is_registered_ = false;
  keeps_groups_ = false;
  told_groups_.end();
  registers_unanswered_ = 0;
  watch_.end();
  requests_.on_loss(why);
  if (state_ == State::in_session) {
    wait_to_dial();
    return observer_.on_disconnected(why);
  }
  if (why == Errc::out_of_memory) return on_attempt_failed(why);
  if (why == Errc::malformed || why == Errc::frame_too_long) return on_attempt_failed({Errc::not_a_pmd, why.doing});
  state_ = State::probing;
  why_lost_ = why;
  probe_.start(options_.host, options_.port);
}

void Client::on_probed(ProbeVerdict verdict) {
  if (state_ == State::closing) return finish_when_idle();
  if (verdict == ProbeVerdict::erlang_epmd) return on_attempt_failed({Errc::erlang_epmd, "connecting to the PMD"});
  on_attempt_failed(why_lost_ == Errc::timed_out ? Error{Errc::pmd_silent, kAwaiting} : why_lost_);
}

void Client::on_attempt_failed(Error why) {
  ++failed_attempts_;
  wait_to_dial();
  observer_.on_unreachable(why, failed_attempts_);
}

void Client::wait_to_dial() {
  state_ = State::waiting;
  parts_.reactor.arm_after(dial_timer_, backoff_.next(random_));
}

// ---- Requests and what comes back.

void Client::ask(const WriteRequest& write, AcrossLoss across_loss, ClientRequests::OnAnswer on_answer) {
  if (is_closed()) return requests_.refuse(std::move(on_answer), {Errc::canceled, kAsking});
  if (requests_.size() >= options_.request_count_max)
    return requests_.refuse(std::move(on_answer), {Errc::queue_full, kAsking});
  post(write, across_loss, std::move(on_answer));
}

void Client::ask_for_session(const WriteRequest& write, void (Client::*on_answer)(const Answer&)) {
  post(write, AcrossLoss::forget, [this, on_answer](const Answer& answer) {
    if (is_closed()) return;
    if (!answer) return end_session(answer.error());
    (this->*on_answer)(answer);
  });
}

void Client::post(const WriteRequest& write, AcrossLoss across_loss, ClientRequests::OnAnswer on_answer) {
  const RequestId id = requests_.next_id();
  PendingRequest& request =
      requests_.add(id, {.text = write(to_text(id)), .across_loss = across_loss, .on_answer = std::move(on_answer)});
  if (connection_) transmit(request);
}

void Client::transmit(PendingRequest& request) {
  const std::optional<transport::EncodedFrame> frame = parts_.out.encode(request.text);
  if (!frame) return end_session({Errc::out_of_memory, kAsking});
  const transport::SendResult result = connection_->send(*frame);
  request.is_sent = result == transport::SendResult::queued;
  if (result == transport::SendResult::full) end_session({Errc::queue_full, kAsking});
}

void Client::on_frames(transport::Connection& connection) {
  framing::Frame frame;
  while (connection.next_frame(frame)) on_frame(frame.body);
}

void Client::on_frame(std::string_view body) {
  const Result<protocol::Reply> reply = protocol::parse_reply(body);
  if (!reply) return end_session(reply.error());
  if (const auto* event = std::get_if<protocol::Event>(&*reply)) return on_event(*event);
  const auto& response = std::get<Response>(*reply);
  if (const std::optional<RequestId> id = to_request_id(response.request_id)) requests_.answer(*id, response);
}

// ---- The watch.

void Client::watch_now() {
  watch_.begin();
  ask_for_session(protocol::watch_request, &Client::on_watch_answer);
}

void Client::on_watch_answer(const Answer& answer) {
  if (answer->error) return end_session({Errc::refused, "watching the registry"});
  if (answer->nodes) return tell_snapshot(*answer);
  ask_for_session(protocol::list_request, &Client::on_list_answer);
}

void Client::on_list_answer(const Answer& answer) {
  if (!answer->nodes) return end_session({Errc::refused, "listing the registry"});
  tell_snapshot(*answer);
}

void Client::tell_snapshot(const Response& response) {
  const auto tell = [&] { observer_.on_snapshot(watch_.complete(*response.nodes, response.rev)); };
  if (!parts_.reactor.has_memory_for(tell)) parts_.reactor.arm_after(watch_timer_, kReadAgainAfter);
}

void Client::watch_again() {
  in_session_or_end_it([this] { watch_now(); });
}

void Client::on_event(const protocol::Event& event) {
  if (is_closed() || event.kind == protocol::EventKind::unknown) return;
  if (event.kind == protocol::EventKind::registration_lost) return on_lost(event);
  if (event.kind == protocol::EventKind::pmd_shutdown) return observer_.on_pmd_shutdown();
  if (event.kind == protocol::EventKind::stats_ask) return on_stats_asked(event.part);
  if (!parts_.reactor.has_memory_for([&] { tell_change(event); })) {
    parts_.reactor.arm_after(watch_timer_, kReadAgainAfter);
  }
}

void Client::on_stats_asked(const protocol::StatsPart& part) {
  if (!is_registered_ || part.node_id != options_.registration->node.node_id) return;
  static_cast<void>(parts_.reactor.has_memory_for([&] { observer_.on_stats_asked(part); }));
}

void Client::tell_change(const protocol::Event& event) {
  switch (watch_.take(event)) {
    case ClientWatch::Verdict::pass: return;
    case ClientWatch::Verdict::missed: return watch_now();
    case ClientWatch::Verdict::overflow: return end_session({Errc::queue_full, "waiting for the registry's nodes"});
    case ClientWatch::Verdict::tell: break;
  }
  if (event.kind == protocol::EventKind::leave) return observer_.on_leave(event.peer);
  observer_.on_join(event.peer);
}

// ---- The end.

void Client::hang_up() {
  if (connection_) connection_->close();
}

void Client::finish_when_idle() {
  if (!connection_ && !probe_.is_busy()) parts_.reactor.defer(finish_);
}

void Client::finish() {
  if (requests_.owes_answers()) return parts_.reactor.defer(finish_);
  state_ = State::closed;
  parts_.reactor.timers().cancel(close_timer_);
  observer_.on_closed();
}

}  // namespace distflow::pmd
