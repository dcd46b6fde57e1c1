// The poller of Linux: epoll, edge-triggered, woken through an eventfd.
//
// Loop thread only, except wake().
// Every descriptor is armed once for reading and writing; no system call re-arms it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include <distflow/result.hpp>

#include "base/time.hpp"
#include "io/linux/event_fd.hpp"
#include "io/poller.hpp"

namespace distflow::io {

class EpollPoller {
 public:
  static constexpr std::string_view kName = "epoll";

  EpollPoller() = default;
  EpollPoller(const EpollPoller&) = delete;
  EpollPoller& operator=(const EpollPoller&) = delete;
  ~EpollPoller();

  Result<void> open();
  Result<void> add(int fd, std::uint64_t token);
  void remove(int fd) noexcept;
  std::size_t wait(base::Duration timeout, std::span<Readiness> out);
  [[nodiscard]] bool was_woken() const { return was_woken_; }
  void wake() noexcept { event_.signal(); }
  [[nodiscard]] int fd() const { return epoll_; }

 private:
  int epoll_ = -1;
  EventFd event_;
  bool was_woken_ = false;
  bool has_pwait2_ = true;
};

}  // namespace distflow::io
