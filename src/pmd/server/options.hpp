// The options of a PMD's server, and what it counts.
//
// Values; any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "base/time.hpp"
#include "pmd/pmd_address.hpp"
#include "pmd/server/registry.hpp"

namespace distflow::pmd {

struct ServerOptions {
  std::string host = kDefaultHost;    ///< a numeric address; with the default, ::1 is listened at where there is one
  std::uint16_t port = kDefaultPort;  ///< 0: the system chooses
  /// A listening socket of this process, by its descriptor, that a service manager has opened. It is taken over, and
  /// `host` and `port` are not heeded.
  std::optional<int> listener{};
  /// Who may have the page opened, besides root: the user that this process runs as. None: root alone.
  std::optional<std::uint32_t> user{};
  std::int64_t process_id = 0;  ///< sent in the answer to hello
  std::string release{};        ///< the same: of the program; empty: not sent
  RegistryOptions registry;

  std::uint32_t frame_size_max = 64 * 1024;  ///< bytes of a request
  std::uint32_t connection_count_max = 16 * 1024;
  std::uint32_t malformed_max = 16;  ///< requests that are no request, after which a connection is closed

  /// How long a claim to an alias in use waits for its holder to go. After a crash and a quick restart, the end of the
  /// old connection may be seen after the claim that comes over the new one.
  base::Duration claim_grace = base::milliseconds(250);
  /// Claims waiting at once. More are refused without a wait, unless their user has fewer than an equal share: then one
  /// of the user with most is.
  std::uint32_t claim_count_max = 1024;
  /// Registrations that the store has not decided yet; more are refused. A PMD without a store of others decides at
  /// once.
  std::uint32_t proposal_count_max = 1024;

  /// Bytes of events that are kept for watchers that have not taken them, once for all of them. A watcher that leaves
  /// more unread is disconnected.
  std::size_t watcher_backlog_max = std::size_t{64} << 20;
  std::size_t reply_backlog_pause = std::size_t{1} << 20;  ///< bytes of unread replies that end reading requests
  std::size_t reply_backlog_max = std::size_t{64} << 20;   ///< bytes of unread replies that end the connection
  /// The same of all connections together; and bytes of outdated nodes that unread answers hold, beyond which those
  /// that have been under way longest are cut.
  std::size_t reply_backlog_total = std::size_t{256} << 20;
  base::Duration send_stall_max = base::seconds(30);  ///< for a peer to take no byte while there are some

  /// Ends by itself after so long without a connection; never when absent.
  std::optional<base::Duration> idle_exit;
  base::Duration shutdown_max = base::seconds(1);  ///< for the peers to take what is queued for them

  /// A timer later than `stall_max` says that the process did not run (stopped, or its clock jumped): what has come
  /// meanwhile is read for `stall_grace` before any node expires.
  base::Duration stall_max = base::milliseconds(500);
  base::Duration stall_grace = base::seconds(5);
};

/// Monotonic, except those marked as of now. Loop thread only.
struct ServerCounters {
  std::uint64_t connections_accepted = 0;
  std::uint64_t connections_refused = 0;  ///< closed at once, at the bound
  std::uint64_t requests = 0;             ///< well-formed ones, of unknown type too; no answers of nodes
  std::uint64_t malformed = 0;            ///< frames that are no request; each is answered with an error
  std::uint64_t malformed_closed = 0;     ///< connections closed for too many of them
  std::uint64_t frames_too_long = 0;      ///< connections closed for an announcement beyond the limit
  std::uint64_t foreign_protocols = 0;    ///< of those, whose first bytes belong to another protocol
  std::uint64_t registrations_invalid = 0;
  std::uint64_t registrations_full = 0;         ///< refused at a bound of the registry
  std::uint64_t registrations_over_share = 0;   ///< refused at the bound of one connection
  std::uint64_t registrations_unavailable = 0;  ///< refused because the store could not decide
  std::uint64_t registrations_busy = 0;         ///< refused because too many were undecided
  std::uint64_t entries_refused = 0;            ///< nodes that the store announced and that there was no room for
  std::uint64_t registrations_lost = 0;         ///< nodeIds taken over, and expiries, that a living connection had
  std::uint64_t shutdowns_refused = 0;          ///< asked for from another machine, or while nodes were registered
  std::uint64_t webs_refused = 0;               ///< requests for the page: from another user, or it cannot be served
  std::uint64_t joins = 0;
  std::uint64_t leaves = 0;  ///< expiries are among them
  std::uint64_t expiries = 0;
  std::uint64_t regroups = 0;          ///< changes of a node's groups
  std::uint64_t regroups_invalid = 0;  ///< refused for their content, or because the node would have too many
  std::uint64_t stalls = 0;            ///< times that expiry was put off because the process had not run
  std::uint64_t claims_parked = 0;     ///< claims that had to wait
  std::uint64_t claims_granted = 0;    ///< of those, whose holder went in time
  std::uint64_t claims_refused = 0;    ///< with or without a wait
  std::uint64_t claims_displaced = 0;  ///< of those, the ones refused for one of a user with fewer than its share
  std::uint64_t events = 0;            ///< events encoded, once for all watchers that know them
  std::uint64_t events_queued = 0;     ///< for one watcher each
  std::uint64_t slow_watchers = 0;     ///< connections closed for leaving too many events unread
  std::uint64_t slow_readers = 0;      ///< connections closed for leaving too many replies unread
  std::uint64_t reads_paused = 0;      ///< times that a connection was not read from, for its replies or changes
  std::uint64_t runs_delayed = 0;      ///< times that a connection with requests had to wait for another turn
  std::uint64_t stats_asked = 0;       ///< questions for stats that were brought to a node
  std::uint64_t stats_refused = 0;     ///< questions for stats from another user, to a node that reports none, too many
  std::uint64_t stats_displaced = 0;   ///< of those asked, refused for one of a user with fewer than its share
  std::uint64_t stats_unanswered = 0;  ///< of those asked, to which no answer came in time
  std::uint64_t stats_unasked = 0;     ///< answers that were not awaited on the connection that they came on
  std::uint64_t out_of_memory = 0;     ///< connections closed because there was no memory for a reply
};

}  // namespace distflow::pmd
