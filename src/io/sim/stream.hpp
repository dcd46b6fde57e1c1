// A stream between two simulated processes: two pipes, each with the bytes that its writer's system has taken and its
// reader has not.
//
//     read ─▶ ········ arrived ──▶ ········ written         (offsets from the stream's beginning)
//             can be received      under way
//
// One thread: the network's.
//   1. read <= arrived <= written <= read + capacity.
//   2. Bytes arrive in order: an arrival reports how far the bytes have come, never which.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/time.hpp"
#include "io/address.hpp"
#include "io/peer_owner.hpp"

namespace distflow::io::sim {

class Process;

/// One direction.
struct Pipe {
  std::string bytes;      // from `start` on: those between read and written
  std::size_t start = 0;  // of `bytes`
  std::uint64_t read = 0;
  std::uint64_t arrived = 0;
  std::uint64_t written = 0;
  base::Instant last_arrival{};  // of what is under way: nothing overtakes it
  std::size_t capacity = 0;
  bool writer_waits = false;  // found no room, and is to be notified of some
  bool is_ended = false;      // the writer has closed: an end is under way, or has come
  bool has_end = false;       // the end has come; it counts behind the last byte
  bool is_cut = false;        // what is written from now on gets lost

  [[nodiscard]] std::size_t room() const { return capacity - static_cast<std::size_t>(written - read); }
  [[nodiscard]] std::size_t readable() const { return static_cast<std::size_t>(arrived - read); }
  [[nodiscard]] bool is_at_end() const { return has_end && read == written; }

  void append(std::string_view more) {
    bytes += more;
    written += more.size();
  }
  void consume(std::size_t size) {
    read += size;
    start += size;
    if (start == bytes.size()) {
      bytes.clear();
      start = 0;
    } else if (start > capacity) {
      bytes.erase(0, start);
      start = 0;
    }
  }
  /// What is under way never arrives, nor does what is written from now on.
  void cut() {
    take_back(arrived);
    is_cut = true;
  }
  /// Takes back what was written from `from` on.
  void take_back(std::uint64_t from) {
    bytes.resize(start + static_cast<std::size_t>(from - read));
    written = from;
  }
};

enum class Outcome : std::uint8_t { pending, connected, refused };

/// One side.
struct StreamEnd {
  Process* process = nullptr;  // null before it is accepted
  int fd = -1;
  std::uint32_t process_id = UINT32_MAX;
  Address address;
  PeerOwner owner = {};    // of an accepted end, from then on
  bool is_open = false;    // the system knows it: connected, and not closed
  bool is_reset = false;   // it has got a reset
  bool is_silent = false;  // its machine is gone: nothing that comes is answered
};

struct Stream {
  std::array<StreamEnd, 2> ends;  // the connecting one first
  std::array<Pipe, 2> pipes;      // what each end sends
  Address destination;
  base::Duration latency{};
  Outcome outcome = Outcome::pending;
};

}  // namespace distflow::io::sim
