// The backend of a simulated process: ReadinessBackend over a system in memory. What runs in a simulation is the code
// that runs on epoll and kqueue.
//
// The network's thread, except wake().
// Use: auto backend = sim::make_backend(process, chunks);    in a simulation of several processes
//      auto backend = sim::make_lone_backend(chunks);        a network of its own; time jumps while it waits
#pragma once

#include <memory>

#include "io/readiness_backend.hpp"
#include "io/sim/process.hpp"

namespace distflow::io::sim {

/// A process that may own its network, or be somebody else's.
using ProcessPtr = std::shared_ptr<Process>;

class Poller {
 public:
  static constexpr std::string_view kName = "sim";

  explicit Poller(ProcessPtr process) : process_(std::move(process)) {}

  static Result<void> open() { return {}; }
  Result<void> add(int fd, std::uint64_t token) {
    process_->add(fd, token);
    return {};
  }
  void remove(int fd) noexcept { process_->remove(fd); }
  std::size_t wait(base::Duration timeout, std::span<Readiness> out) { return process_->wait(timeout, out); }
  [[nodiscard]] bool was_woken() const { return process_->was_woken(); }
  void wake() noexcept { process_->wake(); }
  [[nodiscard]] static int fd() { return -1; }

 private:
  const ProcessPtr process_;
};

class System {
 public:
  explicit System(ProcessPtr process) : process_(std::move(process)) {}

  Result<int> open_listener(const Address& address, const ListenOptions& options) {
    return process_->open_listener(address, options);
  }
  Result<int> open_connecting(const Address& address, const StreamOptions&) {
    return process_->open_connecting(address);
  }
  Result<void> connect_outcome(int fd) { return process_->connect_outcome(fd); }
  Result<int> accept_stream(int listener, Address& peer) { return process_->accept_stream(listener, peer); }
  Result<Address> local_address(int fd) { return process_->local_address(fd); }
  static void delay_acknowledgements(int) {}  // there are none
  std::ptrdiff_t receive(int fd, char* out, std::size_t size) { return process_->receive(fd, out, size); }
  std::ptrdiff_t send_gathered(int fd, std::span<const Piece> pieces, std::size_t offset) {
    return process_->send_gathered(fd, pieces, offset);
  }
  void discard_received(int fd) { process_->discard_received(fd); }
  void close_fd(int fd) { process_->close_fd(fd); }
  Result<SharedMemory> create_memory(std::size_t size) { return process_->create_memory(size); }
  Result<SharedMemory> open_memory(std::string_view name, std::size_t size) {
    return process_->open_memory(name, size);
  }
  PeerOwner owner_of_peer(int fd) { return process_->owner_of_peer(fd); }
  PeerOwner own_user() { return process_->user(); }
  base::Instant now() { return process_->now(); }
  base::Instant now_coarse() { return process_->now(); }
  base::WallMs wall_ms() { return process_->wall_ms(); }
  void fill_random(std::span<std::byte> out) { process_->fill_random(out); }

 private:
  const ProcessPtr process_;
};

using Backend = ReadinessBackend<Poller, System>;

/// `process` must outlive the backend, and `chunks` both.
inline Result<std::unique_ptr<io::Backend>> make_backend(Process& process, base::ChunkPool& chunks) {
  return Backend::create(chunks, ProcessPtr(ProcessPtr(), &process));
}

/// A backend with a network of its own, without faults. Both ends of its streams are its own.
Result<std::unique_ptr<io::Backend>> make_lone_backend(base::ChunkPool& chunks);

}  // namespace distflow::io::sim
