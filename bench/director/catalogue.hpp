// The known contestants: which programs play for whom, with which options.
//
// Pure functions of the placement; any thread. Programs lie in one folder, beside distflow-bench.
// Use: const Catalogue catalogue(placement);
//      Seat seat = catalogue.node({.wait = NodeWait::spinning}, Work::round_trip, 128);
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/director/row.hpp"

namespace distflow::bench {

/// What all contestants have alike.
struct Placement {
  std::string folder{};
  bool pins = true;
  std::string congestion{};  ///< empty: the system's
};

/// How a node waits for work: as it does by itself, spinning while it pays; for long; or asleep at once.
enum class NodeWait : std::uint8_t { usual, spinning, blocking };

/// How a distflow node works.
struct NodeMode {
  std::string threading = "inlined";
  std::string backend{};  ///< empty: the library's choice
  NodeWait wait = NodeWait::usual;
  bool is_over_tcp = false;                 ///< all messages, though the nodes could share memory
  std::string source_threading = "caller";  ///< of the sources of one way
  std::uint64_t threads = 0;                ///< of the application, which send; 0: the sources' own
};

/// How a limit program waits for its socket; two_ways: it has one for each direction, as distflow's protocol does.
enum class Waits : std::uint8_t { blocking, in_epoll, spinning, spinning_two_ways };

class Catalogue {
 public:
  explicit Catalogue(Placement placement) : placement_(std::move(placement)) {}

  [[nodiscard]] static std::string name_of(const NodeMode& mode);
  [[nodiscard]] Seat node(const NodeMode& mode, Work work, std::uint64_t payload) const;

  /// Requests of distflow, or with --published its topics, under that name.
  [[nodiscard]] Seat messaging(const std::string& name, Work work, std::uint64_t payload, bool is_over_tcp) const;

  static constexpr const char* kReadyFrames = "ready-made frames";
  static constexpr const char* kRawStream = "raw stream";
  [[nodiscard]] Seat ready_frames(std::uint64_t payload) const;
  [[nodiscard]] Seat raw_stream(std::uint64_t payload) const;
  /// The same with a copy of each payload before it is written.
  static constexpr const char* kCopiedStream = "raw stream, copied once";
  [[nodiscard]] Seat copied_stream(std::uint64_t payload) const;
  [[nodiscard]] static std::string name_of(Waits waits);
  [[nodiscard]] Seat raw_ping(Waits waits, std::uint64_t payload) const;
  /// Two rings in shared memory, laid out as distflow's.
  static constexpr const char* kRawRing = "bare ring, spinning";
  [[nodiscard]] Seat raw_ring(std::uint64_t payload) const;

  static constexpr const char* kZmq = "libzmq";
  static constexpr const char* kNng = "nng";
  static constexpr const char* kNats = "NATS";
  static constexpr const char* kErlang = "Erlang";
  static constexpr const char* kAsio = "Asio";
  /// One of another make, by its name.
  [[nodiscard]] Seat peer(const std::string& name, Work work, std::uint64_t payload) const;
  /// All of another make.
  [[nodiscard]] std::vector<Seat> peers(Work work, std::uint64_t payload) const;

  static constexpr const char* kAeron = "Aeron IPC";
  /// Aeron between processes of one machine. Not one of peers(): beside it others have to share memory, too.
  [[nodiscard]] Seat aeron(Work work, std::uint64_t payload) const;

  static constexpr const char* kRawEcho = "raw epoll echo";
  /// Many connections that each send a frame and wait for its echo.
  [[nodiscard]] Seat node_swarm(const NodeMode& mode, std::uint64_t connections, std::uint64_t payload) const;
  [[nodiscard]] Seat raw_swarm(std::uint64_t connections, std::uint64_t payload) const;

  /// Load on a PMD; `options` say which.
  [[nodiscard]] Seat pmd_load(const std::string& name, std::vector<std::string> options) const;
  static constexpr const char* kEpmd = "epmd, a connection a look-up";
  [[nodiscard]] Seat epmd_load() const;

  /// Two threads that wake each other by eventfd, futex, condition or line.
  [[nodiscard]] Seat wake(const std::string& name, const std::string& by) const;

  /// A program that does its work by itself; `options` say which.
  [[nodiscard]] Seat solo(Side side, const std::string& name, const std::string& program,
                          std::vector<std::string> options) const;

 private:
  [[nodiscard]] Part part(const std::string& program, std::vector<std::string> options = {}) const;
  /// A pair of responder and driver of one program.
  [[nodiscard]] Seat pair(Side side, const std::string& name, const std::string& program, Work work,
                          std::uint64_t payload, std::vector<std::string> options = {}) const;

  Placement placement_;
};

}  // namespace distflow::bench
