// A PMD on the real loopback interface, turned by the test's own thread: nothing happens but inside turn().
//
// Use: LoopbackPmd pmd; PmdTestClient node(pmd.port()); EXPECT_EQ(pmd.ask(node, R"({"type":"list"})"), ...);
#pragma once

#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "base/log.hpp"
#include "pmd/server/server.hpp"
#include "tests/support/backends.hpp"
#include "tests/support/late_store.hpp"
#include "tests/support/pmd_test_client.hpp"

namespace distflow::test {

class LoopbackPmd {
 public:
  /// Whatever is waited for has come by then, or never comes.
  static constexpr std::chrono::seconds kPatience{20};

  explicit LoopbackPmd(pmd::ServerOptions options = {}, StoreChoice store = {})
      : reactor_(make_socket_backend(chunks_), {}),
        log_(base::LogLevel::debug, base::LogSink::to<&LoopbackPmd::on_line>(*this)),
        late_store_(reactor_, store),
        server_(reactor_, stream_setup_, log_, on_any_port(std::move(options)),
                store.kind == StoreChoice::Kind::local ? nullptr : &late_store_) {
    const Result<void> started = server_.start();
    if (!started) throw std::runtime_error("the PMD of the test cannot start: " + started.error().message());
  }
  ~LoopbackPmd() {
    server_.begin_shutdown();
    until([this] { return server_.is_finished(); });
  }

  [[nodiscard]] std::uint16_t port() const { return server_.port(); }
  pmd::Server& server() { return server_; }
  [[nodiscard]] const std::string& log() const { return lines_; }

  void turn() { reactor_.turn(reactor_.now() + base::milliseconds(1)); }
  /// Turns until `condition` holds; false when it never does.
  template <class Condition>
  bool until(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      turn();
    }
    return true;
  }

  /// The next frame that comes; "(nothing)" when none does.
  std::string receive(PmdTestClient& client) {
    std::string frame;
    return until([&] { return client.receive(frame); }) ? frame : "(nothing)";
  }
  std::string ask(PmdTestClient& client, std::string_view body) {
    client.send(body);
    return receive(client);
  }
  bool is_hung_up(PmdTestClient& client) {
    return until([&] { return client.has_ended(); });
  }

 private:
  static pmd::ServerOptions on_any_port(pmd::ServerOptions options) {
    options.port = 0;
    return options;
  }
  void on_line(base::LogLevel, std::string_view line) { (lines_ += line) += '\n'; }

  base::ChunkPool chunks_{{.chunk_size = 64 * 1024, .chunk_count_max = 16}};
  io::Reactor reactor_;
  std::string lines_;
  base::Log log_;
  LateStore late_store_;
  stream::StreamSetup stream_setup_;
  pmd::Server server_;
};

}  // namespace distflow::test
