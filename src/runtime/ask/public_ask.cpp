// The public types of ask.hpp that need no node at hand.
#include <algorithm>
#include <new>
#include <utility>

#include <distflow/ask.hpp>

#include "protocol/json_grammar.hpp"
#include "runtime/ask/ask_way.hpp"

namespace distflow {
namespace {

std::chrono::milliseconds left_until(base::Instant deadline, base::Instant now) {
  return std::max(std::chrono::milliseconds(0), std::chrono::floor<std::chrono::milliseconds>(deadline - now));
}

/// Where memory ends, so does the call.
template <class Call>
SendVerdict unless_out_of_memory(runtime::AskWay& way, Call&& call) {
  SendVerdict verdict = SendVerdict::out_of_memory;
  try {
    verdict = call();
  } catch (const std::bad_alloc&) {
  }
  if (verdict == SendVerdict::out_of_memory) runtime::add(way.counters.calls_out_of_memory, 1);
  return verdict;
}

}  // namespace

const char* to_string(AskError error) {
  switch (error) {
    case AskError::none: return "none";
    case AskError::unresolved: return "unresolved";
    case AskError::unsupported: return "unsupported";
    case AskError::not_sent: return "not_sent";
    case AskError::peer_left: return "peer_left";
    case AskError::connection_lost: return "connection_lost";
    case AskError::no_handler: return "no_handler";
    case AskError::busy: return "busy";
    case AskError::expired: return "expired";
    case AskError::denied: return "denied";
    case AskError::failed: return "failed";
    case AskError::deadline: return "deadline";
    case AskError::cancelled: return "cancelled";
    case AskError::shut_down: return "shut_down";
    case AskError::reply_lost: return "reply_lost";
  }
  return "unknown";
}

const char* to_string(AskStage stage) {
  switch (stage) {
    case AskStage::resolving: return "resolving";
    case AskStage::sent: return "sent";
  }
  return "unknown";
}

std::chrono::milliseconds Request::remaining() const { return left_until(deadline_, (*way_)->now()); }

SendVerdict Request::ask(std::string_view target, std::string_view json, AskOptions options,
                         ReplyCallback callback) const {
  if (!protocol::is_json(json)) return SendVerdict::invalid_json;
  options.deadline = std::min(options.deadline, remaining());
  const std::shared_ptr<runtime::AskWay> way = *way_;
  return unless_out_of_memory(*way, [&] {
    return way->ask(target, json, options, std::move(callback), runtime::AskWay::Callback::of_application);
  });
}

Responder::Responder(Responder&& other) noexcept
    : way_(std::move(other.way_)), asker_(std::move(other.asker_)), id_(other.id_), deadline_(other.deadline_) {}

Responder& Responder::operator=(Responder&& other) noexcept {
  Responder before(std::move(*this));  // answers `failed`, if it is open
  way_ = std::move(other.way_);
  asker_ = std::move(other.asker_);
  id_ = other.id_;
  deadline_ = other.deadline_;
  return *this;
}

Responder::~Responder() {
  if (is_open()) refuse(AskError::failed);
}

SendVerdict Responder::reply(std::string_view json) {
  if (!protocol::is_json(json)) return SendVerdict::invalid_json;
  return reply(raw_json(json));
}

SendVerdict Responder::reply(RawJson json) {
  if (!is_open()) return SendVerdict::shut_down;
  if (json.text.empty()) return SendVerdict::invalid_json;
  const SendVerdict verdict = unless_out_of_memory(
      *way_, [&] { return way_->reply({.target = asker_, .id = id_, .deadline = deadline_}, json.text); });
  const bool is_done = is_under_way(verdict) || verdict == SendVerdict::unresolved ||
                       verdict == SendVerdict::shut_down || verdict == SendVerdict::forked;
  if (is_done && !way_->take_back(way_, asker_)) {
    way_.reset();
    asker_.reset();
  }
  return verdict;
}

void Responder::refuse(AskError why) {
  if (!is_open()) return;
  const auto way = std::move(way_);
  const auto asker = std::move(asker_);
  way->counters.in_handlers.add(-1);
  const auto word = why == AskError::denied ? protocol::AskWord::denied : protocol::AskWord::failed;
  way->refuse({.target = asker, .id = id_, .deadline = deadline_}, word);
}

std::chrono::milliseconds Responder::remaining() const {
  return is_open() ? left_until(deadline_, way_->now()) : std::chrono::milliseconds(0);
}

}  // namespace distflow
