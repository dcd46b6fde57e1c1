// Sockets with nothing around them: what the limit programs share.
//
// One thread for each socket. Addresses are "127.0.0.1:PORT", or "@NAME" for a Unix socket whose name is abstract
// (unix(7)): it is no file, and nothing of it is left behind. What cannot be opened ends the process.
// Use: Socket listener = open_listener(setup, Family::tcp); tell_ready(address_of(listener)); accept_from(listener);
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "bench/contestant/contestant.hpp"

namespace distflow::bench {

/// Owns a descriptor.
class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket();

  [[nodiscard]] int fd() const { return fd_; }

 private:
  const int fd_;
};

enum class Family : std::uint8_t { tcp, unix_stream };

/// Listens on a port, or at a name, that the system chooses; with the congestion control of `setup`.
[[nodiscard]] Socket open_listener(const Setup& setup, Family family);
[[nodiscard]] std::string address_of(const Socket& listener);
/// Waits for the next connection.
[[nodiscard]] Socket accept_from(const Socket& listener);
/// Connects to `setup.connect`; the address says of which family.
[[nodiscard]] Socket connect_to(const Setup& setup);

/// Small messages leave at once. Does nothing to a Unix socket, which knows no delay.
void set_no_delay(int fd);
/// Its end is a reset, behind which the system keeps nothing: who ends more connections in a second than there are
/// ports would have to search longer and longer for a free one.
void end_with_reset(int fd);

/// Sends all of `bytes`, and waits while there is no room. False if the other end is gone.
[[nodiscard]] bool send_all(int fd, std::string_view bytes);
/// The same for a contestant that cannot go on without the other end.
void must_send_all(int fd, std::string_view bytes);

/// Waits for at least one byte; 0 at the end of the stream.
[[nodiscard]] std::size_t receive_some(int fd, char* into, std::size_t size_max);

}  // namespace distflow::bench
