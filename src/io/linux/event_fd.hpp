// The wake-up of Linux's backends: an eventfd that is never read. For a poller of edges each write to it is an event
// of its own (epoll(7)); the counter would take centuries to fill.
//
// signal(): any thread, any signal handler.
#pragma once

#include <distflow/result.hpp>

namespace distflow::io {

class EventFd {
 public:
  EventFd() = default;
  EventFd(const EventFd&) = delete;
  EventFd& operator=(const EventFd&) = delete;
  ~EventFd();

  Result<void> open();
  void signal() const noexcept;
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_ = -1;
};

}  // namespace distflow::io
