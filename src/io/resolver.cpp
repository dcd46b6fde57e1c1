#include "io/resolver.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <mutex>
#include <new>
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

bool is_loopback_host(const std::string& host) {
  const std::vector<Address> addresses = resolve_immediately(host, 0);
  return !addresses.empty() && addresses.front().is_loopback();
}

Result<std::vector<Address>> resolve_blocking(const std::string& host, std::uint16_t port) {
  if (std::vector<Address> known = resolve_immediately(host, port); !known.empty()) return known;
  // A name ends at a NUL for the system, and "good.example\0.evil.example" is no name.
  if (host.find('\0') != std::string::npos) return Error{Errc::name_not_found, kResolving};
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int outcome = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (outcome == EAI_MEMORY) return Error{Errc::out_of_memory, kResolving};
  if (outcome == EAI_SYSTEM) return Error{std::error_code(errno, std::generic_category()), kResolving};
  if (outcome != 0) return Error{Errc::name_not_found, kResolving};
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

  bool begin_lookup() {
    const std::scoped_lock lock(mutex);
    if (lookups == kLookupsMax) return false;
    ++lookups;
    return true;
  }

  void end_lookup() {
    const std::scoped_lock lock(mutex);
    --lookups;
  }

  /// True once `task` is posted, or there is nobody left to post it to.
  bool try_post(std::function<void()>& task) {
    const std::scoped_lock lock(mutex);
    return reactor == nullptr || reactor->post(std::move(task));
  }
};

/// The look-up, and with its outcome the task for the loop, which needs no more memory; none without memory.
std::function<void()> Resolver::look_up(const std::shared_ptr<Shared>& shared, const std::string& host,
                                        std::uint16_t port, const Callback& callback) try {
  return [shared, callback, addresses = resolve_blocking(host, port)]() mutable {
    if (shared->reactor != nullptr) callback(std::move(addresses));
  };
} catch (const std::bad_alloc&) {
  return nullptr;
}

Resolver::Resolver(Reactor& reactor) : shared_(std::make_shared<Shared>()) { shared_->reactor = &reactor; }

Resolver::~Resolver() {
  const std::scoped_lock lock(shared_->mutex);
  shared_->reactor = nullptr;
}

void Resolver::resolve(const std::string& host, std::uint16_t port, const Callback& callback) {
  if (std::vector<Address> known = resolve_immediately(host, port); !known.empty()) return callback(std::move(known));
  if (const Result<void> started = start_lookup(host, port, callback); !started) callback(started.error());
}

Result<void> Resolver::start_lookup(const std::string& host, std::uint16_t port, const Callback& callback) {
  if (!shared_->begin_lookup()) return Error{Errc::queue_full, kResolving};
  try {
    std::thread([shared = shared_, host, port, callback] {
      // There is no memory, or the loop has more tasks than it may hold: this thread has time, and the answer must not
      // be lost.
      std::function<void()> task;
      while (!(task = look_up(shared, host, port, callback))) std::this_thread::sleep_for(base::milliseconds(1));
      while (!shared->try_post(task)) std::this_thread::sleep_for(base::milliseconds(1));
      shared->end_lookup();
    }).detach();
  } catch (const std::system_error& error) {  // no thread to be had
    shared_->end_lookup();
    return Error{error.code(), kResolving};
  } catch (const std::bad_alloc&) {
    shared_->end_lookup();
    return Error{Errc::out_of_memory, kResolving};
  }
  return {};
}

}  // namespace distflow::io
