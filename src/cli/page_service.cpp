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

namespace {

/// Whether trying again may help: a port that this process may not have, and a program without a server, stay so.
bool may_pass(const Error& error) {
  return error != Errc::unsupported && error.code != std::errc::permission_denied &&
         error.code != std::errc::operation_not_permitted;
}

}  // namespace

PageService::~PageService() { reactor_.timers().cancel(retry_timer_); }

Result<void> PageService::begin() {
  const Result<void> served = attempt(port_);
  if (served || !may_pass(served.error())) return served;
  const bool is_in_use = served.error().code == std::errc::address_in_use;
  log_.write(LogLevel::warn, "--web-port %u is %s: nodes are served without the page, which is tried again each second",
             port_, is_in_use ? "in use" : ("not to be had (" + served.error().message() + ')').c_str());
  reactor_.arm_after(retry_timer_, kRetryInterval);
  return {};
}

Result<std::uint16_t> PageService::open(std::uint16_t port) {
  if (page_ != nullptr) return page_->port();
  if (const Result<void> served = attempt(port); !served) return served.error();
  reactor_.timers().cancel(retry_timer_);
  port_ = port;
  if (is_announced_) say();
  return page_->port();
}

Result<void> PageService::attempt(std::uint16_t port) {
  Result<std::unique_ptr<WebPage>> page = WebPage::start(reactor_, server_, port, users_);
  if (!page) return page.error();
  page_ = *std::move(page);
  return {};
}

void PageService::on_retry_time() {
  bool is_over = false;
  const auto retry = [&] {
    const Result<void> served = attempt(port_);
    is_over = served || !may_pass(served.error());
    if (!served && is_over) log_.write(LogLevel::error, "cannot serve HTTP: %s", served.error().message().c_str());
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
