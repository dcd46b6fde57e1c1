// A session with a PMD for a program that asks a few things and ends: each call waits for its answer.
//
// One thread, which turns the loop inside the calls.
//   1. Every call returns within the timeout and kGrace, in which Erlang's epmd is recognised.
//   2. When no session comes about, the error is the one that ClientObserver::on_unreachable names: the system's,
//      Errc::erlang_epmd, Errc::not_a_pmd (also for a connection that ended without an answer), Errc::timed_out, ...
// Use: auto client = BlockingClient::create(stream_setup, {.port = 4369}); if (client) auto nodes = (*client)->list();
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <distflow/result.hpp>

#include "base/chunk_pool.hpp"
#include "base/time.hpp"
#include "pmd/client/client_messages.hpp"
#include "pmd/pmd_address.hpp"
#include "protocol/pmd_reply.hpp"
#include "stream/stream_setup.hpp"

namespace distflow::pmd {

/// For a part of what a node reports (protocol::StatsPart).
struct StatsQuestion {
  std::string node_id;
  std::uint64_t after = 0;
  protocol::StatsKind what = protocol::StatsKind::counters;
};

struct BlockingOptions {
  std::string host = kDefaultHost;
  std::uint16_t port = kDefaultPort;
  base::Duration timeout = base::seconds(5);  ///< for each call
};

class BlockingClient {
 public:
  static constexpr base::Duration kGrace = base::seconds(2);

  /// Fails only when the system has no I/O backend left to give. `setup`, which is the process's, must outlive it.
  static Result<std::unique_ptr<BlockingClient>> create(stream::StreamSetup& setup, const BlockingOptions& options);
  ~BlockingClient();
  BlockingClient(const BlockingClient&) = delete;
  BlockingClient& operator=(const BlockingClient&) = delete;

  /// The node of that alias or nodeId; Errc::node_not_found when there is none.
  Result<protocol::NodeInfo> resolve(std::string_view name);
  Result<std::vector<protocol::NodeInfo>> list();
  /// The parts of the counters that are asked for, each as Client::stats() gives it, in the order of the questions.
  std::vector<Result<ToldStats>> stats(const std::vector<StatsQuestion>& questions);
  /// Errc::refused by a PMD that knows no hello, which is a TypeScript one.
  Result<protocol::Hello> hello();
  /// Client::open_page().
  Result<PageAnswer> open_page(std::uint16_t port);
  /// Tells the PMD to end; Errc::refused when it will not (Client::shutdown_pmd()).
  Result<void> shutdown_pmd(protocol::Force force);
  /// Until the PMD has ended the session; Errc::timed_out when it does not.
  Result<void> wait_for_end();

 private:
  struct Loop;
  BlockingClient(std::unique_ptr<base::ChunkPool> chunks, std::unique_ptr<Loop> loop);

  const std::unique_ptr<base::ChunkPool> chunks_;
  const std::unique_ptr<Loop> loop_;
};

}  // namespace distflow::pmd
