#include "io/resolver.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace distflow::io {
namespace {

constexpr const char* kResolving = "resolving a host name";

bool to_address(const addrinfo& info, std::uint16_t port, Address& address) {
  address = Address{};
  address.port = port;
  if (info.ai_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, info.ai_addr, sizeof in);
    std::memcpy(address.bytes.data(), &in.sin_addr, sizeof in.sin_addr);
    return true;
  }
  if (info.ai_family != AF_INET6) return false;
  sockaddr_in6 in6{};
  std::memcpy(&in6, info.ai_addr, sizeof in6);
  address.family = Address::Family::ipv6;
  address.scope = in6.sin6_scope_id;
  std::memcpy(address.bytes.data(), &in6.sin6_addr, sizeof in6.sin6_addr);
  return true;
}

}  // namespace

std::vector<Address> resolve_immediately(const std::string& host, std::uint16_t port) {
  if (host == "localhost") return {Address::ipv4_loopback(port), Address::ipv6_loopback(port)};
  const Result<Address> numeric = Address::parse(host, port);
  return numeric ? std::vector<Address>{*numeric} : std::vector<Address>{};
}

Result<std::vector<Address>> resolve_blocking(const std::string& host, std::uint16_t port) {
  if (std::vector<Address> known = resolve_immediately(host, port); !known.empty()) return known;
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &list) != 0) return Error{Errc::name_not_found, kResolving};
  std::vector<Address> addresses;
  for (const addrinfo* info = list; info != nullptr; info = info->ai_next) {
    if (Address address; to_address(*info, port, address)) addresses.push_back(address);
  }
  ::freeaddrinfo(list);
  if (addresses.empty()) return Error{Errc::name_not_found, kResolving};
  return addresses;
}

/// What a look-up's thread holds on to: the way back to the reactor, for as long as there is one.
struct Resolver::Shared {
  std::mutex mutex;
  Reactor* reactor = nullptr;  // null once the resolver is gone
  std::size_t lookups = 0;

  void deliver(const Callback& callback, const Result<std::vector<Address>>& addresses, std::shared_ptr<Shared> self) {
    const std::scoped_lock lock(mutex);
    --lookups;
    if (reactor == nullptr) return;
    reactor->post([callback, addresses, self = std::move(self)] {
      if (self->reactor != nullptr) callback(addresses);
    });
  }
};

Resolver::Resolver(Reactor& reactor) : shared_(std::make_shared<Shared>()) { shared_->reactor = &reactor; }

Resolver::~Resolver() {
  const std::scoped_lock lock(shared_->mutex);
  shared_->reactor = nullptr;
}

void Resolver::resolve(const std::string& host, std::uint16_t port, Callback callback) {
  if (std::vector<Address> known = resolve_immediately(host, port); !known.empty()) return callback(std::move(known));
  {
    const std::scoped_lock lock(shared_->mutex);
    if (shared_->lookups == kLookupsMax) return callback(Error{Errc::queue_full, kResolving});
    ++shared_->lookups;
  }
  try {
    std::thread([shared = shared_, host, port, callback] {
      shared->deliver(callback, resolve_blocking(host, port), shared);
    }).detach();
  } catch (const std::system_error& error) {
    const std::scoped_lock lock(shared_->mutex);
    --shared_->lookups;
    callback(Error{error.code(), kResolving});
  }
}

}  // namespace distflow::io
