#include "pmd/client/client_blocking.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "io/backend_choice.hpp"
#include "pmd/client/client.hpp"

namespace distflow::pmd {
namespace {

constexpr const char* kConnecting = "connecting to the PMD";

ClientOptions to_client_options(const BlockingOptions& options) {
  ClientOptions result;
  result.host = options.host;
  result.port = options.port;
  result.request_timeout = options.timeout;
  return result;
}

}  // namespace

/// A client with all that it works with, and what was reported to it last.
struct BlockingClient::Loop final : ClientObserver {
  Loop(std::unique_ptr<io::Backend> backend, base::ChunkPool& pool, stream::StreamSetup& setup,
       const BlockingOptions& options)
      : timeout(options.timeout),
        reactor(std::move(backend), {}),
        resolver(reactor),
        out(pool),
        client({reactor, resolver, setup, pool, out}, *this, to_client_options(options)) {}

  void on_unreachable(const Error& why, std::uint32_t) override {
    failure = why == Errc::end_of_stream ? Error{Errc::not_a_pmd, kConnecting} : why;
  }
  void on_disconnected(const Error&) override { has_disconnected = true; }
  void on_closed() override { is_closed = true; }

  /// Turns until `ask`, given a callback, has called it, or no session comes about.
  template <class T, class Ask>
  Result<T> wait_for(Ask ask) {
    // Shared: when no session comes about, the request outlives this call.
    const auto answer = std::make_shared<std::optional<Result<T>>>();
    ask([answer](Result<T> given) { answer->emplace(std::move(given)); });
    failure.reset();
    const base::Instant give_up = base::saturating_add(reactor.now(), timeout + kGrace);
    // An answer that did not come in time says less than why there is no session, which is found out a little later.
    while (!failure && reactor.now() < give_up && !(*answer && (**answer || client.is_in_session()))) {
      reactor.turn(give_up);
    }
    if (failure) return *failure;
    if (*answer) return **answer;
    return client.silence().value_or(Error{Errc::timed_out, kConnecting});
  }

  const base::Duration timeout;
  io::Reactor reactor;
  io::Resolver resolver;
  transport::OutBuffer out;
  Client client;
  std::optional<Error> failure;
  bool has_disconnected = false;
  bool is_closed = false;
};

BlockingClient::BlockingClient(std::unique_ptr<base::ChunkPool> chunks, std::unique_ptr<Loop> loop)
    : chunks_(std::move(chunks)), loop_(std::move(loop)) {
  loop_->client.start();
}

BlockingClient::~BlockingClient() {
  loop_->client.close();
  // A connect that was given up closes its handle by itself, a little later.
  while (!loop_->is_closed || loop_->reactor.backend().handle_count() > 0) loop_->reactor.turn(base::kNever);
}

Result<std::unique_ptr<BlockingClient>> BlockingClient::create(stream::StreamSetup& setup,
                                                               const BlockingOptions& options) {
  const Result<io::BackendKind> kind = io::backend_kind_from_environment();
  if (!kind) return kind.error();
  auto chunks = std::make_unique<base::ChunkPool>(base::ChunkPoolOptions{});
  Result<io::SelectedBackend> selected = io::select_backend(*kind, *chunks);
  if (!selected) return selected.error();
  auto loop = std::make_unique<Loop>(std::move(selected->backend), *chunks, setup, options);
  return std::unique_ptr<BlockingClient>(new BlockingClient(std::move(chunks), std::move(loop)));
}

Result<protocol::NodeInfo> BlockingClient::resolve(std::string_view name) {
  return loop_->wait_for<protocol::NodeInfo>([&](auto callback) { loop_->client.resolve(name, std::move(callback)); });
}

Result<std::vector<protocol::NodeInfo>> BlockingClient::list() {
  return loop_->wait_for<std::vector<protocol::NodeInfo>>(
      [&](auto callback) { loop_->client.list(std::move(callback)); });
}

std::vector<Result<ToldStats>> BlockingClient::stats(const std::vector<StatsQuestion>& questions) {
  std::vector<Result<ToldStats>> answers;
  // So many at once as a PMD takes of one client; all of a round are reported before the next begins.
  constexpr std::size_t at_once = 128;
  for (std::size_t begin = 0; begin < questions.size(); begin += at_once) {
    const std::size_t end = std::min(begin + at_once, questions.size());
    using Round = std::vector<std::optional<Result<ToldStats>>>;
    const auto round = std::make_shared<Round>(end - begin);
    const auto left = std::make_shared<std::size_t>(end - begin);
    const Result<void> asked = loop_->wait_for<void>([&](auto callback) {
      for (std::size_t i = begin; i < end; ++i) {
        loop_->client.stats(
            questions[i].node_id, questions[i].after,
            [round, left, callback, place = i - begin](Result<ToldStats> told) {
              (*round)[place] = std::move(told);
              if (--*left == 0) callback({});
            },
            questions[i].what);
      }
    });
    for (const std::optional<Result<ToldStats>>& answer : *round) {
      answers.push_back(answer ? *answer
                               : Result<ToldStats>(asked ? Error{Errc::timed_out, kConnecting} : asked.error()));
    }
  }
  return answers;
}

Result<protocol::Hello> BlockingClient::hello() {
  return loop_->wait_for<protocol::Hello>([&](auto callback) { loop_->client.hello(std::move(callback)); });
}

Result<PageAnswer> BlockingClient::open_page(std::uint16_t port) {
  return loop_->wait_for<PageAnswer>([&](auto callback) { loop_->client.open_page(port, std::move(callback)); });
}

Result<void> BlockingClient::shutdown_pmd(protocol::Force force) {
  return loop_->wait_for<void>([&](auto callback) { loop_->client.shutdown_pmd(force, std::move(callback)); });
}

Result<void> BlockingClient::wait_for_end() {
  const base::Instant deadline = base::saturating_add(loop_->reactor.now(), loop_->timeout);
  while (!loop_->has_disconnected) {
    if (loop_->reactor.now() >= deadline) return Error{Errc::timed_out, "waiting for the PMD's end"};
    loop_->reactor.turn(deadline);
  }
  return {};
}

}  // namespace distflow::pmd
