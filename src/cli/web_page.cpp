#include "cli/web_page.hpp"

#include <utility>

#include "pmd/web/web.hpp"

namespace distflow::cli {
namespace {

class ServedPage final : public WebPage {
 public:
  ServedPage(io::Reactor& reactor, pmd::Server& server, http::ServerOptions options)
      : web_(reactor, server, std::move(options)) {}

  Result<void> start() { return web_.start(); }
  [[nodiscard]] std::uint16_t port() const override { return web_.port(); }
  void close(base::Delegate<void()> on_closed) override { web_.close(on_closed); }

 private:
  pmd::Web web_;
};

}  // namespace

Result<std::unique_ptr<WebPage>> WebPage::start(io::Reactor& reactor, pmd::Server& server, std::uint16_t port,
                                                std::vector<std::uint32_t> users) {
  http::ServerOptions options;
  options.port = port;
  options.users = std::move(users);
  auto page = std::make_unique<ServedPage>(reactor, server, std::move(options));
  if (const Result<void> started = page->start(); !started) return started.error();
  // Nothing from here on may throw: what listens takes turns to close, and may not be destroyed before.
  return std::unique_ptr<WebPage>(std::move(page));
}

}  // namespace distflow::cli
