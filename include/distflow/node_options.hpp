// The options of a node. The defaults suit a service on one machine.
//
// Values; any thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <variant>

#include <distflow/message.hpp>
#include <distflow/version.hpp>

namespace distflow {

/// What a full mailbox does.
enum class Overflow {
  drop_newest,  ///< drops what comes
  drop_oldest,  ///< drops what has waited longest
  block,        ///< stops reading from the connection that brings more: TCP makes the sender wait
};

/// How much waits for a handler, and what happens to what comes beyond.
struct MailboxLimits {
  std::uint32_t max_size = 1000;                  ///< messages, at least 1
  std::size_t bytes_max = std::size_t{64} << 20;  ///< bytes of messages; a single larger one is dropped
  Overflow overflow = Overflow::drop_newest;      ///< what a full mailbox does
};

/// Gives a message's key: a part of its payload or its sender's nodeId. Any other view, and an empty one, is no key.
/// Called on the node's I/O thread for each message that has to wait for a handler; it must not block. What it throws
/// is counted and logged as what a handler throws, and the message has no key then.
using KeyFunction = std::function<std::string_view(const Message&)>;

/// The name of a member of the payload's object, at most 256 bytes of UTF-8, whose value is the key: compared as JSON
/// text, byte for byte, so that 1, 1.0 and "1" are three keys. Or a function. An empty name or function: none.
using ConflateBy = std::variant<std::string, KeyFunction>;

/// Where handlers run.
enum class Threading {
  /// On the node's I/O thread. Lowest latency. While a handler runs, the node receives nothing. While a handler is
  /// set, the mailbox drops nothing.
  inlined,
  /// On a second thread, fed by the mailbox. For handlers that block.
  dispatcher,
  /// On the thread that calls NodeRuntime::poll(), which is the one that called start(). The node has no thread of its
  /// own, except while it looks up a host name or starts a PMD.
  caller,
};

/// The least serious lines that the log has; each has those before it, too.
enum class LogVerbosity {
  error,  ///< what the node cannot mend by itself
  warn,   ///< what somebody should look at
  info,   ///< what happens seldom: start, registration, end
  debug,  ///< connections, and each further drop
};

/// Takes a line of the log: UTF-8 without its end, at most 1000 bytes, in which everything is visible. Called on the
/// node's threads and on those that call the node, maybe on several at once. It must not block, must not call this
/// library, and must not let go of the last NodeRuntime. When it throws, the line goes to the standard error.
using LogSink = std::function<void(LogVerbosity, std::string_view)>;

/// All options of NodeRuntime::start(). One outside its range: Errc::invalid_option, which names it.
struct NodeOptions {
  std::string alias{};  ///< the name others find it by; empty for none; at most 256 bytes

  /// The host of the PMD: a numeric address or a host name. Empty: the host of the environment variable
  /// DISTFLOW_PMD_ADDR=HOST:PORT, else 127.0.0.1.
  std::string pmd_host{};
  std::uint16_t pmd_port = 0;  ///< 0: the port of DISTFLOW_PMD_ADDR, else 4369

  /// Start a PMD if none answers, and only if the PMD's host is this machine's loopback. The program distflow-pmd is
  /// the one that DISTFLOW_PMD names, else the one beside the executable, else the one that was installed with the
  /// library, else the one on the PATH. A set-user-ID program ignores the environment: it takes the one beside the
  /// executable.
  bool start_pmd = true;
  /// A PMD that this node starts ends after this time without any connection.
  std::chrono::milliseconds pmd_idle_exit{30'000};

  std::string host = "127.0.0.1";  ///< the numeric address to listen on
  std::uint16_t port = 0;          ///< 0: the system chooses

  /// The address given to others; empty: `host`.
  std::string advertised_host{};
  /// Free text about this node for others (PeerInfo::meta), at most 32 entries; keys and values of at most 256 bytes.
  /// The PMD refuses a node of more than 40 KiB as JSON, with its groups: texts with many escapes make one so long.
  std::map<std::string, std::string> meta{};

  MailboxLimits mailbox{};  ///< bounds of what waits for a handler

  /// Of the messages that wait in the mailbox keep only the newest of each key, from any sender; what is replaced is
  /// counted as conflated. The order is that in which the keys came first. A message without a key is kept as any
  /// other, and the bounds of the mailbox hold for all. Messages wait with Threading::dispatcher; otherwise they are
  /// handled as they come, and only what comes before a handler is set waits. Example: options.conflate_by = "symbol";
  ConflateBy conflate_by{};
  Threading threading = Threading::inlined;  ///< where handlers run

  std::chrono::milliseconds heartbeat_interval{30'000};  ///< how often the node sends the PMD a heartbeat
  std::chrono::milliseconds ttl{60'000};                 ///< how long the PMD keeps a node that is silent

  /// How long start() may take. Until then it tries again to find a PMD or to start one. It fails earlier only for an
  /// error that no later attempt can change.
  std::chrono::milliseconds start_deadline{10'000};
  /// After a loss of the PMD: how long a peer may take to register again before it counts as gone.
  std::chrono::milliseconds rejoin_grace{5'000};
  /// How long messages wait for a peer that cannot be connected to.
  std::chrono::milliseconds connect_deadline{5'000};

  /// true: send() on the I/O thread hands each message to the operating system at once if nothing is queued for the
  /// peer. It then costs one system call for each message, and returns `written`. false: the messages of a turn of the
  /// I/O thread leave together at its end.
  bool write_at_once = false;

  std::uint32_t frame_size_max = 16u << 20;  ///< bytes of a message on the wire, both ways

  /// Bytes and messages under way to one peer, from all threads together: accepted, and not with the system yet. A
  /// bound beyond 32 GiB or 2^27 messages is as these. What has waited for the peer's name may come on top of it once.
  std::size_t send_bytes_max = std::size_t{64} << 20;
  std::uint32_t send_messages_max = 1u << 20;            ///< the same in messages
  std::uint32_t parked_messages_max = 1024;              ///< messages that wait for one name to be resolved
  std::size_t parked_bytes_max = std::size_t{64} << 20;  ///< bytes of messages that wait for any name

  /// Bytes of incomplete messages from others, in all; the connection that passes it is closed.
  std::size_t incomplete_bytes_max = std::size_t{256} << 20;
  std::uint32_t connections_max = 16384;  ///< connections from others

  /// How many connections to and from processes of the same user on this machine may go through shared memory. One
  /// moves there after 64 messages. Zero, or a system without such memory: none.
  std::uint32_t memory_connections_max = 16;
  /// Bytes of that memory for each direction: a power of two from 4 KiB to 16 MiB. This node refuses a peer's offer of
  /// more: that connection stays on its socket.
  std::size_t memory_ring_size = std::size_t{256} << 10;
  std::uint32_t targets_max = 65536;       ///< names sent to, in all
  std::uint32_t asks_max = 65536;          ///< requests of this node that have not ended; at most 1,048,576
  std::uint32_t asks_per_peer_max = 1024;  ///< of those, to one node

  /// "auto", "epoll", "kqueue" or "uring"; empty: the environment's DISTFLOW_IO, else auto.
  std::string backend{};
  /// How long at most a thread without work looks for more (it spins) before it sleeps; zero: it sleeps at once. A
  /// thread that spins need not be woken, and uses up to one core. It spins only while that has recently found work.
  /// kSpinMeasured: twice what a wake-up costs on this host, 20 to 250 µs, which the process's first node measures. A
  /// thread that shares its processor with the one that brings its work then sleeps.
  std::chrono::microseconds spin = kSpinMeasured;
  /// For `spin`: measured on this host. No time that can be asked for.
  static constexpr std::chrono::microseconds kSpinMeasured{-1};

  LogVerbosity log = LogVerbosity::warn;  ///< what is logged until NodeRuntime::set_log_level() says otherwise

  /// Takes the log of this node until its last handle is gone. Empty: lines "distflow: warn: ..." on standard error.
  LogSink log_sink{};

  /// Whether the node reports its counters when its PMD asks for them: for `distflow node`, `top` and `audit`. Its own
  /// user, root, and the user who runs the PMD can see them. While nobody asks, it costs nothing.
  bool introspection = true;

  /// How many messages that were accepted and then dropped are kept, the newest, for `distflow dead-letters`; requests,
  /// replies, what is published are not. Only a PMD of this user or of root gets them. Zero, no introspection: none.
  std::uint32_t dead_letters_max = 128;
  /// Bytes of their texts and names together. A message of more is not kept. Zero: none is.
  std::size_t dead_letter_bytes_max = std::size_t{256} << 10;
};

}  // namespace distflow
