#include "http/access.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "http/status.hpp"
#include "io/root_user.hpp"

namespace distflow::http {
namespace {

constexpr std::uint16_t kDefaultPort = 80;
constexpr std::string_view kScheme = "http://";

/// What stands behind the name of this server in `host`; nothing when that names another. Letters have no case there.
std::optional<std::string_view> behind_own_name(std::string_view host, bool is_localhost) {
  constexpr std::string_view localhost = "localhost";
  constexpr auto is_same_letter = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a - 'A' + 'a' : a) == b; };
  for (const std::string_view name : {std::string_view("127.0.0.1"), std::string_view("[::1]")}) {
    if (host.starts_with(name)) return host.substr(name.size());
  }
  const std::string_view begin = host.substr(0, localhost.size());
  if (!is_localhost || !std::ranges::equal(begin, localhost, is_same_letter)) return std::nullopt;
  return host.substr(localhost.size());
}

bool is_own_host(std::string_view host, const AccessFacts& facts) {
  const std::optional<std::string_view> rest = behind_own_name(host, facts.is_localhost);
  return rest && (*rest == ":" + std::to_string(facts.port) || (rest->empty() && facts.port == kDefaultPort));
}

bool is_own_page(const Request& request) {
  if (request.origin && *request.origin != std::string(kScheme) + *request.host) return false;
  return !request.fetch_site || *request.fetch_site == "same-origin" || *request.fetch_site == "none";
}

}  // namespace

bool is_user_allowed(const io::PeerOwner& owner, std::span<const std::uint32_t> users) {
  return owner.is_user(io::kRootUser) ||
         std::ranges::any_of(users, [&](std::uint32_t uid) { return owner.is_user(uid); });
}

int access_status(const Request& request, const AccessFacts& facts) {
  if (!is_user_allowed(facts.owner, facts.users)) return kForbidden;
  if (!request.host || !is_own_host(*request.host, facts)) return kMisdirected;
  if (!is_own_page(request)) return kForbidden;
  if (request.method != "GET") return kMethodNotAllowed;
  return Reading::kWhole;
}

}  // namespace distflow::http
