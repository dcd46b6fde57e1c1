#include "io/address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace distflow::io {
namespace {

constexpr std::array<std::uint8_t, 16> kIpv6Loopback{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
constexpr std::array<std::uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

/// Splits "%<zone index>" off an IPv6 host; false when the zone is no number.
bool take_scope(std::string_view& host, std::uint32_t& scope) {
  const std::size_t percent = host.find('%');
  if (percent == std::string_view::npos) return true;
  const std::string_view zone = host.substr(percent + 1);
  host = host.substr(0, percent);
  const auto [end, error] = std::from_chars(zone.data(), zone.data() + zone.size(), scope);
  return error == std::errc{} && end == zone.data() + zone.size();
}

}  // namespace

Address Address::ipv4_loopback(std::uint16_t port) {
  return {.family = Family::ipv4, .bytes = {127, 0, 0, 1}, .port = port, .scope = 0};
}

Address Address::ipv6_loopback(std::uint16_t port) {
  return {.family = Family::ipv6, .bytes = kIpv6Loopback, .port = port, .scope = 0};
}

Result<Address> Address::parse(std::string_view host, std::uint16_t port) {
  const Error invalid{Errc::invalid_address, "reading an address"};
  Address address;
  address.port = port;
  if (!take_scope(host, address.scope)) return invalid;

  std::array<char, INET6_ADDRSTRLEN> text{};
  if (host.size() >= text.size() || host.find('\0') != std::string_view::npos) return invalid;
  host.copy(text.data(), host.size());
  if (address.scope == 0 && inet_pton(AF_INET, text.data(), address.bytes.data()) == 1) return address;
  address.family = Family::ipv6;
  if (inet_pton(AF_INET6, text.data(), address.bytes.data()) == 1) return address;
  return invalid;
}

bool Address::is_loopback() const {
  if (family == Family::ipv4) return bytes[0] == 127;
  if (bytes == kIpv6Loopback) return true;
  return std::equal(kMappedPrefix.begin(), kMappedPrefix.end(), bytes.begin()) && bytes[12] == 127;
}

std::string Address::host() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(family == Family::ipv4 ? AF_INET : AF_INET6, bytes.data(), text.data(), text.size());
  std::string host = text.data();
  if (scope != 0) host += '%' + std::to_string(scope);
  return host;
}

std::string Address::to_string() const {
  const std::string port_text = std::to_string(port);
  return family == Family::ipv4 ? host() + ':' + port_text : '[' + host() + "]:" + port_text;
}

}  // namespace distflow::io
