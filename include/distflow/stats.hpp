// A node's counters, as read at one moment.
//
// Values; any thread. Counters only grow; a depth is the number at this moment.
//   Sender, per peer:   accepted = written + queued + the sum of its dropped_*.
//   Receiver, per peer: received = handled + waiting + conflated + the sum of its dropped_*.
//   Requests made:      asked = replied + the sum of failed_* + pending.
//   Requests received:  received = answered + the sum of said_* + waiting + in_handlers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <distflow/histogram.hpp>
#include <distflow/version.hpp>

namespace distflow {

/// What became of messages that were sent, in messages.
struct SendStats {
  std::uint64_t accepted = 0;                 ///< verdict written or queued
  std::uint64_t written = 0;                  ///< handed to the operating system
  std::uint64_t dropped_unreachable = 0;      ///< no connection to the peer in time
  std::uint64_t dropped_connection_lost = 0;  ///< lost with a connection that broke
  std::uint64_t dropped_peer_left = 0;        ///< the peer left before they could be sent
  std::uint64_t dropped_unresolved = 0;       ///< the PMD knows no such node
  std::uint64_t dropped_queue_full = 0;  ///< accepted, and then no memory to queue it; or published, and no room for it
  std::uint64_t dropped_shutdown = 0;    ///< discarded by shutdown()

  /// All that were accepted and then dropped.
  [[nodiscard]] std::uint64_t dropped() const {
    return dropped_unreachable + dropped_connection_lost + dropped_peer_left + dropped_unresolved + dropped_queue_full +
           dropped_shutdown;
  }
};

/// What became of messages that came, in messages.
struct ReceiveStats {
  std::uint64_t received = 0;                ///< taken from a connection, for this node
  std::uint64_t handled = 0;                 ///< given to a handler
  std::uint64_t dropped_mailbox_newest = 0;  ///< came when the mailbox was full
  std::uint64_t dropped_mailbox_oldest = 0;  ///< had waited longest when the mailbox was full
  std::uint64_t dropped_shutdown = 0;        ///< waited for a handler when the node ended
  std::uint64_t dropped_unsubscribed = 0;    ///< of a topic that this node does not, or no longer, subscribe to
  std::uint64_t conflated = 0;               ///< replaced by a newer one of the same key; not among dropped()
  std::uint64_t replies = 0;                 ///< replies to requests that came; not among received

  /// All that came and were then dropped.
  [[nodiscard]] std::uint64_t dropped() const {
    return dropped_mailbox_newest + dropped_mailbox_oldest + dropped_shutdown + dropped_unsubscribed;
  }
};

/// The messages to and from one peer.
struct PeerStats {
  /// "(others)": all peers beyond the 4096 that are counted one by one. "(unresolved)": messages to no known peer,
  /// and what other threads had written for a peer that had left by then.
  std::string node_id;
  SendStats sent;         ///< to it
  ReceiveStats received;  ///< from it
};

/// Requests and replies (ask.hpp). They are messages, too: requests are in SendStats and ReceiveStats, replies are in
/// SendStats.
struct AskStats {
  std::uint64_t asked = 0;                   ///< verdict written or queued
  std::uint64_t replied = 0;                 ///< whose callback had a reply
  std::uint64_t failed_unresolved = 0;       ///< whose callback had that AskError, as all of these
  std::uint64_t failed_unsupported = 0;      ///< the node does not take requests
  std::uint64_t failed_not_sent = 0;         ///< no room, no connection
  std::uint64_t failed_peer_left = 0;        ///< the node left
  std::uint64_t failed_connection_lost = 0;  ///< the connection broke with them in it
  std::uint64_t failed_no_handler = 0;       ///< nobody answers there
  std::uint64_t failed_busy = 0;             ///< no room there
  std::uint64_t failed_expired = 0;          ///< the time was over there
  std::uint64_t failed_denied = 0;           ///< the handler there said so
  std::uint64_t failed_failed = 0;           ///< the handler there failed
  std::uint64_t failed_deadline = 0;         ///< nothing came in time
  std::uint64_t failed_cancelled = 0;        ///< cancelled by this node's application
  std::uint64_t failed_shut_down = 0;        ///< this node or the other one was shut down
  std::uint64_t failed_reply_lost = 0;       ///< answered, and no room for the reply until its callback
  std::uint64_t pending = 0;                 ///< asked, and no callback yet
  std::uint64_t late = 0;                    ///< replies to requests that had ended
  std::uint64_t unasked = 0;                 ///< replies of whom nothing was asked, or on a connection that is not its
  std::uint64_t retried = 0;                 ///< times that one was to be sent again, or to another as well
  std::uint64_t retries_refused = 0;         ///< times that one was not, at the bound of a tenth of all requests

  std::uint64_t received = 0;         ///< requests that came
  std::uint64_t answered = 0;         ///< with a reply
  std::uint64_t said_no_handler = 0;  ///< answered with that word, as all of these
  std::uint64_t said_busy = 0;        ///< the mailbox of requests was full
  std::uint64_t said_expired = 0;     ///< the time was over before the handler
  std::uint64_t said_denied = 0;      ///< by the handler
  std::uint64_t said_failed = 0;      ///< by the handler, or it threw, or let go of its Responder
  std::uint64_t said_shut_down = 0;   ///< this node was shut down before
  std::uint64_t waiting = 0;          ///< for the handler
  std::uint64_t in_handlers = 0;      ///< that a Responder is open for
  std::uint64_t cancels = 0;          ///< requests received whose asker has lost interest
  std::uint64_t answers_lost = 0;     ///< of those above: not sent, as the asker is not there or there was no room

  /// Requests of this node that ended with an error: the sum over its reasons.
  [[nodiscard]] std::uint64_t failed() const {
    return failed_unresolved + failed_unsupported + failed_not_sent + failed_peer_left + failed_connection_lost +
           failed_no_handler + failed_busy + failed_expired + failed_denied + failed_failed + failed_deadline +
           failed_cancelled + failed_shut_down + failed_reply_lost;
  }
  /// Requests received that were answered with an error: the sum over its words.
  [[nodiscard]] std::uint64_t said() const {
    return said_no_handler + said_busy + said_expired + said_denied + said_failed + said_shut_down;
  }
};

/// How long messages and requests take at their receiver, in nanoseconds. Estimates from a sample: of messages that
/// come fast one in 256 is timed at random, and counts for all since the one before. All zeros without a clock.
struct LatencyStats {
  Histogram queue_wait;  ///< from when it was read to its handler; of a request, whole milliseconds, rounded down
  Histogram handler;     ///< in the handler
};

/// What NodeRuntime::stats() gives.
struct NodeStats {
  SendStats sent;                ///< all peers together
  ReceiveStats received;         ///< all peers together
  AskStats asks;                 ///< requests and replies
  LatencyStats latency;          ///< of all that was handled
  std::vector<PeerStats> peers;  ///< one by one

  std::uint64_t refused_queue_full = 0;      ///< sends whose verdict was queue_full
  std::uint64_t refused_unresolved = 0;      ///< sends whose verdict was unresolved
  std::uint64_t malformed = 0;               ///< received frames that are not messages
  std::uint64_t misrouted = 0;               ///< received messages for another nodeId
  std::uint64_t extensions_too_long = 0;     ///< received messages whose too long extension was dropped
  std::uint64_t connections_overflowed = 0;  ///< connections closed at incomplete_bytes_max
  std::uint64_t tasks_lost = 0;              ///< peer events and calls lost for lack of room or memory
  std::uint64_t calls_out_of_memory = 0;     ///< calls that failed for lack of memory
  std::uint64_t events_out_of_memory = 0;    ///< events and timers dropped for lack of memory
  std::uint64_t frames_too_long = 0;         ///< connections closed: a frame announced more than frame_size_max
  std::uint64_t handler_exceptions = 0;      ///< handlers that threw
  std::uint64_t connections_accepted = 0;    ///< from others
  std::uint64_t connections_refused = 0;     ///< at connections_max
  std::uint64_t accept_pauses = 0;           ///< times that accepting paused for lack of descriptors
  std::uint64_t handshakes_failed = 0;       ///< of streams with a handshake, from and to others and the PMD
  std::uint64_t handshakes_refused = 0;      ///< connections closed: too many handshakes were under way, or no memory
  std::uint64_t chunks_missing = 0;          ///< times that receiving paused for lack of memory
  std::uint64_t wakes = 0;                   ///< times that a thread woke the I/O thread
  bool is_registered = false;                ///< with the PMD, as far as this node knows
  std::uint64_t registrations_lost = 0;      ///< times that the registration was lost
  std::uint64_t pmd_connections = 0;         ///< sessions with the PMD so far
  std::uint64_t pmd_starts = 0;              ///< times that this node started a PMD
  std::uint64_t pings_dropped = 0;           ///< pings of a peer that does not read, which were not answered
  std::uint64_t stats_told = 0;              ///< questions of the PMD for counters that were answered
  std::uint64_t stats_refused = 0;           ///< such questions: too many, another user's, or no room to answer
  std::uint64_t published = 0;               ///< messages to topics, each counted once, however many subscribe
  std::uint64_t published_copies = 0;        ///< of these, one for each subscriber; each is accepted under its peer
  std::uint64_t retained_copies = 0;         ///< of these copies, those of retained messages to later subscribers
  std::uint64_t not_retained = 0;  ///< messages to topics that retain some, too large or without memory for it
  std::uint64_t dead_letters_displaced = 0;  ///< dropped messages that were kept until newer ones needed the room
  std::uint64_t dead_letters_not_kept = 0;   ///< dropped messages never kept: larger than all the room, or no memory
  std::uint64_t dead_letters_redriven = 0;   ///< dropped messages that were sent again, as somebody asked for it
  std::uint64_t cpu_us = 0;                  ///< processor time that the process has used, in microseconds

  std::size_t mailbox_size = 0;           ///< messages that wait for a handler
  std::size_t mailbox_bytes = 0;          ///< bytes of these
  std::size_t mailbox_high_water = 0;     ///< the most messages that have waited at once
  std::size_t topics_waiting = 0;         ///< messages of topics that wait for a handler
  std::size_t send_queue_messages = 0;    ///< messages that wait to be sent to known peers
  std::size_t parked_messages = 0;        ///< messages that wait for their name to be resolved
  std::size_t dead_letters = 0;           ///< dropped messages that are kept
  std::size_t dead_letter_bytes = 0;      ///< bytes of these
  std::size_t connections_in = 0;         ///< open, made by others
  std::size_t connections_out = 0;        ///< open, made by this node
  std::size_t connections_shared = 0;     ///< of connections_in: those that this node sends on, too
  std::size_t connections_in_memory = 0;  ///< of both: those with shared memory

  std::string backend;                  ///< the I/O backend in use
  std::string backend_fallback_reason;  ///< why it is not the requested one; empty when it is
};

/// What shutdown() could not finish.
struct ShutdownReport {
  bool is_complete = false;              ///< false when a handler called it: the node ends after that returns
  bool is_unregistered = false;          ///< the PMD confirmed
  std::uint64_t discarded_outgoing = 0;  ///< messages accepted and not sent
  std::uint64_t discarded_incoming = 0;  ///< messages received and not handled
};

}  // namespace distflow
