// The programs under test, and the PMDs that they talk to.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "protocol/json_grammar.hpp"
#include "tests/support/backends.hpp"
#include "tests/support/fake_pmd.hpp"
#include "tests/support/process.hpp"
#include "tests/support/sockets.hpp"

namespace distflow::test {

/// `distflow pmd WORDS... --port PORT`, run to its end.
inline ProcessResult run_cli(std::vector<std::string> words, std::uint16_t port,
                             const std::vector<std::string>& environment = {}) {
  words.insert(words.begin(), "pmd");
  words.insert(words.end(), {"--port", std::to_string(port)});
  return run_process(DISTFLOW_CLI, words, environment);
}

/// Whether `text` is one line that is one JSON object.
inline bool is_one_json_object(const std::string& text) {
  return protocol::is_json(text) && text.front() == '{' && text.find('\n') == text.size() - 1;
}

/// distflow-pmd as a child of the test.
class Daemon {
 public:
  explicit Daemon(std::vector<std::string> arguments = {}) : process_(DISTFLOW_PMD_PROGRAM, with_any_port(arguments)) {
    const std::string before = "PMD listening on port ";
    EXPECT_TRUE(process_.wait_for_output("\n"));
    port_ = static_cast<std::uint16_t>(std::stoi(process_.out().substr(before.size())));
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }
  ProcessResult wait() { return process_.wait(); }

 private:
  static std::vector<std::string> with_any_port(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--port", "0"});
    return arguments;
  }

  ChildProcess process_;
  std::uint16_t port_ = 0;
};

/// A node as the PMD sees it: a connection that has registered.
class RegisteredNode {
 public:
  /// `own_port`: where others are told to reach it.
  RegisteredNode(std::uint16_t port, const std::string& id, const std::string& alias, std::uint16_t own_port = 4000)
      : socket_(RawSocket::connected_to(port)) {
    const protocol::NodeInfo node{.node_id = id, .alias = alias, .host = "127.0.0.1", .port = own_port};
    const std::string body = protocol::register_request("r", {.node = node, .ttl_ms = {}});
    std::string header(framing::kHeaderSize, '\0');
    framing::write_header(header.data(), static_cast<std::uint32_t>(body.size()));
    socket_.send(header + body);
    EXPECT_NE(socket_.receive().find(R"("success":true)"), std::string::npos);
  }

 private:
  RawSocket socket_;
};

/// A FakePmd on a thread of its own. Set it up before start().
class FakePmdThread {
 public:
  FakePmdThread() { pmd.listen(); }
  ~FakePmdThread() {
    reactor_.stop();
    if (thread_.joinable()) thread_.join();
  }
  void start() {
    thread_ = std::thread([this] {
      reactor_.run();
      pmd.close();
    });
  }

 private:
  base::ChunkPool chunks_{{.chunk_size = 64 * 1024, .chunk_count_max = 16}};
  io::Reactor reactor_{make_socket_backend(chunks_), {}};
  transport::OutBuffer out_{chunks_};
  std::thread thread_;

 public:
  FakePmd pmd{reactor_, chunks_, out_};
};

/// Something that is no PMD, on a thread of its own: gives each connection one answer and ends it.
class StrangerThread {
 public:
  /// `answer` to a request of Erlang's epmd for names; nothing to any other.
  explicit StrangerThread(std::string answer) : answer_(std::move(answer)) {
    thread_ = std::thread([this] { serve(); });
  }
  ~StrangerThread() {
    is_ending_ = true;
    RawSocket().connect(listener_.port());
    thread_.join();
  }
  [[nodiscard]] std::uint16_t port() const { return listener_.port(); }

 private:
  void serve() {
    while (!is_ending_) {
      RawSocket stream = listener_.accept();
      if (stream.receive() == std::string("\0\1n", 3)) stream.send(answer_);
    }
  }

  const std::string answer_;
  std::atomic<bool> is_ending_{false};
  RawSocket listener_ = RawSocket::listening();
  std::thread thread_;
};

}  // namespace distflow::test
