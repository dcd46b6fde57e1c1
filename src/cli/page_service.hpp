// The page of distflow-pmd for as long as the daemon runs, from when its port is to be had.
//
//     begin() ──▶ [served]
//        └──────▶ [port in use, no descriptors], tried again each kRetryInterval ──▶ [served]
//
// Loop thread only.
//   1. The PMD never waits for its page: nodes are served while another has the page's port. Any user of the machine
//      can take that, and a PMD on io_uring that was killed has it for a while longer.
//   2. It says on the standard output where the page is, when there is one; on the log what is wrong with it.
// Use: PageService page(reactor, server, log, port, users); if (!page.begin()) ...; page.announce(); ...
// page.close(cb);
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/log.hpp"
#include "cli/web_page.hpp"
#include "io/reactor.hpp"

namespace distflow::cli {

class PageService {
 public:
  static constexpr base::Duration kRetryInterval = base::seconds(1);

  /// `reactor`, `server` and `log` must outlive it. `users`: who may ask, besides root.
  PageService(io::Reactor& reactor, pmd::Server& server, const base::Log& log, std::uint16_t port,
              std::vector<std::uint32_t> users);
  ~PageService();
  PageService(const PageService&) = delete;
  PageService& operator=(const PageService&) = delete;

  /// An error when there will never be a page: Errc::unsupported without an HTTP server in the program, and the
  /// system's for a port that this process may not have.
  Result<void> begin();
  /// Serves the page if it is not served yet, in place of begin(): at once, or not at all. While begin() is trying
  /// another port, this one takes its place where it is to be had. Gives the port.
  Result<std::uint16_t> open(std::uint16_t port);
  /// Says where the page is: now, or as soon as there is one.
  void announce();
  /// `on_closed` comes at once, or from inside a turn; it may be destroyed from then on, but not in it.
  void close(base::Delegate<void()> on_closed);

 private:
  Result<void> attempt(std::uint16_t port);
  void on_retry_time();
  void say();

  io::Reactor& reactor_;
  pmd::Server& server_;
  const base::Log& log_;
  std::uint16_t port_;
  const std::vector<std::uint32_t> users_;
  std::unique_ptr<WebPage> page_;
  bool is_announced_ = false;
  base::Timer retry_timer_;
};

}  // namespace distflow::cli
