// A PMD that does what a test's script says, on the test's own reactor.
//
// Loop thread only. Without a script it answers as the TypeScript PMD does.
// Use: FakePmd pmd(reactor, chunks, out); pmd.script = [&](const protocol::Request& request) { ... pmd.answer(...); };
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/pmd_reply.hpp"
#include "stream/listener.hpp"
#include "tests/support/node_json.hpp"
#include "transport/connection.hpp"
#include "transport/out_buffer.hpp"

namespace distflow::test {

class FakePmd : private transport::ConnectionObserver {
 public:
  FakePmd(io::Reactor& reactor, base::ChunkPool& chunks, transport::OutBuffer& out)
      : reactor_(reactor), chunks_(chunks), out_(out) {}
  ~FakePmd() { close(); }

  /// Ends all it has, on the thread that turns the reactor.
  void close() {
    hang_up();
    stop_listening();
    while (!connections_.empty() || listener_) reactor_.turn(reactor_.now());
  }

  /// Listens, from the second time on at the port it had before.
  void listen() {
    listener_ = std::make_unique<stream::Listener>(
        reactor_, sockets_, stream::ListenerOptions{},
        base::Delegate<void(stream::OpenStream&, const io::Address&)>::to<&FakePmd::on_accept>(*this));
    if (!listener_->open(io::Address::ipv4_loopback(port_))) std::abort();
    port_ = listener_->address().port;
  }
  void stop_listening() {
    if (listener_ && listener_->is_open())
      listener_->close(base::Delegate<void()>::to<&FakePmd::on_listener_closed>(*this));
  }
  [[nodiscard]] bool is_listening() const { return listener_ != nullptr; }
  [[nodiscard]] std::uint16_t port() const { return port_; }

  /// Ends all connections.
  void hang_up() {
    for (const auto& connection : connections_) connection->close();
  }

  /// To the connection that spoke last.
  void send(std::string_view body) {
    out_.begin_frame();
    out_.append(body);
    static_cast<void>(current_->send(out_.end_frame()));  // a client that has gone is told nothing
  }

  void answer_like_typescript(const protocol::Request& request) {
    using protocol::RequestType;
    const std::string_view id = request.raw_request_id;
    switch (request.type) {
      case RequestType::list: return send(list_answer(id));
      case RequestType::resolve: {
        for (const protocol::NodeInfo& node : nodes) {
          if (node.alias == request.name || node.node_id == request.name)
            return send(protocol::node_response(id, protocol::node_json(node)));
        }
        return send(protocol::error_response(id, protocol::kNodeNotFound));
      }
      case RequestType::hello:
      case RequestType::unknown: return send(protocol::error_response(id, protocol::kUnknownMessageType));
      default: return send(protocol::success_response(id));
    }
  }

  /// As our PMD: watch with all nodes and the revision.
  void answer_watch(const protocol::Request& request, std::uint64_t revision) {
    auto response = protocol::NodesResponse::to_watch(request.raw_request_id, revision);
    for (const protocol::NodeInfo& node : nodes) response.add(protocol::node_json(node));
    send(std::move(response).finish());
  }

  [[nodiscard]] std::string list_answer(std::string_view id) const {
    auto response = protocol::NodesResponse::to_list(id);
    for (const protocol::NodeInfo& node : nodes) response.add(protocol::node_json(node));
    return std::move(response).finish();
  }

  /// How many requests of that type have come.
  [[nodiscard]] std::size_t count(protocol::RequestType type) const {
    std::size_t count = 0;
    for (const protocol::RequestType asked : requests) count += asked == type;
    return count;
  }

  std::function<void(const protocol::Request&)> script;
  std::vector<protocol::NodeInfo> nodes;
  std::vector<protocol::RequestType> requests;  ///< all that came
  std::size_t connection_count = 0;             ///< that came, ever

 private:
  void on_accept(stream::OpenStream& stream, const io::Address&) {
    ++connection_count;
    transport::ConnectionObserver& self = *this;
    connections_.push_back(
        std::make_unique<transport::Connection>(reactor_, chunks_, self, transport::ConnectionLimits{}));
    connections_.back()->open(std::move(stream));
  }

  void on_listener_closed() { listener_.reset(); }

  void on_frames(transport::Connection& connection) override {
    framing::Frame frame;
    while (connection.next_frame(frame)) {
      current_ = &connection;
      const Result<protocol::Request> request = protocol::parse_request(frame.body);
      if (!request) std::abort();
      requests.push_back(request->type);
      script ? script(*request) : answer_like_typescript(*request);
    }
  }

  void on_closed(transport::Connection& connection, Error) override {
    if (listener_) listener_->release_place();
    std::erase_if(connections_, [&](const auto& other) { return other.get() == &connection; });
  }

  io::Reactor& reactor_;
  base::ChunkPool& chunks_;
  transport::OutBuffer& out_;
  std::uint16_t port_ = 0;
  stream::StreamSetup sockets_;
  std::unique_ptr<stream::Listener> listener_;
  std::vector<std::unique_ptr<transport::Connection>> connections_;
  transport::Connection* current_ = nullptr;
};

}  // namespace distflow::test
