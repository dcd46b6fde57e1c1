// The roles of a peer, over a link of the peer's own: sources, sinks, echoes and pings differ only in how they send and
// receive.
//
// The calling thread. A Link has, each blocking:
//   void send(std::string_view payload);             // may buffer
//   void flush();                                    // what was sent leaves
//   std::string_view receive();                      // the next payload, valid until the next call
//   void answer();                                   // receives one and sends it back
//   std::vector<std::uint64_t> pace(const Block&, std::string_view payload);    // often: pace_alone
// Use: ZmqLink link(setup); play(link, setup);
#pragma once

#include <poll.h>

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

#include "bench/contestant/contestant.hpp"

namespace distflow::bench {

/// The instants of an open loop.
class Plan {
 public:
  explicit Plan(const Block& block) : begin_ns_(monotonic_ns() + kLead), interval_ns_(block.interval_ns) {}
  [[nodiscard]] std::uint64_t instant_ns(std::uint64_t i) const { return begin_ns_ + i * interval_ns_; }

 private:
  static constexpr std::uint64_t kLead = 1'000'000;
  std::uint64_t begin_ns_;
  std::uint64_t interval_ns_;
};

/// When all messages of a plan have been sent, there is no next one to wait for.
inline constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

/// Waits for a descriptor, with the resolution that a plan needs; the peers' own waits have milliseconds. False at
/// `deadline_ns`.
inline bool readable_before(int fd, std::uint64_t deadline_ns) {
  pollfd wanted{.fd = fd, .events = POLLIN, .revents = 0};
  if (deadline_ns == kNever) return ::ppoll(&wanted, 1, nullptr, nullptr) > 0;
  const std::uint64_t now = monotonic_ns();
  const std::uint64_t left = deadline_ns > now ? deadline_ns - now : 0;
  const timespec timeout{.tv_sec = static_cast<std::time_t>(left / 1'000'000'000),
                         .tv_nsec = static_cast<long>(left % 1'000'000'000)};
  return ::ppoll(&wanted, 1, &timeout, nullptr) > 0;
}

/// How far an open loop may be ahead of its replies. More might fill the buffers of both directions, and then both ends
/// would wait for the other to read.
inline constexpr std::uint64_t kAheadMax = 1000;
inline constexpr std::uint64_t kBytesAheadMax = 64 * 1024;

/// An open loop of one thread, for a link with `bool receive_until(std::uint64_t deadline_ns)`. Replies come in the
/// order of the sends. What cannot be sent in time counts from its intended instant all the same.
template <class Link>
std::vector<std::uint64_t> pace_alone(Link& link, const Block& block, std::string_view payload) {
  const Plan plan(block);
  const std::uint64_t ahead_max = std::clamp<std::uint64_t>(kBytesAheadMax / payload.size(), 1, kAheadMax);
  std::vector<std::uint64_t> round_trips;
  round_trips.reserve(block.count);
  std::uint64_t sent = 0;
  while (round_trips.size() < block.count) {
    const bool sends = sent < block.count && sent - round_trips.size() < ahead_max;
    if (sends && monotonic_ns() >= plan.instant_ns(sent)) {
      link.send(payload);
      link.flush();
      ++sent;
    } else if (link.receive_until(sends ? plan.instant_ns(sent) : kNever)) {
      round_trips.push_back(monotonic_ns() - plan.instant_ns(round_trips.size()));
    }
  }
  return round_trips;
}

template <class Link>
std::vector<std::uint64_t> one_after_the_other(Link& link, const Block& block, std::string_view payload) {
  std::vector<std::uint64_t> round_trips;
  round_trips.reserve(block.count);
  for (std::uint64_t i = 0; i < block.count; ++i) {
    const std::uint64_t begin = monotonic_ns();
    link.send(payload);
    link.flush();
    if (link.receive() != payload) give_up("what came back is not what was sent");
    round_trips.push_back(monotonic_ns() - begin);
  }
  return round_trips;
}

template <class Link>
void play_source(Link& link, const Payload& payload) {
  tell_ready("-");
  while (const auto block = next_block()) {
    const std::uint64_t begin = monotonic_ns();
    for (std::uint64_t i = 1; i < block->count; ++i) link.send(payload.plain());
    link.send(payload.marked());
    link.flush();
    tell_sent(begin);
  }
}

template <class Link>
void play_ping(Link& link, const Payload& payload) {
  tell_ready("-");
  while (const auto block = next_block()) {
    tell_times(block->interval_ns == 0 ? one_after_the_other(link, *block, payload.plain())
                                       : link.pace(*block, payload.plain()));
  }
}

/// A sink or echo has said where it is already; it ends with the process.
template <class Link>
void play(Link& link, const Setup& setup) {
  const Payload payload(setup.payload_size);
  SinkCount count(std::max<std::uint64_t>(1, threads_of(setup)));
  switch (setup.role) {
    case Role::echo:
      for (;;) link.answer();
    case Role::sink:
      for (;;) count.note(link.receive());
    case Role::source: return play_source(link, payload);
    case Role::ping: return play_ping(link, payload);
    case Role::broker:
    case Role::swarm:
    case Role::solo: give_up("this peer plays echo, sink, source or ping");
  }
}

/// Does the one side of a pair listen, that is, is it asked where it is?
[[nodiscard]] inline bool listens(Role role) { return role == Role::echo || role == Role::sink; }

}  // namespace distflow::bench
