// Logs which handshakes fail: for each peer and reason one warning, at the first failure.
//
// Loop thread only.
//   1. A peer is a host, and the name that was dialed there: its port is another one with each connection.
//   2. The last kKnownMax of them are remembered, each with one reason; who was forgotten is warned of again.
//   3. Later failures are logged at level debug. There are at most kWarningsMax warnings in kInterval, and
//      kDebugLinesMax debug lines; the next line has the number of those that were left out.
//   4. Memory is allocated only for the texts of an address and an error; without any, the line has no such text.
// Use: log.tell_failed(Role::accepter, {.address = peer}, why, reactor.now());
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <distflow/error.hpp>

#include "base/log.hpp"
#include "base/time.hpp"
#include "stream/handshake.hpp"

namespace distflow::stream {

class HandshakeLog {
 public:
  static constexpr std::size_t kKnownMax = 64;
  static constexpr std::uint32_t kWarningsMax = 20;
  static constexpr std::uint32_t kDebugLinesMax = 100;
  static constexpr base::Duration kInterval = base::seconds(10);

  /// `log` must outlive this.
  explicit HandshakeLog(const base::Log& log) : log_(log) {}

  void tell_failed(Role role, const RemoteEnd& remote, const Error& why, base::Instant now) noexcept;

 private:
  [[nodiscard]] bool is_known(std::uint64_t failure) const;

  const base::Log& log_;
  std::array<std::uint64_t, kKnownMax> known_{};  // hashes of peer and reason; 0: none
  std::size_t next_ = 0;                          // the one that is forgotten next
  base::RateLimit warnings_{kWarningsMax, kInterval};
  base::RateLimit debug_lines_{kDebugLinesMax, kInterval};
};

}  // namespace distflow::stream
