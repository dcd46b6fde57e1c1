// What a node can be told at its start. The defaults suit a service on one machine.
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
  block,        ///< stops reading the connection that brings more: TCP holds the sender back
};

struct MailboxLimits {
  std::uint32_t max_size = 1000;                  ///< messages, at least 1
  std::size_t bytes_max = std::size_t{64} << 20;  ///< bytes of messages; a single larger one is dropped
  Overflow overflow = Overflow::drop_newest;
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
  /// On the node's I/O thread. Lowest latency. While a handler works nothing is received, and with one nothing is
  /// dropped.
  inlined,
  /// On a second thread, fed by the mailbox. For handlers that block.
  dispatcher,
  /// On the thread that calls NodeRuntime::poll(), which is the one that called start(). The node has no thread of its
  /// own; looking up host names and starting a PMD still take one for as long as they last.
  caller,
};

enum class LogVerbosity { error, warn, info, debug };

struct NodeOptions {
  std::string alias{};  ///< the name others find it by; empty for none; at most 256 bytes

  /// Where the PMD is: a numeric address or a host name. Empty: what DISTFLOW_PMD_ADDR=HOST:PORT says in the
  /// environment, else 127.0.0.1.
  std::string pmd_host{};
  std::uint16_t pmd_port = 0;  ///< 0: what DISTFLOW_PMD_ADDR says, else 4369
  /// Start the PMD when none answers; only where the PMD's host is this machine's loopback. The program distflow-pmd is
  /// what DISTFLOW_PMD says, else the one beside the executable, else the one that was installed with the library, else
  /// the one on the PATH. A set-user-ID program heeds no environment: there it is the one beside the executable.
  bool start_pmd = true;
  /// A PMD started by this node ends after so long without any connection.
  std::chrono::milliseconds pmd_idle_exit{30'000};

  std::string host = "127.0.0.1";  ///< the numeric address to listen on
  std::uint16_t port = 0;          ///< 0: the system chooses
  /// The address given to others; empty: `host`.
  std::string advertised_host{};
  /// Free text that others see with this node, at most 32 entries of 256 bytes.
  std::map<std::string, std::string> meta{};

  MailboxLimits mailbox{};
  /// Of the messages that wait in the mailbox keep only the newest of each key, whoever sent them; what is replaced is
  /// counted as conflated. The order is that in which the keys came first. A message without a key is kept as any
  /// other, and the bounds of the mailbox hold for all. Messages wait with Threading::dispatcher; otherwise they are
  /// handled as they come, and only what comes before a handler is set waits. Example: options.conflate_by = "symbol";
  ConflateBy conflate_by{};
  Threading threading = Threading::inlined;

  std::chrono::milliseconds heartbeat_interval{30'000};
  std::chrono::milliseconds ttl{60'000};  ///< how long the PMD keeps a node that is silent
  /// How long start() may take. Until then it looks for a PMD, and has one started, again and again; at once it fails
  /// only for what no later attempt can change.
  std::chrono::milliseconds start_deadline{10'000};
  /// After the PMD was away: how long a peer may take to register again before it counts as gone.
  std::chrono::milliseconds rejoin_grace{5'000};
  /// How long messages wait for a peer that cannot be connected to.
  std::chrono::milliseconds connect_deadline{5'000};

  /// Hand each message to the operating system inside send(), where that runs on the I/O thread and nothing is queued
  /// for the peer: a system call a message, and the verdict `written`. Otherwise a turn's messages leave together.
  bool write_at_once = false;

  std::uint32_t frame_size_max = 16u << 20;              ///< bytes of a message on the wire, both ways
  std::size_t send_bytes_max = std::size_t{64} << 20;    ///< bytes queued for one peer
  std::uint32_t send_messages_max = 1u << 20;            ///< messages queued for one peer
  std::uint32_t parked_messages_max = 1024;              ///< messages that wait for one name to be resolved
  std::size_t parked_bytes_max = std::size_t{64} << 20;  ///< bytes of messages that wait for any name
  /// Bytes of incomplete messages from others, in all; the connection that passes it is closed.
  std::size_t incomplete_bytes_max = std::size_t{256} << 20;
  std::uint32_t connections_max = 16384;  ///< connections from others
  /// Connections to and from this user's processes on this machine that go through shared memory once they have carried
  /// 64 messages, at most. Zero: none do. Where the system has no such memory, none do either.
  std::uint32_t memory_connections_max = 16;
  /// Bytes of that memory for each direction: a power of two from 4 KiB to 16 MiB. A peer that offers more is refused,
  /// and its connection stays with the kernel.
  std::size_t memory_ring_size = std::size_t{256} << 10;
  std::uint32_t targets_max = 65536;  ///< names sent to, in all

  /// "auto", "epoll", "kqueue" or "uring"; empty: the environment's DISTFLOW_IO, else auto.
  std::string backend{};
  /// How long at most a thread that has run out of work looks for more before it sleeps; zero: not at all. It does so
  /// only while work has lately come within that time: then nobody has to wake it, for up to a core of CPU time.
  /// kSpinMeasured: twice what a wake-up costs on this host, 20 to 250 µs, which the process's first node measures. A
  /// thread that shares its processor with whoever brings its work then sleeps.
  std::chrono::microseconds spin = kSpinMeasured;
  static constexpr std::chrono::microseconds kSpinMeasured{-1};

  LogVerbosity log = LogVerbosity::warn;
};

}  // namespace distflow
