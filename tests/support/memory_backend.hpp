// A network in memory with a clock that stands still until it is told to move: what a server does, step by step.
//
// One thread. The server under test uses it as any backend; the test holds the other ends of its connections.
//   1. Callbacks run inside poll() only, and poll() never waits.
//   2. Time passes in advance() only.
// Use: MemoryBackend& net = ...; auto peer = net.connect(port); net.write(peer, bytes); reactor.turn(net.now());
//      net.take(peer)
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <deque>
#include <limits>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/chunk_pool.hpp"
#include "io/backend.hpp"

namespace distflow::test {

class MemoryBackend : public io::Backend {
 public:
  /// Names the test's end of a connection, from 0 in the order of connect().
  using PeerId = std::size_t;
  static constexpr int kRecvsPerTurn = 4;
  static constexpr std::uint16_t kAnyPort = 0;

  explicit MemoryBackend(base::ChunkPool& chunks) : chunks_(chunks) {
    now_ = base::Instant(base::seconds(1));
    wall_ms_ = 1'795'374'131'949;
  }

  // The test's side.

  void advance(base::Duration by) {
    now_ += by;
    wall_ms_ += std::chrono::duration_cast<base::milliseconds>(by).count();
  }

  /// A connection to whoever listens, or to who listens at the port `to`; it is accepted in a later poll().
  PeerId connect(const io::Address& from = io::Address::ipv4_loopback(50'000), std::uint16_t to = kAnyPort) {
    peers_.emplace_back().from = from;
    peers_.back().to = to;
    unaccepted_.push_back(peers_.size() - 1);
    return peers_.size() - 1;
  }
  void write(PeerId id, std::string_view bytes) { peers_[id].to_server += bytes; }
  /// The peer sends no more.
  void end(PeerId id) { peers_[id].has_ended = true; }
  void reset(PeerId id) { peers_[id].is_reset = true; }
  /// Whose the test's end is; unknown at first.
  void set_owner(PeerId id, io::PeerOwner owner) { peers_[id].owner = owner; }
  /// How often the server has asked for that.
  [[nodiscard]] int owner_questions(PeerId id) const { return peers_[id].owner_questions; }
  /// How many bytes more the peer takes.
  void set_window(PeerId id, std::size_t bytes) { peers_[id].window = bytes; }
  /// What has come for the peer since it was last asked.
  std::string take(PeerId id) { return std::exchange(peers_[id].from_server, {}); }
  /// Bytes that the server has received.
  [[nodiscard]] std::size_t received(PeerId id) const { return peers_[id].received; }
  [[nodiscard]] bool is_closed(PeerId id) const { return peers_[id].is_closed; }
  /// The next `count` attempts to accept end with `errno_value`.
  void fail_accepts(int count, int errno_value) {
    accepts_to_fail_ = count;
    accept_errno_ = errno_value;
  }
  /// listen() fails for addresses of this family.
  void refuse_listening(io::Address::Family family, int errno_value) {
    refused_family_ = family;
    listen_errno_ = errno_value;
  }

  // The server's side.

  [[nodiscard]] std::string_view name() const override { return "memory"; }

  Result<io::Handle> listen(const io::Address& address, const io::ListenOptions&) override {
    if (listen_errno_ != 0 && address.family == refused_family_) return system_error(listen_errno_, "listening");
    const io::Handle handle = open_slot();
    slots_[handle.slot].address = address;
    if (address.port == 0) slots_[handle.slot].address.port = 40'000;
    return handle;
  }
  Result<io::Address> local_address(io::Handle handle) override { return at(handle).address; }
  Result<io::Handle> connect(const io::Address&, const io::StreamOptions&, io::ConnectOp&) override {
    return system_error(ENETUNREACH, "connecting");
  }
  void accept(io::Handle handle, io::AcceptOp& op) override { start(at(handle).accept, op); }
  void recv(io::Handle handle, io::RecvOp& op) override {
    at(handle).recv_is_canceled = false;
    start(at(handle).recv, op);
  }
  void send(io::Handle handle, io::SendOp& op) override {
    op.bytes_sent = 0;
    at(handle).piece_offset = 0;
    start(at(handle).send, op);
  }
  bool push(io::Handle handle) override {
    Slot& slot = at(handle);
    return !slot.peer->is_reset && take_some(slot);
  }
  void cancel_recv(io::Handle handle) override { at(handle).recv_is_canceled = true; }
  void close(io::Handle handle, io::CloseOp& op) override { start(at(handle).close, op); }
  void discard(io::Handle handle) override { at(handle).is_discarded = true; }

  void poll(base::Instant) override {
    ++counters_.polls;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i].is_open) run(i);
    }
  }
  io::PeerOwner owner_of_peer(io::Handle handle) override {
    Peer& peer = *at(handle).peer;
    ++peer.owner_questions;
    return peer.owner;
  }
  void wake() noexcept override {}
  void fill_random(std::span<std::byte> out) override { std::ranges::fill(out, std::byte{4}); }
  [[nodiscard]] std::size_t handle_count() const override { return slots_.size() - free_slots_.size(); }

 private:
  struct Peer {
    io::Address from;
    std::uint16_t to = kAnyPort;
    std::string to_server;
    std::string from_server;
    std::size_t window = std::numeric_limits<std::size_t>::max();
    io::PeerOwner owner;
    int owner_questions = 0;
    std::size_t received = 0;  // by the server
    bool has_ended = false;
    bool is_reset = false;
    bool is_closed = false;  // by the server
  };

  struct Slot {
    bool is_open = false;
    std::uint32_t generation = 0;
    io::Address address;   // a listener's
    Peer* peer = nullptr;  // a stream's
    bool recv_is_canceled = false;
    std::size_t piece_offset = 0;
    bool is_discarded = false;
    io::AcceptOp* accept = nullptr;
    io::RecvOp* recv = nullptr;
    io::SendOp* send = nullptr;
    io::CloseOp* close = nullptr;
  };

  static Error system_error(int errno_value, const char* doing) {
    return {std::error_code(errno_value, std::generic_category()), doing};
  }

  io::Handle open_slot() {
    if (free_slots_.empty()) {
      free_slots_.push_back(static_cast<std::uint32_t>(slots_.size()));
      slots_.emplace_back();
    }
    const std::uint32_t index = free_slots_.back();
    free_slots_.pop_back();
    Slot& slot = slots_[index];
    const std::uint32_t generation = slot.generation + 1;
    slot = Slot{};
    slot.is_open = true;
    slot.generation = generation;
    return {index, generation};
  }

  Slot& at(io::Handle handle) {
    Slot& slot = slots_[handle.slot];
    DF_ASSERT(slot.is_open && slot.generation == handle.generation);
    return slot;
  }

  template <class Op>
  static void start(Op*& place, Op& op) {
    DF_ASSERT(place == nullptr);
    op.mark_started();
    place = &op;
  }
  template <class Op>
  static Op& finish(Op*& place) {
    place->mark_idle();
    return *std::exchange(place, nullptr);
  }

  void run(std::size_t index) {
    Slot& slot = slots_[index];
    if (slot.accept != nullptr && slot.close == nullptr) run_accept(slot);
    if (slot.send != nullptr && slot.close == nullptr) run_send(slot);
    if (slot.recv != nullptr && slot.close == nullptr) run_recv(slot);
    if (slot.close != nullptr || slot.is_discarded) run_close(index);
  }

  void run_accept(Slot& slot) {
    while (true) {
      const auto next = std::find_if(unaccepted_.begin(), unaccepted_.end(), [&](PeerId id) {
        return peers_[id].to == kAnyPort || peers_[id].to == slot.address.port;
      });
      if (next == unaccepted_.end()) return;
      if (accepts_to_fail_ > 0) {
        --accepts_to_fail_;
        return finish(slot.accept).on_end(system_error(accept_errno_, "accepting a connection"));
      }
      Peer& peer = peers_[*next];
      unaccepted_.erase(next);
      const io::Handle stream = open_slot();
      slots_[stream.slot].peer = &peer;
      ++counters_.accepts;
      slot.accept->on_accept(stream, peer.from);
    }
  }

  /// What the peer has room for; whether that was all.
  static bool take_some(Slot& slot) {
    Peer& peer = *slot.peer;
    io::SendOp& op = *slot.send;
    while (!op.pieces.empty() && peer.window > 0) {
      const std::string_view rest = op.pieces.front().substr(slot.piece_offset);
      const std::string_view taken = rest.substr(0, peer.window);
      peer.from_server += taken;
      peer.window -= taken.size();
      op.bytes_sent += taken.size();
      slot.piece_offset += taken.size();
      if (taken.size() == rest.size()) {
        op.pieces = op.pieces.subspan(1);
        slot.piece_offset = 0;
      }
    }
    return op.pieces.empty();
  }

  void run_send(Slot& slot) {
    if (slot.peer->is_reset) return finish(slot.send).on_sent(system_error(ECONNRESET, "sending"));
    if (take_some(slot)) finish(slot.send).on_sent({});
  }

  void run_recv(Slot& slot) {
    Peer& peer = *slot.peer;
    for (int i = 0; i < kRecvsPerTurn && slot.recv != nullptr; ++i) {
      if (slot.recv_is_canceled) return finish(slot.recv).on_end({Errc::canceled, "receiving"});
      if (peer.is_reset) return finish(slot.recv).on_end(system_error(ECONNRESET, "receiving"));
      if (peer.to_server.empty()) {
        if (peer.has_ended) finish(slot.recv).on_end({Errc::end_of_stream, "receiving"});
        return;
      }
      const base::ChunkRef chunk = chunks_.try_lease();
      if (!chunk) return;
      const std::size_t most = slot.recv->takes_little ? io::RecvOp::kLittle : chunk->capacity();
      const std::size_t size = std::min({most, chunk->capacity(), peer.to_server.size()});
      peer.to_server.copy(chunk->data(), size);
      peer.to_server.erase(0, size);
      peer.received += size;
      slot.recv->on_recv({*chunk, {chunk->data(), size}});
    }
  }

  void run_close(std::size_t index) {
    Slot& slot = slots_[index];
    if (slot.accept != nullptr) finish(slot.accept).on_end({Errc::canceled, "accepting a connection"});
    if (slot.send != nullptr) finish(slot.send).on_sent(Error{Errc::canceled, "sending"});
    if (slot.recv != nullptr) finish(slot.recv).on_end({Errc::canceled, "receiving"});
    if (slot.peer != nullptr) slot.peer->is_closed = true;
    slot.is_open = false;
    free_slots_.push_back(static_cast<std::uint32_t>(index));
    if (slot.close != nullptr) finish(slot.close).on_closed();
  }

  base::ChunkPool& chunks_;
  std::deque<Slot> slots_;
  std::deque<Peer> peers_;
  std::deque<PeerId> unaccepted_;
  std::vector<std::uint32_t> free_slots_;
  int accepts_to_fail_ = 0;
  int accept_errno_ = 0;
  io::Address::Family refused_family_ = io::Address::Family::ipv6;
  int listen_errno_ = 0;
};

}  // namespace distflow::test
