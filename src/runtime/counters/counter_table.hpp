// One table of what stats() publishes: from its rows come the snapshots and sums of peers, JSON and Prometheus.
//
// Constants; any thread.
//   1. A counter is a member of a structure in <distflow/stats.hpp> and a row here, of the same name; one of peers has
//      its live counter in the row, too. A member without a row does not compile, or fails the test
//      layers/every_counter_is_in_the_limits, which also asks docs/limits.md for it.
// Use: for (const CounterRow<NodeStats>& row : kNodeCounters) print(row.name, row.value(stats));
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include <distflow/stats.hpp>

#include "runtime/counters/traffic.hpp"

namespace distflow::runtime {

enum class CounterKind {
  counter,  ///< only grows
  gauge,    ///< of now
};

/// A member of NodeStats or AskStats.
template <class Stats>
struct CounterRow {
  std::string_view name;
  std::string_view help;
  std::string_view unit;
  CounterKind kind;
  bool is_flag;  ///< whether the member is a bool
  std::uint64_t (*value)(const Stats& stats);
};

/// A member of SendStats or ReceiveStats, which counts messages, and the counter that it is read from.
template <class Stats, class Live>
struct PeerCounterRow {
  std::string_view name;
  std::string_view help;
  std::uint64_t Stats::*member;
  Counter Live::*live;
};

namespace detail {

/// The structure and the type of a member.
template <class Member>
struct MemberOf;
template <class OfStats, class OfValue>
struct MemberOf<OfValue OfStats::*> {
  using Stats = OfStats;
  using Value = OfValue;
};

template <auto kMember>
constexpr auto row(std::string_view name, std::string_view help, std::string_view unit, CounterKind kind) {
  using Stats = typename MemberOf<decltype(kMember)>::Stats;
  constexpr bool is_flag = std::is_same_v<typename MemberOf<decltype(kMember)>::Value, bool>;
  return CounterRow<Stats>{name, help,    unit,
                           kind, is_flag, [](const Stats& stats) { return std::uint64_t{stats.*kMember}; }};
}

}  // namespace detail

using SendCounterRow = PeerCounterRow<SendStats, SendCounters>;
inline constexpr std::array kSendCounters = {
    SendCounterRow{"accepted", "verdict written or queued", &SendStats::accepted, &SendCounters::accepted},
    SendCounterRow{"written", "handed to the operating system", &SendStats::written, &SendCounters::written},
    SendCounterRow{"dropped_unreachable", "the peer could not be connected to in time", &SendStats::dropped_unreachable,
                   &SendCounters::dropped_unreachable},
    SendCounterRow{"dropped_connection_lost", "the connection broke with them in it",
                   &SendStats::dropped_connection_lost, &SendCounters::dropped_connection_lost},
    SendCounterRow{"dropped_peer_left", "the peer left before they could be sent", &SendStats::dropped_peer_left,
                   &SendCounters::dropped_peer_left},
    SendCounterRow{"dropped_unresolved", "the PMD knows no such node", &SendStats::dropped_unresolved,
                   &SendCounters::dropped_unresolved},
    SendCounterRow{"dropped_queue_full", "accepted by another thread, no room at the peer's queue",
                   &SendStats::dropped_queue_full, &SendCounters::dropped_queue_full},
    SendCounterRow{"dropped_shutdown", "discarded by shutdown()", &SendStats::dropped_shutdown,
                   &SendCounters::dropped_shutdown},
};

using ReceiveCounterRow = PeerCounterRow<ReceiveStats, PeerCounters>;
inline constexpr std::array kReceiveCounters = {
    ReceiveCounterRow{"received", "messages offered to the mailbox or the handler", &ReceiveStats::received,
                      &PeerCounters::received},
    ReceiveCounterRow{"handled", "messages that a handler or poll() has taken", &ReceiveStats::handled,
                      &PeerCounters::handled},
    ReceiveCounterRow{"dropped_mailbox_newest", "dropped as they came, the mailbox being full",
                      &ReceiveStats::dropped_mailbox_newest, &PeerCounters::dropped_mailbox_newest},
    ReceiveCounterRow{"dropped_mailbox_oldest", "dropped to make room", &ReceiveStats::dropped_mailbox_oldest,
                      &PeerCounters::dropped_mailbox_oldest},
    ReceiveCounterRow{"dropped_shutdown", "discarded by shutdown()", &ReceiveStats::dropped_shutdown,
                      &PeerCounters::dropped_shutdown},
    ReceiveCounterRow{"dropped_unsubscribed", "of a topic that this node does not, or no longer, subscribe to",
                      &ReceiveStats::dropped_unsubscribed, &PeerCounters::dropped_unsubscribed},
    ReceiveCounterRow{"conflated", "replaced by a newer message of the same key (conflate_by)",
                      &ReceiveStats::conflated, &PeerCounters::conflated},
    ReceiveCounterRow{"replies", "replies to requests, which are not among received", &ReceiveStats::replies,
                      &PeerCounters::replies},
};

// Every member has a row.
static_assert(sizeof(SendStats) == kSendCounters.size() * sizeof(std::uint64_t));
static_assert(sizeof(ReceiveStats) == kReceiveCounters.size() * sizeof(std::uint64_t));

/// Of requests, at the node that makes them and at the one that gets them.
inline constexpr std::array kAskCounters = {
    detail::row<&AskStats::asked>("asked", "requests of this node: verdict written or queued", "requests",
                                  CounterKind::counter),
    detail::row<&AskStats::replied>("replied", "whose callback had a reply", "requests", CounterKind::counter),
    detail::row<&AskStats::failed_unresolved>("failed_unresolved",
                                              "ended with AskError unresolved: the PMD knows no such node", "requests",
                                              CounterKind::counter),
    detail::row<&AskStats::failed_unsupported>("failed_unsupported",
                                               "requests of this node that failed: the node does not take requests",
                                               "requests", CounterKind::counter),
    detail::row<&AskStats::failed_not_sent>("failed_not_sent",
                                            "requests of this node that failed: no room, no connection", "requests",
                                            CounterKind::counter),
    detail::row<&AskStats::failed_peer_left>("failed_peer_left", "requests of this node that failed: the node left",
                                             "requests", CounterKind::counter),
    detail::row<&AskStats::failed_connection_lost>(
        "failed_connection_lost", "requests of this node that failed: the connection broke with them in it", "requests",
        CounterKind::counter),
    detail::row<&AskStats::failed_no_handler>("failed_no_handler",
                                              "requests of this node that failed: nobody answers there", "requests",
                                              CounterKind::counter),
    detail::row<&AskStats::failed_busy>("failed_busy", "requests of this node that failed: no room there", "requests",
                                        CounterKind::counter),
    detail::row<&AskStats::failed_expired>("failed_expired",
                                           "requests of this node that failed: the time was over there", "requests",
                                           CounterKind::counter),
    detail::row<&AskStats::failed_denied>("failed_denied",
                                          "requests of this node that failed: the handler there said so", "requests",
                                          CounterKind::counter),
    detail::row<&AskStats::failed_failed>("failed_failed",
                                          "requests of this node that failed: the handler there failed", "requests",
                                          CounterKind::counter),
    detail::row<&AskStats::failed_deadline>(
        "failed_deadline", "requests of this node that failed: nothing came in time", "requests", CounterKind::counter),
    detail::row<&AskStats::failed_cancelled>("failed_cancelled",
                                             "requests of this node that failed: cancelled by this node's application",
                                             "requests", CounterKind::counter),
    detail::row<&AskStats::failed_shut_down>(
        "failed_shut_down", "requests of this node that failed: this node or the other one was shut down", "requests",
        CounterKind::counter),
    detail::row<&AskStats::failed_reply_lost>(
        "failed_reply_lost",
        "requests of this node that failed: answered, and no room for the reply until its callback", "requests",
        CounterKind::counter),
    detail::row<&AskStats::pending>("pending", "requests of this node without a callback yet, now", "requests",
                                    CounterKind::gauge),
    detail::row<&AskStats::late>("late", "replies to requests that had ended", "replies", CounterKind::counter),
    detail::row<&AskStats::unasked>("unasked",
                                    "replies of whom nothing was asked, or on a connection that is not its own",
                                    "replies", CounterKind::counter),
    detail::row<&AskStats::retried>("retried", "times that one was to be sent again, or to another as well", "times",
                                    CounterKind::counter),
    detail::row<&AskStats::retries_refused>("retries_refused",
                                            "times that one was not, at the bound of a tenth of all requests", "times",
                                            CounterKind::counter),
    detail::row<&AskStats::received>("received", "requests that came", "requests", CounterKind::counter),
    detail::row<&AskStats::answered>("answered", "requests received that were answered with a reply", "requests",
                                     CounterKind::counter),
    detail::row<&AskStats::said_no_handler>("said_no_handler", "answered that no handler is set", "requests",
                                            CounterKind::counter),
    detail::row<&AskStats::said_busy>("said_busy",
                                      "requests received that were refused: the mailbox of requests was full",
                                      "requests", CounterKind::counter),
    detail::row<&AskStats::said_expired>("said_expired",
                                         "requests received that were refused: the time was over before the handler",
                                         "requests", CounterKind::counter),
    detail::row<&AskStats::said_denied>("said_denied", "requests received that were refused: by the handler",
                                        "requests", CounterKind::counter),
    detail::row<&AskStats::said_failed>(
        "said_failed", "requests received that were refused: by the handler, or it threw, or let go of its Responder",
        "requests", CounterKind::counter),
    detail::row<&AskStats::said_shut_down>("said_shut_down",
                                           "requests received that were refused: this node was shut down before",
                                           "requests", CounterKind::counter),
    detail::row<&AskStats::waiting>("waiting", "requests received that wait for the handler now", "requests",
                                    CounterKind::gauge),
    detail::row<&AskStats::in_handlers>("in_handlers", "requests received that a Responder is open for now", "requests",
                                        CounterKind::gauge),
    detail::row<&AskStats::cancels>("cancels", "requests received whose asker has lost interest", "requests",
                                    CounterKind::counter),
    detail::row<&AskStats::answers_lost>("answers_lost",
                                         "of those above: not sent, as the asker is not there or there was no room",
                                         "requests", CounterKind::counter),
};
static_assert(sizeof(AskStats) == kAskCounters.size() * sizeof(std::uint64_t));

/// Of the node as a whole.
inline constexpr std::array kNodeCounters = {
    detail::row<&NodeStats::refused_queue_full>("refused_queue_full", "sends whose verdict was queue_full", "messages",
                                                CounterKind::counter),
    detail::row<&NodeStats::refused_unresolved>("refused_unresolved", "sends whose verdict was unresolved", "messages",
                                                CounterKind::counter),
    detail::row<&NodeStats::malformed>("malformed", "frames received that are no message", "frames",
                                       CounterKind::counter),
    detail::row<&NodeStats::misrouted>("misrouted", "messages received that are for another nodeId", "messages",
                                       CounterKind::counter),
    detail::row<&NodeStats::extensions_too_long>(
        "extensions_too_long", "messages received whose extension was longer than 4096 bytes, and was dropped",
        "messages", CounterKind::counter),
    detail::row<&NodeStats::connections_overflowed>(
        "connections_overflowed", "connections closed at incomplete_bytes_max", "connections", CounterKind::counter),
    detail::row<&NodeStats::tasks_lost>("tasks_lost", "peer events and calls for which there was no room, or no memory",
                                        "tasks", CounterKind::counter),
    detail::row<&NodeStats::calls_out_of_memory>("calls_out_of_memory", "calls that ended for lack of memory", "calls",
                                                 CounterKind::counter),
    detail::row<&NodeStats::events_out_of_memory>("events_out_of_memory",
                                                  "what came or fell due and was given up for lack of memory", "events",
                                                  CounterKind::counter),
    detail::row<&NodeStats::frames_too_long>("frames_too_long",
                                             "connections closed for an announcement beyond frame_size_max",
                                             "connections", CounterKind::counter),
    detail::row<&NodeStats::handler_exceptions>("handler_exceptions", "handlers that threw", "exceptions",
                                                CounterKind::counter),
    detail::row<&NodeStats::connections_accepted>("connections_accepted", "connections accepted", "connections",
                                                  CounterKind::counter),
    detail::row<&NodeStats::connections_refused>("connections_refused",
                                                 "connections from others refused at connections_max", "connections",
                                                 CounterKind::counter),
    detail::row<&NodeStats::accept_pauses>("accept_pauses", "times that accepting paused for lack of descriptors",
                                           "pauses", CounterKind::counter),
    detail::row<&NodeStats::handshakes_failed>(
        "handshakes_failed", "handshakes of streams that ended badly or took too long, those with the PMD too",
        "handshakes", CounterKind::counter),
    detail::row<&NodeStats::handshakes_refused>(
        "handshakes_refused", "connections closed because too many handshakes were under way, or for lack of memory",
        "connections", CounterKind::counter),
    detail::row<&NodeStats::chunks_missing>("chunks_missing", "times that receiving paused for lack of memory",
                                            "pauses", CounterKind::counter),
    detail::row<&NodeStats::wakes>("wakes", "times that a thread woke the I/O thread", "wakes", CounterKind::counter),
    detail::row<&NodeStats::is_registered>("is_registered", "1 while it is registered with the PMD, as far as it knows",
                                           "0 or 1", CounterKind::gauge),
    detail::row<&NodeStats::registrations_lost>("registrations_lost", "times that it was registered and is no more",
                                                "registrations", CounterKind::counter),
    detail::row<&NodeStats::pmd_connections>("pmd_connections", "sessions with the PMD so far", "connections",
                                             CounterKind::counter),
    detail::row<&NodeStats::pmd_starts>("pmd_starts", "times that this node started a PMD", "starts",
                                        CounterKind::counter),
    detail::row<&NodeStats::pings_dropped>("pings_dropped", "pings not answered, because the peer does not read",
                                           "pings", CounterKind::counter),
    detail::row<&NodeStats::stats_told>("stats_told", "questions of the PMD for counters that were answered",
                                        "questions", CounterKind::counter),
    detail::row<&NodeStats::stats_refused>("stats_refused",
                                           "such questions: too many, another user's, or no room to answer",
                                           "questions", CounterKind::counter),
    detail::row<&NodeStats::published>("published", "messages to topics, each counted once", "messages",
                                       CounterKind::counter),
    detail::row<&NodeStats::published_copies>("published_copies",
                                              "of published: one for each subscriber, which is accepted under its peer",
                                              "messages", CounterKind::counter),
    detail::row<&NodeStats::retained_copies>("retained_copies",
                                             "of published_copies: of retained messages, to later subscribers",
                                             "messages", CounterKind::counter),
    detail::row<&NodeStats::not_retained>("not_retained",
                                          "messages to topics that retain some, too large or without memory for it",
                                          "messages", CounterKind::counter),
    detail::row<&NodeStats::dead_letters_displaced>("dead_letters_displaced",
                                                    "dropped messages that were kept and have made room for newer ones",
                                                    "messages", CounterKind::counter),
    detail::row<&NodeStats::dead_letters_not_kept>(
        "dead_letters_not_kept", "dropped messages that were larger than all the room for them, or found no memory",
        "messages", CounterKind::counter),
    detail::row<&NodeStats::dead_letters_redriven>(
        "dead_letters_redriven", "dropped messages that were sent again on request", "messages", CounterKind::counter),
    detail::row<&NodeStats::cpu_us>("cpu_us", "processor time that the process has used", "microseconds",
                                    CounterKind::counter),
    detail::row<&NodeStats::mailbox_size>("mailbox_size", "messages that wait in the mailbox now", "messages",
                                          CounterKind::gauge),
    detail::row<&NodeStats::mailbox_bytes>("mailbox_bytes", "bytes of the messages that wait in the mailbox now",
                                           "bytes", CounterKind::gauge),
    detail::row<&NodeStats::mailbox_high_water>("mailbox_high_water",
                                                "the most messages that have waited in the mailbox at once", "messages",
                                                CounterKind::gauge),
    detail::row<&NodeStats::topics_waiting>("topics_waiting", "messages of topics that wait for a handler now",
                                            "messages", CounterKind::gauge),
    detail::row<&NodeStats::send_queue_messages>("send_queue_messages", "messages that wait in send queues now",
                                                 "messages", CounterKind::gauge),
    detail::row<&NodeStats::parked_messages>("parked_messages", "messages that wait for a name to be known now",
                                             "messages", CounterKind::gauge),
    detail::row<&NodeStats::dead_letters>("dead_letters", "dropped messages that are kept now", "messages",
                                          CounterKind::gauge),
    detail::row<&NodeStats::dead_letter_bytes>("dead_letter_bytes", "bytes of the dropped messages that are kept now",
                                               "bytes", CounterKind::gauge),
    detail::row<&NodeStats::connections_in>("connections_in", "connections that peers have opened, now", "connections",
                                            CounterKind::gauge),
    detail::row<&NodeStats::connections_out>("connections_out", "connections that this node has opened, now",
                                             "connections", CounterKind::gauge),
    detail::row<&NodeStats::connections_shared>("connections_shared",
                                                "of connections_in: those that this node sends on, too", "connections",
                                                CounterKind::gauge),
    detail::row<&NodeStats::connections_in_memory>("connections_in_memory",
                                                   "of connections_in and connections_out: those with shared memory",
                                                   "connections", CounterKind::gauge),
};

/// What the counters of a peer are now.
template <class Stats, class Live, std::size_t kCount>
void take(const std::array<PeerCounterRow<Stats, Live>, kCount>& rows, const Live& live, Stats& stats) {
  for (const auto& row : rows) stats.*row.member = read(live.*row.live);
}

template <class Stats, class Live, std::size_t kCount>
void accumulate(const std::array<PeerCounterRow<Stats, Live>, kCount>& rows, const Stats& part, Stats& sum) {
  for (const auto& row : rows) sum.*row.member += part.*row.member;
}

}  // namespace distflow::runtime
