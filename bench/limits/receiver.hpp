// How a limit program waits for what it receives: in the call that receives, with epoll, or without sleeping.
//
// One thread.
//   blocking   recv(2) sleeps
//   epoll      epoll_wait(2), level-triggered, then recv: two calls, as in a loop over many sockets
//   spin       recv without waiting, again and again; after kSpin in vain it sleeps in poll(2)
// Use: Receiver receiver(socket.fd(), wait_of(setup)); std::size_t got = receiver.receive(buffer, size);
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>

#include "bench/contestant/contestant.hpp"

namespace distflow::bench {

enum class Wait : std::uint8_t { blocking, epoll, spin };

/// What `--spin` or `--wait blocking|epoll` say.
[[nodiscard]] Wait wait_of(const Setup& setup);

class Receiver {
 public:
  static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

  /// `fd` must outlive the receiver.
  Receiver(int fd, Wait wait);
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;
  ~Receiver();

  /// Waits for at least one byte; 0 at the end of the stream.
  [[nodiscard]] std::size_t receive(char* into, std::size_t size_max);
  /// The same until an instant; nothing if nothing came. An instant that is past means: look once.
  [[nodiscard]] std::optional<std::size_t> receive_until(std::uint64_t deadline_ns, char* into, std::size_t size_max);

 private:
  [[nodiscard]] std::optional<std::size_t> try_receive(char* into, std::size_t size_max) const;
  [[nodiscard]] std::optional<std::size_t> spin_until(std::uint64_t deadline_ns, char* into,
                                                      std::size_t size_max) const;
  void sleep_until(std::uint64_t deadline_ns) const;

  const int fd_;
  const Wait wait_;
  int epoll_ = -1;
};

}  // namespace distflow::bench
