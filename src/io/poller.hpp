// The Poller concept: the five verbs in which kernels with readiness events differ. ReadinessBackend does the rest.
//
// Readiness is edge-triggered and armed once, at add(): an edge is reported at least once, and nothing is re-armed.
#pragma once

#include <concepts>
#include <cstdint>
#include <span>

#include <distflow/result.hpp>

#include "base/time.hpp"

namespace distflow::io {

/// What a descriptor has become ready for since the last report. `token` is what add() was given.
struct Readiness {
  std::uint64_t token = 0;
  bool can_read = false;
  bool can_write = false;
  bool has_ended = false;  ///< the peer will send no more, or the descriptor has an error
};

template <class P>
concept Poller = requires(P poller, int fd, std::uint64_t token, base::Duration timeout, std::span<Readiness> out) {
  { poller.open() } -> std::same_as<Result<void>>;
  { poller.add(fd, token) } -> std::same_as<Result<void>>;
  { poller.remove(fd) }
  noexcept;
  /// Waits at most `timeout` (Duration::max(): for ever), fills `out` from its front, returns how many.
  /// A wake-up ends the wait; `was_woken` reports it.
  { poller.wait(timeout, out) } -> std::same_as<std::size_t>;
  { poller.was_woken() } -> std::same_as<bool>;
  { poller.wake() }
  noexcept;
  { poller.fd() } -> std::same_as<int>;
};

}  // namespace distflow::io
