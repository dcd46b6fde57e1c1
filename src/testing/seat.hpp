// A seat of the mesh: a simulated process, with the node or the PMD that runs in it.
//
// One thread: that of the mesh.
//   1. A seat is turned by the mesh, and has its own time only once it is severed.
// Use: NodeSeat seat(table, "orders"); ... seat.turn(); ... seat.is_over()
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "io/sim/backend.hpp"
#include "pmd/server/server.hpp"
#include "runtime/process/node_host.hpp"

namespace distflow::testing {

using Severance = io::sim::Process::Severance;

/// What all seats share. The mesh has it, and what a handle that outlives the mesh still needs.
struct Table {
  explicit Table(const io::sim::NetworkOptions& options) : network(options) {}
  virtual ~Table() = default;

  /// Whether the calling thread may turn the mesh.
  [[nodiscard]] virtual bool can_turn() const = 0;
  virtual void turn_until(base::Delegate<bool()> done, base::Instant until) = 0;

  io::sim::Network network;
};

class Seat {
 public:
  Seat(io::sim::Network& network, std::string name)
      : network_(network), name_(std::move(name)), process_(network, io::sim::Process::Pace::driven) {}
  virtual ~Seat() = default;
  Seat(const Seat&) = delete;
  Seat& operator=(const Seat&) = delete;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] io::sim::Process& process() { return process_; }
  [[nodiscard]] std::uint32_t id() const { return process_.id(); }
  void set_paused(bool is_paused) { is_paused_ = is_paused; }

  /// When it is to be turned; Instant::min() for at once.
  [[nodiscard]] base::Instant due() const {
    if (is_paused_) return base::kNever;
    return process_.has_work() ? base::Instant::min() : process_.sleeps_until();
  }
  void turn() {
    process_.begin_turn();
    turn_reactor();
  }
  /// Severs it, and ends it where nobody receives from it. False if it does not end.
  [[nodiscard]] bool take_down(Severance how) {
    constexpr int turns_max = 10'000;
    process_.sever(how);
    begin_end();
    for (int i = 0; i < turns_max && !is_over(); ++i) turn();
    return is_over();
  }
  /// Whether it has ended, with all its connections.
  [[nodiscard]] virtual bool is_over() = 0;

 protected:
  virtual void turn_reactor() = 0;
  virtual void begin_end() = 0;
  void trace_line(std::string_view line) {
    if (!process_.is_severed()) {
      network_.trace("%s: %.*s", name_.c_str(), static_cast<int>(line.size()), line.data());
    }
  }

  io::sim::Network& network_;

 private:
  const std::string name_;
  io::sim::Process process_;
  bool is_paused_ = false;
};

class PmdSeat final : public Seat {
 public:
  PmdSeat(io::sim::Network& network, std::string name);

  [[nodiscard]] bool is_over() override { return server_.is_finished() && reactor_.backend().handle_count() == 0; }

 private:
  void turn_reactor() override { reactor_.turn(base::kNever); }
  void begin_end() override { server_.begin_shutdown(); }
  void on_log(base::LogLevel, std::string_view line) { trace_line(line); }

  base::ChunkPool receive_chunks_;
  io::Reactor reactor_;
  stream::StreamSetup stream_setup_;
  base::Log log_;
  pmd::Server server_;
};

/// Kept by the node, whose handles may outlive the mesh.
class NodeSeat final : public Seat, public runtime::NodePlace, public std::enable_shared_from_this<NodeSeat> {
 public:
  NodeSeat(const std::shared_ptr<Table>& table, std::string name)
      : Seat(table->network, std::move(name)), table_(table) {}

  /// Makes the node, which begins its start. It holds this, and this it, until forget().
  Result<std::shared_ptr<runtime::NodeHost>, StartError> begin(const NodeOptions& options);
  [[nodiscard]] runtime::NodeHost& host() { return *host_; }
  /// When it is over: its handles alone keep it from then on.
  void forget() { host_.reset(); }
  [[nodiscard]] bool is_over() override { return host_->is_over(); }

  Result<std::unique_ptr<io::Backend>> make_backend(base::ChunkPool& chunks) override;
  [[nodiscard]] base::LogSink log_sink() override { return base::LogSink::to<&NodeSeat::on_log>(*this); }
  [[nodiscard]] base::Instant now() const override { return const_cast<NodeSeat*>(this)->process().now(); }
  [[nodiscard]] base::WallMs wall_ms() const override { return const_cast<NodeSeat*>(this)->process().wall_ms(); }
  [[nodiscard]] bool can_turn() const override { return table_->can_turn(); }
  void turn_until(base::Delegate<bool()> done, base::Instant until) override { table_->turn_until(done, until); }

 private:
  void turn_reactor() override { host_->turn_at_place(); }
  void begin_end() override { host_->abandon(); }
  void on_log(base::LogLevel, std::string_view line) { trace_line(line); }

  const std::shared_ptr<Table> table_;
  std::shared_ptr<runtime::NodeHost> host_;
};

}  // namespace distflow::testing
