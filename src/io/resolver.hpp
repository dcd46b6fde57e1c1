// Host names to addresses, never on the loop's thread.
//
// Loop thread only; the look-ups run on threads of their own, which a resolver that dies leaves behind without harm.
//   1. Numeric addresses and "localhost" need no look-up: their answer comes before resolve() returns.
//   2. At most kLookupsMax look-ups run at once, those whose answer waits for room in the loop's queue included;
//      further ones fail before resolve() returns.
// Use: resolver.resolve("db.example", 4000, [](Result<std::vector<Address>> addresses) { ... });
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <distflow/result.hpp>

#include "io/address.hpp"
#include "io/reactor.hpp"

namespace distflow::io {

/// All addresses of `host`, in the system's order. Blocks as long as the system's resolver does.
Result<std::vector<Address>> resolve_blocking(const std::string& host, std::uint16_t port);

/// The addresses of a host that needs no look-up: numeric, or "localhost" (RFC 6761). Empty for any other.
std::vector<Address> resolve_immediately(const std::string& host, std::uint16_t port);

/// Whether `host` is this machine's loopback, as far as is known without a look-up.
bool is_loopback_host(const std::string& host);

class Resolver {
 public:
  static constexpr std::size_t kLookupsMax = 16;
  using Callback = std::function<void(Result<std::vector<Address>>)>;

  explicit Resolver(Reactor& reactor);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  /// `callback` runs on the loop's thread, once, unless the resolver dies first. It may resolve again or destroy the
  /// resolver. Copies of it may be destroyed on another thread.
  void resolve(const std::string& host, std::uint16_t port, const Callback& callback);

 private:
  struct Shared;
  static std::function<void()> look_up(const std::shared_ptr<Shared>& shared, const std::string& host,
                                       std::uint16_t port, const Callback& callback);
  Result<void> start_lookup(const std::string& host, std::uint16_t port, const Callback& callback);
  std::shared_ptr<Shared> shared_;
};

}  // namespace distflow::io
