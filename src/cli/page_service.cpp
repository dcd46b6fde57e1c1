#include "cli/page_service.hpp"

#include <cstdio>
#include <system_error>
#include <utility>

namespace distflow::cli {

using base::Delegate;
using base::LogLevel;

PageService::PageService(io::Reactor& reactor, pmd::Server& server, const base::Log& log, std::uint16_t port,
                         std::vector<std::uint32_t> users)
    : reactor_(reactor),
      server_(server),
      log_(log),
      port_(port),
      users_(std::move(users)),
      retry_timer_(Delegate<void()>::to<&PageService::on_retry_time>(*this)) {}

PageService::~PageService() { reactor_.timers().cancel(retry_timer_); }

Result<void> PageService::begin() {
  const Result<bool> is_served = attempt();
  if (!is_served) return is_served.error();
  if (*is_served) return {};
  log_.write(LogLevel::warn,
             "--web-port %u is in use: nodes are served without the page, which is tried again each second", port_);
  reactor_.arm_after(retry_timer_, kRetryInterval);
  return {};
}

Result<bool> PageService::attempt() {
  Result<std::unique_ptr<WebPage>> page = WebPage::start(reactor_, server_, port_, users_);
  if (!page && page.error().code == std::errc::address_in_use) return false;
  if (!page) return page.error();
  page_ = *std::move(page);
  if (!reactor_.backend().own_user().is_known()) {
    log_.write(LogLevel::warn,
               "this system does not tell who is at the other end of a connection: every HTTP request is refused with "
               "403");
  }
  return true;
}

void PageService::on_retry_time() {
  bool is_over = false;
  const auto retry = [&] {
    const Result<bool> is_served = attempt();
    is_over = !is_served || *is_served;
    if (!is_served) log_.write(LogLevel::error, "cannot serve HTTP: %s", is_served.error().message().c_str());
  };
  if (!reactor_.has_memory_for(retry) || !is_over) return reactor_.arm_after(retry_timer_, kRetryInterval);
  if (page_ != nullptr && is_announced_) say();
}

void PageService::announce() {
  is_announced_ = true;
  if (page_ != nullptr) say();
}

void PageService::say() {
  std::printf("HTTP at http://127.0.0.1:%u/\n", page_->port());
  std::fflush(stdout);
}

void PageService::close(Delegate<void()> on_closed) {
  reactor_.timers().cancel(retry_timer_);
  if (page_ == nullptr) return on_closed();
  page_->close(on_closed);
}

}  // namespace distflow::cli
