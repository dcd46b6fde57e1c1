// A simulated process, as its operating system sees it: descriptors, what they are ready for, two clocks, randomness.
// It is the Poller's and the System's other side (sim/backend.hpp).
//
// The network's thread, except wake().
//   1. Descriptors are given out lowest first, and given out again as soon as they are closed, as systems do.
//   2. Readiness is edge-triggered: each edge is reported once, in the order of the edges.
//   3. Alone, a wait lets time jump to the next event or its end. Driven, it never lets time pass: the driver of the
//      simulation turns the process again when has_work() or sleeps_until() says so.
//   4. Once severed, the process reaches nobody and nobody it: its streams have failed, and its own time jumps, so that
//      its parts can be taken down without a trace in the simulation.
// Use: Process process(network, Process::Pace::driven); auto backend = make_backend(process, chunks);
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

#include <distflow/result.hpp>

#include "base/random.hpp"
#include "base/time.hpp"
#include "io/backend.hpp"
#include "io/peer_owner.hpp"
#include "io/poller.hpp"
#include "io/sim/network.hpp"

namespace distflow::io::sim {

class Process {
 public:
  /// The user of a process that is given none.
  static constexpr std::uint32_t kUserAtFirst = 1000;
  enum class Pace { alone, driven };
  /// How a process goes: killed, when the system ends its streams, or gone with its machine: nobody is notified.
  enum class Severance { killed, vanished };

  /// `network` must outlive the process.
  Process(Network& network, Pace pace);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] std::uint32_t id() const { return id_; }

  // For the driver of the simulation.

  /// To be called before each turn, which may end without a wait.
  void begin_turn() { is_asleep_ = false; }
  /// Whether a turn would find something to do at once.
  [[nodiscard]] bool has_work() const {
    return !is_asleep_ || !ready_.empty() || wakes_.load(std::memory_order_relaxed) > 0;
  }
  /// When the wait that its last turn ended in is over, in the network's time.
  [[nodiscard]] base::Instant sleeps_until() const { return sleeps_until_; }
  void sever(Severance how);
  [[nodiscard]] bool is_severed() const { return is_severed_; }
  void set_descriptors_max(std::size_t count) { descriptors_max_ = count; }
  void jump_clocks(base::Duration monotonic, base::WallMs wall);
  /// As whom the process opens and accepts streams from now on. Unknown: its system reports it to no process.
  void set_user(PeerOwner user) { user_ = user; }
  [[nodiscard]] PeerOwner user() const { return user_; }

  // The poller's verbs.

  void add(int fd, std::uint64_t token);
  void remove(int fd) noexcept;
  std::size_t wait(base::Duration timeout, std::span<Readiness> out);
  [[nodiscard]] bool was_woken() const { return was_woken_; }
  /// Any thread, any signal handler.
  void wake() noexcept;

  // The system's verbs.

  Result<int> open_listener(const Address& address, const ListenOptions& options);
  Result<int> open_connecting(const Address& address);
  Result<void> connect_outcome(int fd);
  Result<int> accept_stream(int listener, Address& peer);
  Result<Address> local_address(int fd);
  std::ptrdiff_t receive(int fd, char* out, std::size_t size);
  std::ptrdiff_t send_gathered(int fd, std::span<const Piece> pieces, std::size_t offset);
  void discard_received(int fd);
  /// As a system's shutdown of sending.
  void end_sending(int fd);
  void close_fd(int fd);
  Result<SharedMemory> create_memory(std::size_t size);
  Result<SharedMemory> open_memory(std::string_view name, std::size_t size);
  [[nodiscard]] PeerOwner owner_of_peer(int fd) const;
  [[nodiscard]] base::Instant now() const { return network_.now() + clock_ahead_; }
  [[nodiscard]] base::WallMs wall_ms() const;
  void fill_random(std::span<std::byte> out);

  // The network's.

  /// Tells of an edge; its token is filled in here.
  void notify(int fd, Readiness edge);
  [[nodiscard]] bool has_room_for_dial(int listener) const;
  void take_dial(int listener, EndId accepted);

 private:
  struct Socket {
    enum class Kind : std::uint8_t { free, listener, stream };
    Kind kind = Kind::free;
    bool is_watched = false;
    bool is_ready = false;  // on the ready list
    Readiness edge;         // not reported yet
    EndId end;              // a stream's
    Address address;        // a listener's
    std::size_t backlog_max = 0;
    std::deque<EndId> backlog;
  };

  Result<int> open(Socket::Kind kind, const char* doing);
  [[nodiscard]] std::size_t open_count() const;
  void sever_socket(Socket& socket, Severance how);
  void draw_faults();
  std::size_t take_ready(std::span<Readiness> out);
  void pass_time(base::Duration timeout);

  Network& network_;
  const std::uint32_t id_;
  const Pace pace_;
  PeerOwner user_ = PeerOwner::user(kUserAtFirst);
  base::Random random_;
  std::vector<Socket> sockets_;  // by descriptor
  std::deque<int> ready_;
  std::vector<std::uint64_t> late_;  // tokens of closed descriptors, of which an event is still to come
  std::size_t descriptors_max_ = SIZE_MAX;
  base::Duration clock_ahead_{};  // of the network's time
  base::WallMs wall_ahead_ = 0;
  base::Instant sleeps_until_{};
  bool is_asleep_ = false;
  bool is_severed_ = false;
  bool was_woken_ = false;
  std::atomic<int> wakes_{0};  // any thread; what a waiter sleeps on
};

}  // namespace distflow::io::sim
