// Many connections into one echo server, with one message under way on each.
//
//     bench_swarm swarm --connections N [--server node] --broker PORT --connect ALIAS
//     bench_swarm swarm --connections N --server raw --connect HOST:PORT
//                 [--backend NAME] [--memory-of PID]
//
// node: the server is a node, found through its PMD. The swarm is one node in the registry, and its connections carry
// messages of that node; the answers come over the one connection that the server opens to it, and say by the digits at
// their payload's end which connection they are for. raw: the same frame comes back on the connection that it left on.
//
// Every connection has carried an echo before `ready`. --memory-of: the bytes that the process PID, the server, has
// then go to the standard error.
#include <array>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "bench/contestant/contestant.hpp"
#include "bench/node/client.hpp"
#include "bench/node/pmd_session.hpp"
#include "bench/node/process.hpp"
#include "protocol/envelope.hpp"
#include "runtime/send/frame_writer.hpp"
#include "stream/listener.hpp"

namespace distflow::bench {
namespace {

constexpr std::size_t kDigits = 5;
constexpr std::size_t kConnectionsMax = 99'999;
constexpr std::size_t kFrameMax = 16 * 1024 * 1024;

/// A payload that ends in the number of its connection, and back.
class NumberedPayload {
 public:
  explicit NumberedPayload(std::size_t size) : text_(Payload(size).plain()) {
    if (size < kDigits + 2) give_up("the payload has no room for its connection's number");
  }
  std::string_view with(std::size_t number) {
    for (std::size_t at = text_.size() - 2, i = 0; i < kDigits; ++i, --at, number /= 10) {
      text_[at] = static_cast<char>('0' + number % 10);
    }
    return text_;
  }
  [[nodiscard]] std::size_t number_of(std::string_view payload) const {
    if (payload.size() != text_.size()) give_up("an answer is not what was sent");
    std::size_t number = 0;
    for (const char digit : payload.substr(payload.size() - 1 - kDigits, kDigits)) {
      number = number * 10 + static_cast<std::size_t>(digit - '0');
    }
    return number;
  }

 private:
  std::string text_;
};

class Swarm {
 public:
  explicit Swarm(const Setup& setup)
      : setup_(setup),
        loop_(setup),
        payload_(setup.payload_size),
        listener_(loop_.reactor(), sockets_, {},
                  base::Delegate<void(stream::OpenStream&, const io::Address&)>::to<&Swarm::on_accept>(*this)),
        sent_at_(std::strtoull(setup.other("--connections", "1").c_str(), nullptr, 10)) {
    if (sent_at_.empty() || sent_at_.size() > kConnectionsMax) give_up("--connections takes 1 to 99999");
    const std::string server = setup.other("--server", "node");
    if (server != "node" && server != "raw") give_up("--server takes node or raw");
    is_node_ = server == "node";
  }

  ~Swarm() {
    close_all(clients_);
    close_all(answering_);
    if (!listener_.is_open()) return;
    bool is_closed = false;
    auto on_closed = [&] { is_closed = true; };
    listener_.close(base::Delegate<void()>::of(on_closed));
    loop_.turn_until([&] { return is_closed; });
  }

  /// Until all connections have carried an echo.
  void connect() {
    if (!is_node_) prefix_ = protocol::envelope_prefix(random_id(), random_id());
    const io::Address server = is_node_ ? join() : parse_address(setup_.connect);
    for (std::size_t number = 0; number < sent_at_.size(); ++number) {
      clients_.push_back(std::make_unique<Client>(loop_, number, Client::OnFrame::to<&Swarm::on_echo>(*this)));
    }
    connect_all(loop_, clients_, server, [this](auto step) { exchange(step, step.size()); });
    const std::string watched = setup_.other("--memory-of", "");
    if (!watched.empty()) tell_memory(std::atoll(watched.c_str()));
  }

  void play(const Block& block) {
    const std::uint64_t begin = monotonic_ns();
    exchange(clients_, block.count);
    tell_took(monotonic_ns() - begin);
    tell_times(times_);
  }

 private:
  std::string random_id() {
    std::array<std::byte, 8> bytes{};
    loop_.reactor().backend().fill_random(bytes);
    std::string id;
    for (const std::byte byte : bytes) {
      for (const int shift : {4, 0}) id += "0123456789abcdef"[(std::to_integer<unsigned>(byte) >> shift) & 15];
    }
    return id;
  }

  /// Registers this node, and asks where the server is.
  io::Address join() {
    if (const Result<void> opened = listener_.open(io::Address::ipv4_loopback(0)); !opened) {
      give_up(opened.error().message());
    }
    pmd_.emplace(loop_, parse_address(setup_.broker));
    const std::string id = random_id();
    const protocol::NodeInfo self{.node_id = id, .host = "127.0.0.1", .port = listener_.address().port};
    // Without a TTL and without heartbeats: registered for as long as the session lasts.
    pmd_->ask(protocol::register_request("r", {.node = self}));
    const protocol::Response answer = pmd_->ask(protocol::resolve_request("r", setup_.connect));
    if (!answer.node) give_up("the PMD tells no node");
    prefix_ = protocol::envelope_prefix(id, answer.node->node_id);
    return parse_address(answer.node->host + ':' + std::to_string(answer.node->port));
  }

  /// `count` echoes, over those connections.
  void exchange(std::span<const std::unique_ptr<Client>> over, std::uint64_t count) {
    times_.clear();
    times_.reserve(count);
    to_send_ = count;
    for (std::size_t i = 0; i < over.size() && to_send_ > 0; ++i) send(*over[i]);
    loop_.turn_until([&] { return times_.size() == count; });
  }

  void send(Client& client) {
    --to_send_;
    sent_at_[client.number()] = monotonic_ns();
    client.send(frame_for(client.number()));
  }

  transport::EncodedFrame frame_for(std::size_t number) {
    transport::EncodedFrame frame;
    const SendVerdict verdict =
        runtime::write_frame(loop_.out(), prefix_, runtime::OutgoingMessage(payload_.with(number)),
                             suffix_.at(loop_.reactor().wall_ms()), kFrameMax, frame);
    if (verdict != SendVerdict::queued) give_up(to_string(verdict));
    return frame;
  }

  void on_accept(stream::OpenStream& stream, const io::Address&) {
    answering_.push_back(
        std::make_unique<Client>(loop_, answering_.size(), Client::OnFrame::to<&Swarm::on_answer>(*this)));
    answering_.back()->open(std::move(stream));
  }

  /// A node's answer, over its own connection.
  void on_answer(Client&, std::string_view body) { note_echo(number_in(body)); }

  /// A raw server's answer.
  void on_echo(Client& client, std::string_view body) {
    if (number_in(body) != client.number()) give_up("an answer is another connection's");
    note_echo(client.number());
  }

  std::size_t number_in(std::string_view body) {
    protocol::Envelope envelope;
    if (!protocol::decode(body, envelope, scratch_)) give_up("an answer is no message");
    return payload_.number_of(envelope.payload);
  }

  void note_echo(std::size_t number) {
    if (number >= clients_.size() || sent_at_[number] == 0) give_up("an answer came that nobody waits for");
    times_.push_back(monotonic_ns() - std::exchange(sent_at_[number], 0));
    if (to_send_ > 0) send(*clients_[number]);
  }

  const Setup& setup_;
  bool is_node_ = true;
  Loop loop_;
  NumberedPayload payload_;
  std::string prefix_;
  runtime::EnvelopeSuffix suffix_;
  protocol::EnvelopeScratch scratch_;
  stream::StreamSetup sockets_;
  stream::Listener listener_;
  std::optional<PmdSession> pmd_;
  Clients clients_;
  Clients answering_;  // what the server has opened to this node

  std::vector<std::uint64_t> sent_at_;  // by connection; 0: nothing is under way
  std::vector<std::uint64_t> times_;
  std::uint64_t to_send_ = 0;
};

}  // namespace
}  // namespace distflow::bench

int main(int argc, char** argv) {
  using namespace distflow::bench;
  const Setup setup = set_up(argc, argv);
  if (setup.role != Role::swarm) give_up("bench_swarm plays swarm");
  raise_descriptor_limit();
  Swarm swarm(setup);
  swarm.connect();
  tell_ready("-");
  while (const std::optional<Block> block = next_block()) swarm.play(*block);
}
