// A PMD and any number of nodes over one reactor in one thread: a whole system that a test turns by hand.
//
// Use: Cluster cluster; TestNode& pong = cluster.add_node({.alias = "pong"}); cluster.send(ping, "pong", "1");
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "pmd/server/server.hpp"
#include "runtime/node/node.hpp"
#include "runtime/node/registry_choice.hpp"
#include "runtime/process/handler_thread.hpp"
#include "tests/support/backends.hpp"
#include "tests/support/loop.hpp"

namespace distflow::test {

/// A node with a record of what it got.
class TestNode final : private runtime::NodeObserver {
 public:
  TestNode(runtime::NodeParts parts, const NodeOptions& options, std::unique_ptr<runtime::TargetTable> targets,
           std::unique_ptr<runtime::RegistryClient> registry)
      : targets_(std::move(targets)), registry_(std::move(registry)), handlers_(options.spin) {
    runtime::NodeObserver& self = *this;
    const bool has_thread = options.threading == Threading::dispatcher;
    if (has_thread) parts.wake_handlers = handlers_.waker();
    node_ = std::make_unique<runtime::Node>(parts, options, self);
    EXPECT_TRUE(!has_thread || handlers_.start(node_->delivery()));
  }
  ~TestNode() { handlers_.stop(); }
  TestNode(const TestNode&) = delete;
  TestNode& operator=(const TestNode&) = delete;

  runtime::Node& operator*() { return *node_; }
  runtime::Node* operator->() { return node_.get(); }

  /// Keeps every message that comes from now on in `messages`.
  void record_messages() {
    node_->delivery().set_message_handler([this](const Message& message) { messages.push_back(message.keep()); });
  }
  void record_peers() {
    node_->delivery().set_join_handler([this](const PeerInfo& peer) { joined.push_back(peer.alias); });
    node_->delivery().set_leave_handler([this](const PeerInfo& peer) { left.push_back(peer.alias); });
  }

  SendVerdict send(std::string_view name, std::string_view json) { return send(name, runtime::OutgoingMessage(json)); }
  SendVerdict send(std::string_view name, const runtime::OutgoingMessage& message) {
    return node_->send(target(name), message);
  }
  [[nodiscard]] runtime::TargetPtr target(std::string_view name) { return targets_->of(name); }
  /// As another thread does that finds the name unresolved.
  SendVerdict send_parked(std::string_view name, runtime::ParkedMessage message) {
    const runtime::TargetPtr to = target(name);
    message.has_place = targets_->parking().take(*to, message.size());
    if (!message.has_place) return SendVerdict::unresolved;
    node_->router().send_parked(to, std::move(message));
    return SendVerdict::queued;
  }

  [[nodiscard]] NodeStats stats() {
    NodeStats stats;
    node_->publish_gauges();
    node_->snapshot(stats);
    return stats;
  }

  std::vector<KeptMessage> messages;
  std::vector<std::string> joined;
  std::vector<std::string> left;
  std::optional<Result<void, StartError>> started;
  std::optional<ShutdownReport> closed;

 private:
  void on_started(Result<void, StartError> outcome) override { started = outcome; }
  void on_closed(const ShutdownReport& report) override { closed = report; }

  std::unique_ptr<runtime::TargetTable> targets_;
  std::unique_ptr<runtime::RegistryClient> registry_;
  runtime::HandlerThread handlers_;
  std::unique_ptr<runtime::Node> node_;
};

class Cluster {
 public:
  using MakeBackend = std::unique_ptr<io::Backend> (*)(base::ChunkPool& chunks);

  /// `layer` lies over each connection, of the nodes and of the PMD.
  explicit Cluster(pmd::ServerOptions pmd_options = {}, MakeBackend make = &make_backend,
                   base::LogLevel log_level = base::LogLevel::error,
                   std::unique_ptr<stream::StreamLayer> layer = nullptr)
      : log_(log_level, base::LogSink::to<&Cluster::on_line>(*this)),
        pmd_options_(std::move(pmd_options)),
        stream_setup_(std::move(layer), {}, &log_) {
    reactor_ = std::make_unique<io::Reactor>(make(receive_chunks_), io::ReactorOptions{});
    pmd_options_.port = 0;
    start_pmd();
    pmd_options_.port = pmd_port_ = pmd_->port();
  }

  ~Cluster() {
    for (const auto& node : nodes_) {
      if (!node->closed) (*node)->begin_shutdown(base::seconds(1));
    }
    EXPECT_TRUE(turn_until([this] {
      return std::all_of(nodes_.begin(), nodes_.end(), [](const auto& node) { return node->closed.has_value(); });
    }));
    stop_pmd();
    EXPECT_TRUE(turn_until([this] { return reactor_->backend().handle_count() == 0; }));
    nodes_.clear();
  }

  /// Starts a node, and turns until its outcome is known.
  TestNode& add_node(NodeOptions options, runtime::PmdStarter* starter = nullptr) {
    TestNode& node = add_node_without_waiting(std::move(options), starter);
    EXPECT_TRUE(turn_until([&] { return node.started.has_value(); }));
    return node;
  }

  TestNode& add_node_without_waiting(NodeOptions options, runtime::PmdStarter* starter = nullptr) {
    if (options.pmd_port == NodeOptions{}.pmd_port) options.pmd_port = pmd_port_;
    return add_node_of(
        options,
        runtime::make_registry_client(
            {.reactor = *reactor_, .stream_setup = stream_setup_, .blocks = blocks_, .log = log_, .starter = starter},
            options));
  }
  /// Starts a node whose registry is another than the cluster's PMD.
  TestNode& add_node_of(const NodeOptions& options, std::unique_ptr<runtime::RegistryClient> registry) {
    auto targets = std::make_unique<runtime::TargetTable>(options.targets_max);
    const runtime::NodeParts parts{.reactor = *reactor_,
                                   .stream_setup = stream_setup_,
                                   .out_chunks = out_chunks_,
                                   .blocks = blocks_,
                                   .receive_chunks = receive_chunks_,
                                   .log = log_,
                                   .targets = *targets,
                                   .registry = *registry};
    nodes_.push_back(std::make_unique<TestNode>(parts, options, std::move(targets), std::move(registry)));
    (*nodes_.back())->start();
    return *nodes_.back();
  }

  /// Shuts a node down, and turns until it has closed.
  ShutdownReport shut_down(TestNode& node, base::Duration deadline = base::seconds(1)) {
    node->begin_shutdown(deadline);
    EXPECT_TRUE(turn_until([&] { return node.closed.has_value(); }));
    return node.closed.value_or(ShutdownReport{});
  }

  template <class Condition>
  bool turn_until(Condition condition) {
    return test::turn_until(*reactor_, condition);
  }

  void start_pmd() {
    pmd_ = std::make_unique<pmd::Server>(*reactor_, stream_setup_, log_, pmd_options_);
    const Result<void> started = pmd_->start();
    if (!started) throw std::runtime_error("the PMD of the test cannot start: " + started.error().message());
  }

  void stop_pmd() {
    if (pmd_ == nullptr) return;
    pmd_->begin_shutdown();
    EXPECT_TRUE(turn_until([this] { return pmd_->is_finished(); }));
    pmd_.reset();
  }

  [[nodiscard]] io::Reactor& reactor() { return *reactor_; }
  [[nodiscard]] pmd::Server& pmd() { return *pmd_; }
  [[nodiscard]] std::uint16_t pmd_port() const { return pmd_port_; }
  /// Times that all nodes together have asked the system for memory to put a large frame in.
  [[nodiscard]] std::uint64_t large_chunks_made() const {
    return out_chunks_.large().made_count() + blocks_.large().made_count();
  }

  /// What all of them have logged, each line as "warn: ...".
  [[nodiscard]] const std::vector<std::string>& log_lines() const { return log_lines_; }
  /// How many lines have both texts.
  [[nodiscard]] std::size_t count_lines(std::string_view text, std::string_view also = "") const {
    return static_cast<std::size_t>(std::count_if(log_lines_.begin(), log_lines_.end(), [&](const std::string& line) {
      return line.find(text) != std::string::npos && line.find(also) != std::string::npos;
    }));
  }
  [[nodiscard]] std::string log_text() const {
    std::string text;
    for (const std::string& line : log_lines_) (text += line) += '\n';
    return text;
  }

 private:
  void on_line(base::LogLevel level, std::string_view line) {
    log_lines_.push_back(std::string(base::to_string(level)) + ": " + std::string(line));
  }

  static constexpr std::size_t kLargeBytesKeptMax = std::size_t{64} << 20;

  std::vector<std::string> log_lines_;
  base::Log log_;
  base::ChunkPool receive_chunks_{{.chunk_size = 256 * 1024, .chunk_count_max = 64}};
  base::ChunkPool out_chunks_{
      {.chunk_size = 256 * 1024, .chunk_count_max = 64, .large_bytes_kept_max = kLargeBytesKeptMax}};
  base::ChunkPool blocks_{
      {.chunk_size = 16 * 1024, .chunk_count_max = 1024, .large_bytes_kept_max = kLargeBytesKeptMax}};
  pmd::ServerOptions pmd_options_;
  std::uint16_t pmd_port_ = 0;
  stream::StreamSetup stream_setup_;
  std::unique_ptr<io::Reactor> reactor_;
  std::unique_ptr<pmd::Server> pmd_;
  std::vector<std::unique_ptr<TestNode>> nodes_;
};

/// A cluster that sockets outside of it can reach.
struct SocketCluster : Cluster {
  explicit SocketCluster(base::LogLevel log_level = base::LogLevel::error)
      : Cluster({}, &make_socket_backend, log_level) {}
};

}  // namespace distflow::test
