// The registry as a node uses it: to register, to learn which other nodes there are, and to resolve names. A node does
// not know which implementation it has: a PMD (pmd_registry.hpp), or a registry of a test. registry_choice.cpp makes it.
//
// Loop thread only.
//   1. start() once; then on_registered and on_snapshot as they come about, again after each loss, in any order.
//   2. on_snapshot, on_join and on_leave report the state of the whole registry, with the node itself.
//   3. Every resolve() has one answer, from inside a later turn.
//   4. on_closed is the last call, and never from inside close().
// Use: registry.start(observer, registration); ... registry.resolve(name, on_answer); ... registry.close();
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include <distflow/error.hpp>
#include <distflow/result.hpp>

#include "base/chunk_pool.hpp"
#include "base/log.hpp"
#include "io/peer_owner.hpp"
#include "io/reactor.hpp"
#include "pmd/client/client_observer.hpp"
#include "protocol/pmd_node.hpp"
#include "stream/stream_setup.hpp"

namespace distflow::runtime {

class PmdStarter;

/// What a process has for the client of any registry. All must outlive the client.
struct RegistryParts {
  io::Reactor& reactor;
  stream::StreamSetup& stream_setup;  ///< of the process
  base::ChunkPool& blocks;            ///< frames from the registry that come in parts, and requests
  const base::Log& log;
  PmdStarter* starter = nullptr;  ///< starts a PMD where there is none; null: none is ever started
};

/// The user of the registry. All calls come inside Reactor::turn(). pmd::ClientObserver names those that may throw. Its
/// on_unreachable and on_pmd_shutdown are not called.
class RegistryObserver : public pmd::ClientObserver {
 public:
  /// There is no registry for this node, and trying again will not help. Only before the node is registered and has had
  /// its first snapshot.
  virtual void on_start_failed(StartError why) = 0;
  /// The node's registry was not there, and was started.
  virtual void on_registry_started() {}

 protected:
  ~RegistryObserver() = default;
};

class RegistryClient {
 public:
  virtual ~RegistryClient() = default;

  /// Registers the node, and watches. May throw std::bad_alloc, and is not started then. `observer` must outlive it.
  virtual void start(RegistryObserver& observer, protocol::Registration registration) = 0;
  /// The node of that alias or nodeId; Errc::node_not_found when there is none. Not before start().
  virtual void resolve(std::string_view name, std::function<void(Result<protocol::NodeInfo>)> on_answer) = 0;
  /// Answers RegistryObserver::on_stats_asked(), as pmd::Client::answer_stats(). A registry that never asks has no use
  /// for it.
  virtual void answer_stats(std::uint64_t id, std::string_view stats) {
    static_cast<void>(id), static_cast<void>(stats);
  }
  /// As which user the registry runs, as the system has it: for a registry that asks. Unknown where the system cannot
  /// say, and without a session. Takes kOwnerLookupMax at most.
  [[nodiscard]] virtual io::PeerOwner owner_of_registry() const { return {}; }
  /// The node's groups from now on. May throw std::bad_alloc, and has changed nothing then. A registry without groups
  /// passes over them.
  // NOLINTNEXTLINE(performance-unnecessary-value-param): who overrides it keeps them
  virtual void set_groups(protocol::Groups groups) { static_cast<void>(groups); }
  /// Unregisters, and ends; within a time of its own.
  virtual void close() = 0;

  /// From on_registered on, until that is lost. After close(): unless the registry has confirmed the end.
  [[nodiscard]] virtual bool is_registered() const = 0;
  /// Why the node has not been registered in the time that it had.
  [[nodiscard]] virtual StartError why_unregistered() const = 0;
};

}  // namespace distflow::runtime
