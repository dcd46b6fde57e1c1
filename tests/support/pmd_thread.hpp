// A PMD on a thread of its own, for tests of what has its own thread too.
//
// Use: PmdThread pmd; NodeRuntime::start({.pmd_port = pmd.port(), .start_pmd = false});
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <thread>

#include "pmd/server/server.hpp"
#include "tests/support/backends.hpp"

namespace distflow::test {

class PmdThread {
 public:
  PmdThread() {
    reactor_ = std::make_unique<io::Reactor>(make_socket_backend(chunks_), io::ReactorOptions{});
    pmd::ServerOptions options;
    options.port = 0;
    server_ = std::make_unique<pmd::Server>(*reactor_, stream_setup_, log_, options);
    const Result<void> started = server_->start();
    if (!started) throw std::runtime_error("the PMD of the test cannot start: " + started.error().message());
    port_ = server_->port();
    thread_ = std::thread([this] {
      while (!server_->is_finished() || reactor_->backend().handle_count() > 0) {
        reactor_->turn(reactor_->now() + base::milliseconds(20));
      }
    });
  }
  ~PmdThread() { stop(); }
  PmdThread(const PmdThread&) = delete;
  PmdThread& operator=(const PmdThread&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  void stop() {
    if (!thread_.joinable()) return;
    EXPECT_TRUE(reactor_->post([this] { server_->begin_shutdown(); }));
    thread_.join();
  }

 private:
  base::Log log_{base::LogLevel::error};
  base::ChunkPool chunks_{{.chunk_size = 64 * 1024, .chunk_count_max = 64}};
  std::unique_ptr<io::Reactor> reactor_;
  stream::StreamSetup stream_setup_;
  std::unique_ptr<pmd::Server> server_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

}  // namespace distflow::test
