// A network endpoint: an IPv4 or IPv6 address and a port.
//
// A value; any thread.
// Use: Result<Address> address = Address::parse("127.0.0.1", 4369);
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include <distflow/result.hpp>

namespace distflow::io {

struct Address {
  enum class Family : std::uint8_t { ipv4, ipv6 };

  Family family = Family::ipv4;
  std::array<std::uint8_t, 16> bytes{};  ///< network order; the first 4 for IPv4
  std::uint16_t port = 0;
  std::uint32_t scope = 0;  ///< IPv6 zone index, 0 without one

  static Address ipv4_loopback(std::uint16_t port);
  static Address ipv6_loopback(std::uint16_t port);

  /// From a numeric address, "127.0.0.1" or "::1" or "fe80::1%2". Errc::invalid_address for anything else, names
  /// included.
  static Result<Address> parse(std::string_view host, std::uint16_t port);

  [[nodiscard]] bool is_loopback() const;

  /// The numeric host alone: "127.0.0.1", "::1".
  [[nodiscard]] std::string host() const;
  /// "127.0.0.1:4369", "[::1]:4369".
  [[nodiscard]] std::string to_string() const;

  friend bool operator==(const Address&, const Address&) = default;
};

}  // namespace distflow::io
