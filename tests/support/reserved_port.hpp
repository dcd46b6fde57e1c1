// A port for a program that has to be told its port, as a PMD that a node starts by itself.
//
// Whoever asks the system for any port may get one that is free at the moment, also between two programs of one test.
// Hence the port is below those that the system chooses from, and a name that only one socket can have reserves it
// among the tests that run at once.
// Use: const ReservedPort port; run_process(program, {"--port", port.text()});
#pragma once

#include <sys/un.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "base/assert.hpp"
#include "tests/support/sockets.hpp"

namespace distflow::test {

/// Reserved, and nobody's, for as long as the object lives.
class ReservedPort {
 public:
  ReservedPort() {
    const auto offset = static_cast<std::uint32_t>(::getpid()) % kCount;
    for (std::uint32_t i = 0; i < kCount && port_ == 0; ++i) {
      const auto port = static_cast<std::uint16_t>(kFirst + (offset + i) % kCount);
      if (reserve(port)) port_ = port;
    }
    DF_ASSERT(port_ != 0);
  }

  [[nodiscard]] std::uint16_t number() const { return port_; }
  [[nodiscard]] std::string text() const { return std::to_string(port_); }

 private:
  static constexpr std::uint32_t kFirst = 20000;
  static constexpr std::uint32_t kCount = 12000;  // Linux chooses from 32768 on, unless it is told otherwise

  /// A socket in the abstract namespace: its name goes with it.
  bool reserve(std::uint16_t port) {
    RawSocket name(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string text = "distflow-test-port-" + std::to_string(port);
    std::memcpy(address.sun_path + 1, text.data(), text.size());
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + text.size());
    if (::bind(name.fd(), reinterpret_cast<const sockaddr*>(&address), size) != 0) return false;
    if (!RawSocket().bind_to(port)) return false;
    name_ = std::move(name);
    return true;
  }

  RawSocket name_{-1};
  std::uint16_t port_ = 0;
};

}  // namespace distflow::test
