// Keeps the host while a request begins, where that may end meanwhile: a callback can hold the last handle, and on
// another thread be over, and gone, before ask() is. On the loop's thread nothing of the application's runs in ask().
//
// The thread that asks.
// Use: const HeldElsewhere host(host_); host->ask(...)
#pragma once

#include <memory>

#include "runtime/process/node_host.hpp"

namespace distflow::runtime {

class HeldElsewhere {
 public:
  explicit HeldElsewhere(const std::shared_ptr<NodeHost>& host)
      : host_(host.get()), held_(host->is_on_loop_thread() ? nullptr : host) {}
  NodeHost& operator*() const { return *host_; }
  NodeHost* operator->() const { return host_; }

 private:
  NodeHost* const host_;
  const std::shared_ptr<NodeHost> held_;
};

}  // namespace distflow::runtime
