// Requests and waits as Asio's asynchronous operations: async_ask(), async_next_message(),
// async_wait_for(), with a completion token.
//
// With standalone Asio, or with Boost.Asio if that was included before or DISTFLOW_BOOST_ASIO is defined. From 1.18
// on (Boost 1.74); cancellation slots from 1.19 on (Boost 1.77).
//   1. The handler is called once, with a KeptReply or a Result, and never inside the call that begins the operation.
//      Errors are in there, as a reply has more to say than an error code: with use_awaitable and use_future nothing is
//      thrown.
//   2. It is dispatched to its associated executor, which has outstanding work until then. A handler without one is
//      called where message handlers run, or by the system executor if nothing was sent.
//   3. A cancellation slot, of any type of cancellation, ends the operation early: AskError::cancelled, Errc::canceled.
//   4. The executor's context must live until the operation has completed, as at the latest when the node has ended.
//   5. asio::awaitable cannot co_await the awaiters of coroutine.hpp: await `async_ask(..., use_awaitable)` there.
// Any thread.
//
// Use: asio::co_spawn(io, [&]() -> asio::awaitable<void> {
//        auto reply = co_await distflow::async_ask(node, "pong", R"({"n":1})", {}, asio::use_awaitable);
//      }, asio::detached);
#pragma once

#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <distflow/ask.hpp>
#include <distflow/node_runtime.hpp>
#include <distflow/reply_keeping.hpp>
#include <distflow/send.hpp>
#include <distflow/wait.hpp>
#include <distflow/wait_stop.hpp>

// NOLINTBEGIN(readability-identifier-naming): macros that programs see have the library's name
#if defined(BOOST_ASIO_VERSION) && !defined(ASIO_VERSION) && !defined(DISTFLOW_BOOST_ASIO)
#define DISTFLOW_BOOST_ASIO
#endif
// NOLINTEND(readability-identifier-naming)

#ifdef DISTFLOW_BOOST_ASIO
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/version.hpp>
#else
#include <asio/associated_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/dispatch.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <asio/version.hpp>
#endif

// NOLINTBEGIN(readability-identifier-naming): as above
#ifdef DISTFLOW_BOOST_ASIO
#define DISTFLOW_DETAIL_ASIO boost::asio
#define DISTFLOW_DETAIL_ASIO_VERSION BOOST_ASIO_VERSION
#define DISTFLOW_DETAIL_ASIO_NAMESPACE with_boost_asio
#else
#define DISTFLOW_DETAIL_ASIO asio
#define DISTFLOW_DETAIL_ASIO_VERSION ASIO_VERSION
#define DISTFLOW_DETAIL_ASIO_NAMESPACE with_standalone_asio
#endif
// NOLINTEND(readability-identifier-naming)

#if DISTFLOW_DETAIL_ASIO_VERSION >= 101900
#ifdef DISTFLOW_BOOST_ASIO
#include <boost/asio/associated_cancellation_slot.hpp>
#else
#include <asio/associated_cancellation_slot.hpp>
#endif
#endif

namespace distflow {
// A program may have both kinds of Asio, in different files.
inline namespace DISTFLOW_DETAIL_ASIO_NAMESPACE {
/// @cond
namespace asio_detail {

namespace net = DISTFLOW_DETAIL_ASIO;

/// An operation under way: its handler, where that is called, and how it ends early.
template <class Handler>
class AsioOperation {
 public:
  explicit AsioOperation(Handler handler)
      : handler_(std::move(handler)), work_(net::get_associated_executor(handler_)) {}

  /// Connects the application's stop token and the handler's cancellation slot to the token that is returned. May throw
  /// std::bad_alloc.
  StopToken listen(const StopToken& stop) {
    stop_.renew();
    relay_.connect(stop, stop_);
#if DISTFLOW_DETAIL_ASIO_VERSION >= 101900
    if (auto slot = net::get_associated_cancellation_slot(handler_); slot.is_connected()) {
      slot.assign([stop = stop_](net::cancellation_type) mutable { stop.request(); });
    }
#endif
    return stop_.token();
  }

  /// On the handler's executor.
  template <class Outcome>
  void complete(Outcome&& outcome) {
    relay_.disconnect();
#if DISTFLOW_DETAIL_ASIO_VERSION >= 101900
    if (auto slot = net::get_associated_cancellation_slot(handler_); slot.is_connected()) slot.clear();
#endif
    const auto work = std::move(work_);
    Handler handler = std::move(handler_);
    std::move(handler)(std::forward<Outcome>(outcome));
  }

  [[nodiscard]] auto executor() const { return work_.get_executor(); }

 private:
  Handler handler_;
  net::executor_work_guard<net::associated_executor_t<Handler>> work_;
  detail::WaitStop stop_;
  detail::StopRelay relay_;
};

/// Begins an operation: `begin(stop, on_end)`. `outcome_of()` what that has returned completes the operation at once,
/// if it is one. What it ends with is kept until the executor has come to the handler: `keep(end)`; where there is no
/// memory for that, `without_memory()`.
template <class Outcome, class Handler, class Begin, class OutcomeOf, class Keep, class WithoutMemory>
void begin_asio_operation(Handler&& handler, const StopToken& stop, const Begin& begin, const OutcomeOf& outcome_of,
                          const Keep& keep, const WithoutMemory& without_memory) {
  using Operation = AsioOperation<std::decay_t<Handler>>;
  const auto operation = std::make_shared<Operation>(std::forward<Handler>(handler));
  const auto on_end = [operation, keep, without_memory](const auto& end) {
    std::optional<Outcome> outcome;
    try {
      outcome.emplace(keep(end));
    } catch (const std::bad_alloc&) {
      outcome.emplace(without_memory());
    }
    net::dispatch(operation->executor(),
                  [operation, outcome = *std::move(outcome)]() mutable { operation->complete(std::move(outcome)); });
  };
  std::optional<Outcome> at_once = outcome_of(begin(operation->listen(stop), on_end));
  if (!at_once) return;
  net::post(operation->executor(),
            [operation, outcome = *std::move(at_once)]() mutable { operation->complete(std::move(outcome)); });
}

}  // namespace asio_detail
/// @endcond

/// Asks as NodeRuntime::ask(), and completes with a KeptReply: the signature is void(KeptReply). What is not under way
/// after all is a reply with AskError::not_sent. Name and text are copied, as a token may begin the operation later.
template <class Token>
auto async_ask(NodeRuntime& node, std::string_view target, std::string_view json, AskOptions options, Token&& token) {
  auto initiation = [node, target = std::string(target), json = std::string(json),
                     options = std::move(options)](auto&& handler) mutable {
    const auto begin = [&](StopToken stop, const auto& on_end) {
      AskOptions with_stop = options;
      with_stop.stop = std::move(stop);
      return node.ask(target, json, with_stop, [on_end](const Reply& reply) { on_end(reply); });
    };
    const auto outcome_of = [&](SendVerdict verdict) -> std::optional<KeptReply> {
      if (is_under_way(verdict)) return std::nullopt;
      return detail::refused_reply(target, verdict);
    };
    asio_detail::begin_asio_operation<KeptReply>(
        std::forward<decltype(handler)>(handler), options.stop, begin, outcome_of,
        [](const Reply& reply) { return detail::keep_reply(reply); },
        [] { return detail::refused_reply({}, SendVerdict::out_of_memory); });
  };
  return asio_detail::net::async_initiate<Token, void(KeptReply)>(std::move(initiation), token);
}

/// Waits as NodeRuntime::wait_for(), and completes with a Result<PeerInfo>: the signature is void(Result<PeerInfo>).
template <class Token>
auto async_wait_for(NodeRuntime& node, std::string_view name, WaitOptions options, Token&& token) {
  auto initiation = [node, name = std::string(name), options = std::move(options)](auto&& handler) mutable {
    const auto begin = [&](StopToken stop, const auto& on_end) {
      WaitOptions with_stop = options;
      with_stop.stop = std::move(stop);
      return node.wait_for(name, with_stop, on_end);
    };
    const auto outcome_of = [](const Result<void>& begun) -> std::optional<Result<PeerInfo>> {
      if (begun) return std::nullopt;
      return Result<PeerInfo>(begun.error());
    };
    asio_detail::begin_asio_operation<Result<PeerInfo>>(
        std::forward<decltype(handler)>(handler), options.stop, begin, outcome_of,
        [](const Result<PeerInfo>& peer) { return peer; },
        [] {
          return Result<PeerInfo>(Error{Errc::out_of_memory, "waiting for a node"});
        });
  };
  return asio_detail::net::async_initiate<Token, void(Result<PeerInfo>)>(std::move(initiation), token);
}

/// Waits as NodeRuntime::next_message(), and completes with a Result<KeptMessage>: the signature is
/// void(Result<KeptMessage>).
template <class Token>
auto async_next_message(NodeRuntime& node, Token&& token) {
  auto initiation = [node](auto&& handler) mutable {
    const auto begin = [&](const StopToken& stop, const auto& on_end) { return node.next_message(on_end, stop); };
    const auto outcome_of = [](const Result<void>& begun) -> std::optional<Result<KeptMessage>> {
      if (begun) return std::nullopt;
      return Result<KeptMessage>(begun.error());
    };
    asio_detail::begin_asio_operation<Result<KeptMessage>>(
        std::forward<decltype(handler)>(handler), {}, begin, outcome_of,
        [](const Result<Message>& message) {
          return message ? Result<KeptMessage>(message->keep()) : Result<KeptMessage>(message.error());
        },
        [] {
          return Result<KeptMessage>(Error{Errc::out_of_memory, "waiting for a message"});
        });
  };
  return asio_detail::net::async_initiate<Token, void(Result<KeptMessage>)>(std::move(initiation), token);
}

}  // namespace DISTFLOW_DETAIL_ASIO_NAMESPACE
}  // namespace distflow
