#include "http/access.hpp"

#include <algorithm>
#include <string>
#include <string_view>

namespace distflow::http {
namespace {

constexpr int kForbidden = 403;
constexpr int kMethodNotAllowed = 405;
constexpr int kMisdirected = 421;

constexpr std::uint32_t kRoot = 0;
constexpr std::uint16_t kDefaultPort = 80;
constexpr std::string_view kScheme = "http://";

bool is_own_host(std::string_view host, std::uint16_t port) {
  for (const std::string_view name : {"localhost", "127.0.0.1"}) {
    if (!host.starts_with(name)) continue;
    const std::string_view rest = host.substr(name.size());
    return rest == ":" + std::to_string(port) || (rest.empty() && port == kDefaultPort);
  }
  return false;
}

bool is_user_allowed(const AccessFacts& facts) {
  return facts.owner.is_user(kRoot) || std::any_of(facts.users.begin(), facts.users.end(),
                                                   [&](std::uint32_t uid) { return facts.owner.is_user(uid); });
}

}  // namespace

int access_status(const Request& request, const AccessFacts& facts) {
  if (!is_user_allowed(facts)) return kForbidden;
  if (!request.host || !is_own_host(*request.host, facts.port)) return kMisdirected;
  if (request.origin && *request.origin != std::string(kScheme) + *request.host) return kForbidden;
  if (request.method != "GET") return kMethodNotAllowed;
  return Reading::kWhole;
}

}  // namespace distflow::http
