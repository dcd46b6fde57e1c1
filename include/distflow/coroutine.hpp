// Coroutines that await a node: co_await ask(...), next_message(...), wait_for(...), next_turn(...).
//
// With any coroutine type: there is none here. An awaiter is awaited once, in the expression that makes it or later;
// what its arguments refer to must live until then.
//   1. A coroutine is resumed where handlers run (NodeOptions::threading), or by the executor that .via() names. If
//      nothing is under way it goes on at once, with the reason.
//   2. Each wait ends: with what was awaited, by its deadline, or when the node is shut down.
//   3. A suspended coroutine may be destroyed, which cancels what it awaits. Nobody may destroy one that runs. On the
//      thread where handlers run, and where one executor resumes it one at a time (a strand, a mutex), that is certain;
//      elsewhere a stop token is the way: the coroutine then ends by itself.
//      A token is given by .with_stop(), or in options that have a name: g++ 12 destroys twice what stands in braces
//      inside a co_await expression, such as `co_await ask(node, "pong", "1", {.stop = source.get_token()})`.
//   4. In the steady state an await costs no allocation, beside text that the program keeps.
// Awaiters: one coroutine. The functions: any thread.
//
// Use: distflow::KeptReply reply = co_await distflow::ask(node, "pong", R"({"n":1})", {.deadline = 500ms});
//      auto other = co_await distflow::ask(node, "pong", "1").via([&](std::coroutine_handle<> h) { pool.post(h); });
#pragma once

#include <coroutine>
#include <new>
#include <string_view>
#include <utility>

#include <distflow/ask.hpp>
#include <distflow/await_cell.hpp>
#include <distflow/node_runtime.hpp>
#include <distflow/reply_keeping.hpp>
#include <distflow/result.hpp>
#include <distflow/send.hpp>
#include <distflow/version.hpp>
#include <distflow/wait.hpp>

namespace distflow {

/// Awaits the end of a request; gives a KeptReply.
class [[nodiscard]] AskAwaiter : public detail::Awaiter<AskAwaiter, KeptReply> {
 public:
  /// As ask().
  AskAwaiter(NodeRuntime& node, std::string_view target, RawJson json, AskOptions options, bool is_checked)
      : node_(&node), target_(target), json_(json), options_(std::move(options)), is_checked_(is_checked) {}

  /// As AskOptions::stop.
  [[nodiscard]] AskAwaiter with_stop(StopToken stop) && {
    options_.stop = std::move(stop);
    return std::move(*this);
  }

  /// The reply is kept in the memory of an old one, so that a loop that asks allocates nothing:
  /// `reply = co_await ask(node, "pong", json).reuse(std::move(reply));`
  [[nodiscard]] AskAwaiter reuse(KeptReply&& old) && {
    old_ = std::move(old);
    return std::move(*this);
  }

 private:
  friend Awaiter;

  bool begin(Cell& cell) {
    AskOptions options = std::move(options_);
    relay_.connect(options.stop, cell.stop);
    options.stop = cell.stop.token();
    cell.outcome.emplace(std::move(old_));
    const auto on_end = [&cell](const Reply& reply) {
      cell.outcome = detail::keep_reply(reply, *std::move(cell.outcome));
      cell.finish();
    };
    const SendVerdict verdict =
        is_checked_ ? node_->ask(target_, json_, options, on_end) : node_->ask(target_, json_.text, options, on_end);
    if (is_under_way(verdict)) return true;
    cell.outcome = detail::refused_reply(target_, verdict, *std::move(cell.outcome));
    return false;
  }

  static KeptReply without_memory() noexcept { return detail::refused_reply({}, SendVerdict::out_of_memory); }

  NodeRuntime* node_;
  std::string_view target_;
  RawJson json_;
  AskOptions options_;
  bool is_checked_;
  KeptReply old_{};
};

/// `KeptReply reply = co_await ask(node, target, json, options)`: as NodeRuntime::ask(). What is not under way after
/// all is a reply with AskError::not_sent. A reply that there is no memory for is AskError::failed, with
/// SendVerdict::out_of_memory. The node, the name and the text must live until the coroutine is suspended. Awaited
/// `.via(executor)` it is resumed there.
inline AskAwaiter ask(NodeRuntime& node, std::string_view target, std::string_view json, AskOptions options = {}) {
  return {node, target, raw_json(json), std::move(options), false};
}
/// The same for JSON that the caller vouches for.
inline AskAwaiter ask(NodeRuntime& node, std::string_view target, RawJson json, AskOptions options = {}) {
  return {node, target, json, std::move(options), true};
}

/// Awaits a node of some name; gives a Result<PeerInfo>.
class [[nodiscard]] PeerAwaiter : public detail::Awaiter<PeerAwaiter, Result<PeerInfo>> {
 public:
  /// As wait_for().
  PeerAwaiter(NodeRuntime& node, std::string_view name, WaitOptions options)
      : node_(&node), name_(name), options_(std::move(options)) {}

  /// As WaitOptions::stop.
  [[nodiscard]] PeerAwaiter with_stop(StopToken stop) && {
    options_.stop = std::move(stop);
    return std::move(*this);
  }

 private:
  friend Awaiter;

  bool begin(Cell& cell) {
    WaitOptions options = std::move(options_);
    relay_.connect(options.stop, cell.stop);
    options.stop = cell.stop.token();
    const auto on_end = [&cell](const Result<PeerInfo>& peer) {
      try {
        cell.outcome.emplace(peer);
      } catch (const std::bad_alloc&) {
        cell.outcome.emplace(without_memory());
      }
      cell.finish();
    };
    const Result<void> begun = node_->wait_for(name_, options, on_end);
    if (begun) return true;
    cell.outcome.emplace(begun.error());
    return false;
  }
  static Result<PeerInfo> without_memory() noexcept { return Error{Errc::out_of_memory, "waiting for a node"}; }

  NodeRuntime* node_;
  std::string_view name_;
  WaitOptions options_;
};

/// Awaits a turn of the loop; gives a Result<void>.
class [[nodiscard]] TurnAwaiter : public detail::Awaiter<TurnAwaiter, Result<void>> {
 public:
  /// As next_turn().
  explicit TurnAwaiter(NodeRuntime& node) : node_(&node) {}

 private:
  friend Awaiter;

  bool begin(Cell& cell) {
    const Result<void> begun = node_->next_turn([&cell](const Result<void>& turn) {
      cell.outcome.emplace(turn);
      cell.finish();
    });
    if (begun) return true;
    cell.outcome.emplace(begun.error());
    return false;
  }
  static Result<void> without_memory() noexcept { return Error{Errc::out_of_memory, "waiting for a turn"}; }

  NodeRuntime* node_;
};

/// Awaits a message; gives a Result<KeptMessage>.
class [[nodiscard]] MessageAwaiter : public detail::Awaiter<MessageAwaiter, Result<KeptMessage>> {
 public:
  /// As next_message().
  explicit MessageAwaiter(NodeRuntime& node) : node_(&node) {}

  /// Ends the wait when it is asked to stop.
  [[nodiscard]] MessageAwaiter with_stop(StopToken stop) && {
    stop_ = std::move(stop);
    return std::move(*this);
  }
  /// The message is kept in the memory of an old one, so that a loop that receives allocates nothing for it.
  [[nodiscard]] MessageAwaiter reuse(KeptMessage&& old) && {
    old_ = std::move(old);
    return std::move(*this);
  }

 private:
  friend Awaiter;

  bool begin(Cell& cell) {
    relay_.connect(stop_, cell.stop);
    cell.outcome.emplace(std::move(old_));
    const auto on_end = [&cell](const Result<Message>& message) {
      keep(message, *cell.outcome);
      cell.finish();
    };
    const Result<void> begun = node_->next_message(on_end, cell.stop.token());
    if (begun) return true;
    cell.outcome.emplace(begun.error());
    return false;
  }
  static void keep(const Result<Message>& message, Result<KeptMessage>& kept) noexcept {
    if (!message) {
      kept = message.error();
      return;
    }
    try {
      kept->from.assign(message->from);
      kept->to.assign(message->to);
      kept->payload.assign(message->payload);
      kept->has_payload = message->has_payload;
      kept->timestamp = message->timestamp;
    } catch (const std::bad_alloc&) {
      kept = without_memory();
    }
  }
  static Result<KeptMessage> without_memory() noexcept { return Error{Errc::out_of_memory, "waiting for a message"}; }

  NodeRuntime* node_;
  StopToken stop_{};
  KeptMessage old_{};
};

/// `Result<KeptMessage> message = co_await next_message(node)`: as NodeRuntime::next_message(). What comes while the
/// coroutine does something else waits in the mailbox, within its bounds. A message that is on its way to a coroutine
/// that is destroyed is lost with it. The node must live until the coroutine is suspended.
inline MessageAwaiter next_message(NodeRuntime& node) { return MessageAwaiter(node); }

/// `Result<PeerInfo> peer = co_await wait_for(node, "pong", {2s})`: as NodeRuntime::wait_for(), whose errors it gives.
/// The node and the name must live until the coroutine is suspended.
inline PeerAwaiter wait_for(NodeRuntime& node, std::string_view name, WaitOptions options = {}) {
  return {node, name, std::move(options)};
}

/// `co_await next_turn(node)`: as NodeRuntime::next_turn(). With Threading::caller the coroutine goes on inside poll();
/// in any mode it is on the thread where handlers run then. The node must live until the coroutine is suspended.
inline TurnAwaiter next_turn(NodeRuntime& node) { return TurnAwaiter(node); }

}  // namespace distflow
