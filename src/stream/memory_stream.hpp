// A stream through shared memory, over another stream: a ring for each direction. What the lower stream carries are
// bells, single bytes that wake the other side's loop and mean nothing else; and its end, which is this stream's end.
//
// Loop thread only.
//   1. A direction of the lower stream is the memory's from the first recv(), or from begin_sending(), on. Until then
//      its owner may use it.
//   2. The end of the lower stream is reported behind all that lies in the ring.
//   3. Bells are received, as is the end, though no receive is under way: what is sent needs the bell that says that
//      there is room.
// Use: auto memory = MemoryStream::create(pool, reactor, lower, nonce); ... memory->recv(op);
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <distflow/result.hpp>

#include "base/timer_wheel.hpp"
#include "io/reactor.hpp"
#include "io/shared_memory.hpp"
#include "stream/memory_ring.hpp"
#include "stream/memory_stream_pool.hpp"
#include "stream/stream.hpp"

namespace distflow::stream {

/// The first page of the shared memory; behind it lie the bytes of the two rings. docs/wire-protocol.md says the same.
struct MemoryHeader {
  static constexpr std::size_t kSize = 4096;
  static constexpr std::size_t kNonceSize = 16;

  alignas(128) std::array<char, kNonceSize> nonce;  ///< proves that this is the memory that was offered
  std::array<RingControl, 2> rings;                 ///< of what the creator sends, and of what the other side sends
};
static_assert(sizeof(MemoryHeader) <= MemoryHeader::kSize);

class MemoryStream final : public Stream {
 public:
  /// New memory, on the side that offers it. `lower` must outlive the stream, which closes it. The nonce has
  /// MemoryHeader::kNonceSize bytes.
  static Result<std::unique_ptr<MemoryStream>> create(MemoryStreamPool& pool, io::Reactor& reactor, Stream& lower,
                                                      std::string_view nonce);
  /// The memory that the other side offers under `name`.
  static Result<std::unique_ptr<MemoryStream>> open(MemoryStreamPool& pool, io::Reactor& reactor, Stream& lower,
                                                    std::string_view name, std::size_t ring_size,
                                                    std::string_view nonce);
  ~MemoryStream() override;

  /// What the other side opens the memory by, until this side receives through it.
  [[nodiscard]] const std::string& name() const { return memory_.name; }

  /// Keeps `place` for as long as the stream lives: its giver counts how many are kept.
  void hold(std::shared_ptr<const void> place) { place_ = std::move(place); }

  void recv(io::RecvOp& op) override;
  void cancel_recv() override;
  void begin_sending() override;
  void send(io::SendOp& op) override;
  bool send_now(io::SendOp& op) override;
  bool push() override { return send_ == nullptr || send_->pieces.empty(); }
  /// Bytes are copied into the ring while they are in the processor's nearest cache.
  [[nodiscard]] std::size_t batch_size() const override { return std::size_t{16} * 1024; }
  void close(io::CloseOp& op) override;
  [[nodiscard]] PeerIdentity peer() const override { return lower_.peer(); }
  [[nodiscard]] const char* broken_invariant() const override;
  /// The invariant that fails too when others of the same user use the memory as well.
  static constexpr const char* kWriterForgotten = "who waits for room in shared memory is not woken";

 private:
  MemoryStream(MemoryStreamPool& pool, io::Reactor& reactor, Stream& lower, io::SharedMemory memory,
               MemoryHeader& header, std::size_t ring_size, std::size_t own_ring);

  void start_hearing();
  void begin_send(io::SendOp& op);
  void on_lower_end(Error why);
  void on_lower_closed();
  void on_turn_end();
  void tell_end();
  void end_recv(Error why);
  void end_send(Result<void> result);

  std::size_t on_look();
  void on_sleep(bool sleeps);
  void wait_for_room(bool waits);
  std::size_t read_ring();
  std::size_t write_ring(io::SendOp& op);
  std::size_t write_on();
  [[nodiscard]] Result<void> send_result();
  void ring_bell();
  void on_bell_sent(Result<void> result);
  // The turn that they come in looks at the ring anyway.
  void on_bell(const io::Received&) {}
  void on_timer() {}

  MemoryStreamPool& pool_;
  io::Reactor& reactor_;
  Stream& lower_;
  std::shared_ptr<const void> place_;
  io::SharedMemory memory_;
  RingWriter writer_;
  RingReader reader_;

  io::RecvOp* recv_ = nullptr;
  io::SendOp* send_ = nullptr;  // its pieces are what is not in the ring yet
  io::CloseOp* close_ = nullptr;
  std::size_t piece_offset_ = 0;  // of the first piece, bytes that are in the ring
  bool hears_ = false;            // the lower stream's receiving is the memory's
  bool sends_ = false;            // and its sending
  bool waits_for_room_ = false;   // so says the ring, as far as this side knows
  bool is_canceled_ = false;      // the receive under way
  bool has_lower_ended_ = false;
  bool is_bell_due_ = false;  // the other side is to be woken, when the lower stream is free for it
  Error end_;                 // of the lower stream

  io::RecvOp lower_recv_;
  io::SendOp bell_;
  io::CloseOp lower_close_;
  io::PollHook poll_hook_;
  io::DeferredTask turn_end_;
  base::Timer timer_;  // to look again, where no bell will come
};

}  // namespace distflow::stream
