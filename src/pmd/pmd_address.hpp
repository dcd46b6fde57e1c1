// Where the PMD is that nodes and commands go to, unless they are told otherwise.
//
// Any thread, while no other changes the environment.
// Use: const Result<PmdAddress> address = pmd_address_from_environment();
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <distflow/result.hpp>

namespace distflow::pmd {

inline constexpr const char* kDefaultHost = "127.0.0.1";
inline constexpr std::uint16_t kDefaultPort = 4369;
inline constexpr const char* kPmdAddressVariable = "DISTFLOW_PMD_ADDR";

struct PmdAddress {
  std::string host = kDefaultHost;
  std::uint16_t port = kDefaultPort;

  friend bool operator==(const PmdAddress&, const PmdAddress&) = default;
};

/// From "host:port", "[::1]:port" or, with the default port, "host". The host is a name or a numeric address, an IPv6
/// address in brackets; the port 1 to 65535. Errc::invalid_address for anything else.
[[nodiscard]] Result<PmdAddress> parse_pmd_address(std::string_view text);

/// What DISTFLOW_PMD_ADDR says; the default where it is unset or empty. Errc::invalid_address, and an Error that names
/// the variable, for what cannot be read.
[[nodiscard]] Result<PmdAddress> pmd_address_from_environment();

}  // namespace distflow::pmd
