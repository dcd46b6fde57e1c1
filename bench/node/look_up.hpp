// One question over a connection of its own: connect, ask, answer, close. As clients of Erlang's epmd look names up.
//
// Any thread; blocking. With raw sockets, so that the time is the server's and the system's.
// Use: const std::string answer = look_up(server, request, [](std::string_view got) { return got.size() >= 4; });
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "bench/limits/raw_socket.hpp"

namespace distflow::bench {

/// What comes over `socket` until `is_whole(all of it)`, or the stream's end.
template <class IsWhole>
std::string receive_until(const Socket& socket, IsWhole is_whole) {
  std::string answer;
  while (!is_whole(std::string_view(answer))) {
    std::array<char, 1024> buffer;
    const std::size_t size = receive_some(socket.fd(), buffer.data(), buffer.size());
    if (size == 0) break;
    answer.append(buffer.data(), size);
  }
  return answer;
}

/// Asks at `server.connect`.
template <class IsWhole>
std::string look_up(const Setup& server, std::string_view request, IsWhole is_whole) {
  const Socket socket = connect_to(server);
  end_with_reset(socket.fd());
  must_send_all(socket.fd(), request);
  return receive_until(socket, is_whole);
}

/// The setup for a server at that port of this machine, as `setup` has all else.
inline Setup at_port(const Setup& setup, std::string_view port) {
  Setup server = setup;
  server.connect = "127.0.0.1:" + std::string(port);
  return server;
}

/// A port of this machine at which nobody listens now, among those that the system chooses from.
inline std::string free_port(const Setup& setup) {
  const std::string address = address_of(open_listener(setup, Family::tcp));
  return address.substr(address.rfind(':') + 1);
}

}  // namespace distflow::bench
