// The page of distflow-pmd, where it is built with one (CMake's DISTFLOW_WEB); else its absence.
//
// Loop thread only.
// Use: auto page = WebPage::start(reactor, server, port); if (!page) ...; (*page)->close(on_closed);
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "pmd/server/server.hpp"

namespace distflow::cli {

class WebPage {
 public:
  /// Serves at 127.0.0.1 and this port, to root and `users`. `reactor` and `server` must outlive it.
  /// Errc::unsupported when the program is built without it.
  static Result<std::unique_ptr<WebPage>> start(io::Reactor& reactor, pmd::Server& server, std::uint16_t port,
                                                std::vector<std::uint32_t> users);

  WebPage() = default;
  WebPage(const WebPage&) = delete;
  WebPage& operator=(const WebPage&) = delete;
  virtual ~WebPage() = default;

  [[nodiscard]] virtual std::uint16_t port() const = 0;
  /// `on_closed` comes from inside a turn; it may be destroyed from then on, but not in it.
  virtual void close(base::Delegate<void()> on_closed) = 0;
};

}  // namespace distflow::cli
