#include "runtime/ask/ask_counters.hpp"

namespace distflow::runtime {

AskStats AskCounters::snapshot() const {
  using protocol::AskWord;
  const auto failed_as = [this](AskError error) { return read(failed[static_cast<std::size_t>(error)]); };
  const auto said = [this](AskWord word) { return read(words[static_cast<std::size_t>(word)]); };
  return {.asked = asked.value(),
          .replied = replied.value(),
          .failed_unresolved = failed_as(AskError::unresolved),
          .failed_unsupported = failed_as(AskError::unsupported),
          .failed_not_sent = failed_as(AskError::not_sent),
          .failed_peer_left = failed_as(AskError::peer_left),
          .failed_connection_lost = failed_as(AskError::connection_lost),
          .failed_no_handler = failed_as(AskError::no_handler),
          .failed_busy = failed_as(AskError::busy),
          .failed_expired = failed_as(AskError::expired),
          .failed_denied = failed_as(AskError::denied),
          .failed_failed = failed_as(AskError::failed),
          .failed_deadline = failed_as(AskError::deadline),
          .failed_cancelled = failed_as(AskError::cancelled),
          .failed_shut_down = failed_as(AskError::shut_down),
          .failed_reply_lost = failed_as(AskError::reply_lost),
          .pending = pending.used(),
          .late = read(late),
          .unasked = read(unasked),
          .retried = read(retried),
          .retries_refused = read(retries_refused),
          .received = read(received),
          .answered = answered.value(),
          .said_no_handler = said(AskWord::no_handler),
          .said_busy = said(AskWord::busy),
          .said_expired = said(AskWord::expired),
          .said_denied = said(AskWord::denied),
          .said_failed = said(AskWord::failed),
          .said_shut_down = said(AskWord::shut_down),
          .waiting = waiting.value(),
          .in_handlers = in_handlers.value(),
          .cancels = read(cancels),
          .answers_lost = read(answers_lost)};
}

}  // namespace distflow::runtime
