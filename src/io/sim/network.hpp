// A network in memory: virtual time, simulated processes, the streams between them, and faults. One seed decides all.
//
// One thread, except Process::wake() (process.hpp).
//   1. Equal seeds and equal calls give equal runs: nothing depends on addresses, hashes, real time or threads.
//   2. Time passes in run_until() only, which delivers what is due, in order.
//   3. Without faults nothing is lost, and what is on its way to a process that is cut off waits until it no longer is.
// Use: Network network({.seed = 1}); Process node(network); ... network.run_until(network.next_event());
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <queue>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/delegate.hpp"
#include "base/random.hpp"
#include "io/operation.hpp"
#include "io/peer_owner.hpp"
#include "io/shared_memory.hpp"
#include "io/sim/fault.hpp"
#include "io/sim/stream.hpp"

namespace distflow::io::sim {

using StreamId = std::uint32_t;

/// Names one end of a stream.
struct EndId {
  StreamId stream = UINT32_MAX;
  std::uint8_t side = 0;

  [[nodiscard]] EndId other() const { return {stream, static_cast<std::uint8_t>(1 - side)}; }
};

struct NetworkOptions {
  std::uint64_t seed = 0;
  base::Duration latency_min{};  ///< of a stream, one way; drawn for each
  base::Duration latency_max{};
  std::size_t capacity_min = 256 * 1024;  ///< bytes that a stream takes in one direction; drawn for each
  std::size_t capacity_max = 256 * 1024;
};

/// As a system call that fails: -1, and errno.
inline std::ptrdiff_t fail(int errno_value) {
  errno = errno_value;
  return -1;
}

class Network {
 public:
  explicit Network(const NetworkOptions& options);
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  [[nodiscard]] base::Instant now() const { return now_; }
  /// When something happens next by itself; kNever when nothing does.
  [[nodiscard]] base::Instant next_event() const { return events_.empty() ? base::kNever : events_.top().at; }
  /// Lets time pass, and delivers what is due by then.
  void run_until(base::Instant then);

  [[nodiscard]] base::Random& random() { return random_; }
  [[nodiscard]] FaultRates& rates() { return rates_; }
  [[nodiscard]] const FaultCounts& counts() const { return counts_; }
  /// Whether the fault strikes now; counted if it does.
  bool strikes(Fault fault);
  void count(Fault fault) { ++counts_[fault]; }
  [[nodiscard]] std::uint64_t event_count() const { return event_count_; }

  /// How many connections one process has made to another, ever.
  [[nodiscard]] std::uint64_t connections(std::uint32_t from_process, std::uint32_t to_process) const {
    const auto found = connections_.find({from_process, to_process});
    return found == connections_.end() ? 0 : found->second;
  }

  /// From now on nothing passes between the two, until it is mended.
  void cut(std::uint32_t one_process, std::uint32_t other_process);
  void mend(std::uint32_t one_process, std::uint32_t other_process);
  void mend_all();
  /// From now on what passes between the two takes so much longer, each way; zero: no longer than at first.
  void delay(std::uint32_t one_process, std::uint32_t other_process, base::Duration longer);
  /// Every stream between the two breaks, both ways.
  void break_streams(std::uint32_t one_process, std::uint32_t other_process);

  /// Gets a line for all that happens.
  void set_trace(base::Delegate<void(std::string_view)> sink) { trace_ = sink; }
  [[nodiscard]] bool is_traced() const { return static_cast<bool>(trace_); }
  __attribute__((format(printf, 2, 3))) void trace(const char* format, ...);

  // For processes.

  std::uint32_t next_process_id() { return process_count_++; }
  /// One that no listener has.
  std::uint16_t next_port();
  struct Listener {
    Address address;
    Process* process;
    int fd;
  };
  [[nodiscard]] Listener* find_listener(const Address& address);
  void add_listener(const Listener& listener) { listeners_.push_back(listener); }
  void remove_listener(const Process& process, int fd);

  SharedMemory create_memory(std::uint32_t process, std::size_t size);
  Result<SharedMemory> open_memory(std::string_view name, std::size_t size);
  /// Whatever can be opened now, by name.
  [[nodiscard]] const auto& memories() const { return memories_; }

  EndId connect(Process& process, int fd, const Address& destination);
  [[nodiscard]] Stream& stream(StreamId id) { return *streams_[id]; }
  void accept(EndId end, Process& process, int fd);
  /// The user who opened or accepted that end, as the system reports it to the other one.
  [[nodiscard]] PeerOwner owner_of(EndId id);
  /// Takes bytes, as many as there is room for; -1 with errno.
  std::ptrdiff_t send(EndId end, std::span<const Piece> pieces, std::size_t offset);
  std::ptrdiff_t receive(EndId end, char* out, std::size_t size);
  void discard(EndId end);
  /// Whether anywhere bytes have come that their reader has not taken.
  [[nodiscard]] bool has_unread() const;
  /// Ends what an end sends, and leaves open what it receives.
  void end_sending(EndId end);
  /// Ends an end as a system does: with a reset if there is something unread.
  void close(EndId end);
  /// Ends an end whose machine is gone: nobody is notified.
  void silence(EndId end);

 private:
  enum class Kind : std::uint8_t { dial, outcome, bytes, room, end, reset };
  struct Event {
    base::Instant at;
    std::uint64_t order;  // of events at one time
    std::uint64_t offset;
    EndId end;  // which it comes to
    Kind kind;
    friend bool operator>(const Event& a, const Event& b) { return a.at != b.at ? a.at > b.at : a.order > b.order; }
  };

  static constexpr std::uint16_t kPortMin = 32'768;  // of those that are given out

  void schedule(base::Instant at, Kind kind, EndId end, std::uint64_t offset = 0);
  void schedule_soon(Kind kind, EndId end);
  void schedule_bytes(EndId to, std::uint64_t from);
  void deliver(const Event& event);
  void dial(const Event& event);
  void arrive(EndId end, std::uint64_t offset);
  void break_end(EndId end);
  void consume(EndId reader, std::size_t size);
  void notify(EndId end, bool can_read, bool can_write);
  [[nodiscard]] bool is_cut(const Event& event);
  base::Duration draw(base::Duration from, base::Duration to);
  std::size_t append(Pipe& pipe, std::span<const Piece> pieces, std::size_t offset, std::size_t size_max);
  void release_if_over(StreamId id);
  [[nodiscard]] base::Duration latency(const Stream& stream) const;

  const NetworkOptions options_;
  base::Random random_;
  base::Instant now_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::uint64_t scheduled_count_ = 0;
  std::uint64_t event_count_ = 0;                 // delivered
  std::vector<std::unique_ptr<Stream>> streams_;  // by id; null once both ends are closed
  std::vector<Listener> listeners_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, bool> cuts_;  // and whether something was held back there
  std::map<std::pair<std::uint32_t, std::uint32_t>, base::Duration> delays_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint64_t> connections_;
  std::map<std::string, SharedMemory, std::less<>> memories_;  // those that can be opened
  std::uint64_t memory_count_ = 0;                             // ever
  std::uint32_t process_count_ = 0;
  std::uint16_t next_port_ = kPortMin;
  FaultRates rates_;
  FaultCounts counts_;
  base::Delegate<void(std::string_view)> trace_;
};

}  // namespace distflow::io::sim
