#include "pmd/pmd_address.hpp"

#include <charconv>

#include "base/environment.hpp"

namespace distflow::pmd {
namespace {

constexpr std::size_t kHostSizeMax = 255;

bool is_host(std::string_view host) {
  // Spaces and control characters are in no host's name: the variable holds something else then.
  for (const char c : host) {
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f || c == '[' || c == ']') return false;
  }
  return !host.empty() && host.size() <= kHostSizeMax;
}

/// 0 for what is no port.
std::uint16_t parse_port(std::string_view digits) {
  std::uint16_t port = 0;
  const char* const end = digits.data() + digits.size();
  const auto [after, error] = std::from_chars(digits.data(), end, port);
  return error == std::errc() && after == end ? port : 0;
}

}  // namespace

Result<PmdAddress> parse_pmd_address(std::string_view text) {
  const Error invalid{make_error_code(Errc::invalid_address), "reading HOST:PORT"};
  std::string_view host = text;
  std::string_view rest;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return invalid;
    host = text.substr(1, end - 1);
    rest = text.substr(end + 1);
  } else if (const std::size_t colon = text.find(':'); colon != std::string_view::npos) {
    host = text.substr(0, colon);
    rest = text.substr(colon);
  }
  if (!is_host(host)) return invalid;
  PmdAddress address{.host = std::string(host)};
  if (rest.empty()) return address;
  address.port = rest.front() == ':' ? parse_port(rest.substr(1)) : std::uint16_t{0};
  if (address.port == 0) return invalid;
  return address;
}

Result<PmdAddress> pmd_address_from_environment() {
  const char* const text = base::environment(kPmdAddressVariable);
  if (text == nullptr || *text == '\0') return PmdAddress{};
  Result<PmdAddress> address = parse_pmd_address(text);
  if (address) return address;
  return Error{address.error().code, "DISTFLOW_PMD_ADDR is not HOST:PORT, as in 127.0.0.1:4369 or [::1]:4369"};
}

}  // namespace distflow::pmd
