// The poller of macOS and the BSDs: kqueue, edge-triggered, woken through an event of the program's own.
//
// Loop thread only, except wake().
//   1. Every descriptor has two filters, for reading and for writing, each armed once with EV_CLEAR. What both have to
//      report comes as two events with one token.
//   2. EV_EOF of either filter is reported as an end in both directions: bytes may still lie before it (kqueue(2)).
//   3. A token travels in the pointer that the kernel carries: systems of 64 bits only.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include <distflow/result.hpp>

#include "base/time.hpp"
#include "io/poller.hpp"

namespace distflow::io {

class KqueuePoller {
 public:
  static constexpr std::string_view kName = "kqueue";

  KqueuePoller() = default;
  KqueuePoller(const KqueuePoller&) = delete;
  KqueuePoller& operator=(const KqueuePoller&) = delete;
  ~KqueuePoller();

  Result<void> open();
  Result<void> add(int fd, std::uint64_t token);
  void remove(int fd) noexcept;
  std::size_t wait(base::Duration timeout, std::span<Readiness> out);
  [[nodiscard]] bool was_woken() const { return was_woken_; }
  void wake() noexcept;
  [[nodiscard]] int fd() const { return queue_; }

 private:
  int queue_ = -1;
  bool was_woken_ = false;
};

}  // namespace distflow::io
