// Requests that are answered: NodeRuntime::ask(), ask_and_wait(), NodeRuntime::on_request().
//
//   1. At most once: a request is sent to one node, and never again, unless AskOptions::attempts or backup_after allows
//      it. It ends exactly once: with a reply or with an AskError, by its deadline at the latest. The deadline is one
//      for finding the node, connecting, queueing and answering; what is left of it travels with the request.
//   2. Callbacks and request handlers run where message handlers do (NodeOptions::threading), never inside ask().
//   3. Replies do not reach on_message(). One that comes after its request has ended is counted (AskStats::late).
//   4. A request whose time is over does not reach the handler.
//   5. Nodes of the TypeScript original do not answer: asking one fails at once, as AskError::unsupported.
// Reply, Request: for the call that they are given to only. All else: values; any thread.
//
// Use: node.ask("pong", R"({"n":1})", {.deadline = 500ms}, [](const distflow::Reply& reply) {
//        reply.error == distflow::AskError::none ? use(reply.payload) : complain(to_string(reply.error));
//      });
//      node.on_request([](const distflow::Request& request, distflow::Responder responder) {
//        responder.reply(request.payload);
//      });
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <distflow/result.hpp>
#include <distflow/send.hpp>
#include <distflow/stop_token.hpp>
#include <distflow/version.hpp>

namespace distflow {

class NodeRuntime;

namespace runtime {
class AskWay;
class Requests;
struct TargetState;
}  // namespace runtime

/// Why a request has no reply.
enum class AskError : std::uint8_t {
  none,             ///< it has one
  unresolved,       ///< no node has that name
  unsupported,      ///< the node does not take requests
  not_sent,         ///< Reply::verdict says why; also when it could not be connected to
  peer_left,        ///< the node left before it answered
  connection_lost,  ///< the connection broke with the request in it
  no_handler,       ///< nobody answers requests there
  busy,             ///< its mailbox of requests is full
  expired,          ///< the time was over when its turn came
  denied,           ///< the handler said so
  failed,           ///< the handler said so, threw, or let go of its Responder
  deadline,         ///< nothing came in time
  cancelled,        ///< by AskOptions::stop
  shut_down,        ///< this node, or the other one, was shut down
  reply_lost,       ///< it was answered, and this node had no room for the reply (MailboxLimits::bytes_max)
};
/// How many of them there are.
inline constexpr std::size_t kAskErrorCount = 15;

/// The error's name, as in the enumeration.
[[nodiscard]] DISTFLOW_API const char* to_string(AskError error);

/// How far a request had come when it ended.
enum class AskStage : std::uint8_t {
  resolving,  ///< it waited for its name to be known
  sent,       ///< it was queued for its node, or on its way
};

/// The stage's name, as in the enumeration.
[[nodiscard]] DISTFLOW_API const char* to_string(AskStage stage);

/// How a request is made.
struct AskOptions {
  /// From the call to the reply, at most. Above zero; a day at most.
  std::chrono::milliseconds deadline{5'000};
  /// It does no harm if the handler runs for it more than once: allows `attempts` and `backup_after`.
  bool idempotent = false;
  /// How often it may be sent, all within the deadline; 1 to 100. It is sent again when it has surely not run: as busy,
  /// or as connection_lost, after a pause that doubles from 20 ms on and has a random part. One to a group is sent to
  /// another member, the first time without a pause; also when its member has left before it was sent, or cannot be
  /// connected to. Never more than a tenth of this node's requests are sent again, and ten, in ten seconds: beyond that
  /// it ends as it failed (AskStats::retries_refused).
  int attempts = 1;
  /// For Group::ask() with a pick that is none of sticky and first: after that time without an end, the request is sent
  /// to another member as well, once. The first answer ends it, and the other member gets a cancellation; a
  /// member that fails leaves it to the other. A backup counts among `attempts`, and is sent even if none is left. What
  /// is sent again has one bound with it. Zero: no backup. NodeRuntime::ask(), which is for one node, ignores it.
  std::chrono::milliseconds backup_after{0};
  /// Ends the request when it is asked to stop, on any thread.
  StopToken stop{};
};

struct KeptReply;

/// Views that are valid while the callback runs.
struct Reply {
  std::string_view target{};                  ///< the name that was asked
  std::string_view payload{};                 ///< one JSON value as text; empty when there is an error
  AskError error = AskError::none;            ///< why there is no reply
  AskStage stage = AskStage::sent;            ///< how far the request had come
  SendVerdict verdict = SendVerdict::queued;  ///< with not_sent: why
  bool may_have_run = true;                   ///< false only if the handler has surely not begun, and will not
  std::chrono::microseconds took{};           ///< since ask()

  /// Whether there is a reply.
  [[nodiscard]] explicit operator bool() const { return error == AskError::none; }
  /// A copy that outlives the callback.
  [[nodiscard]] KeptReply keep() const;
};

/// A reply that owns its text.
struct KeptReply {
  std::string target{};                       ///< as in Reply
  std::string payload{};                      ///< as in Reply
  AskError error = AskError::none;            ///< as in Reply
  AskStage stage = AskStage::sent;            ///< as in Reply
  SendVerdict verdict = SendVerdict::queued;  ///< as in Reply
  bool may_have_run = true;                   ///< as in Reply
  std::chrono::microseconds took{};           ///< as in Reply

  /// Whether there is a reply.
  [[nodiscard]] explicit operator bool() const { return error == AskError::none; }
};

inline KeptReply Reply::keep() const {
  return {.target = std::string(target),
          .payload = std::string(payload),
          .error = error,
          .stage = stage,
          .verdict = verdict,
          .may_have_run = may_have_run,
          .took = took};
}

/// Told of a request's end.
using ReplyCallback = std::function<void(const Reply&)>;

/// A request as its handler gets it: views that are valid while that runs.
class DISTFLOW_API Request {
 public:
  std::string_view from;       ///< the asking node's nodeId
  std::string_view payload;    ///< one JSON value as text, as it came
  std::int64_t timestamp = 0;  ///< when it was sent, in ms since the Unix epoch, by the sender's clock

  /// The time that is left to answer, by this node's clock; zero when it is over.
  [[nodiscard]] std::chrono::milliseconds remaining() const;
  /// As NodeRuntime::ask(), for no longer than this request has: remaining(), if that is less than options.deadline.
  SendVerdict ask(std::string_view target, std::string_view json, AskOptions options, ReplyCallback callback) const;

 private:
  friend class runtime::Requests;
  const std::shared_ptr<runtime::AskWay>* way_ = nullptr;
  std::chrono::steady_clock::time_point deadline_{};
};

/// The right to answer one request, once. May be moved, kept, and used by any thread, one at a time. Let go unanswered,
/// it answers `failed`. After the node has ended, and in a forked child, it does nothing.
class DISTFLOW_API Responder {
 public:
  /// For no request.
  Responder() = default;
  /// The other one is for no request from then on.
  Responder(Responder&& other) noexcept;
  /// What this one was for is answered `failed`, if it was open.
  Responder& operator=(Responder&& other) noexcept;
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;
  /// Answers `failed`, if it is open.
  ~Responder();

  /// Answers with one JSON value, whose grammar is checked. With invalid_json, too_large, queue_full and out_of_memory
  /// the request is still open, so that another answer can be given. unresolved: nobody waits for it any more.
  SendVerdict reply(std::string_view json);
  /// The same for JSON that the caller vouches for.
  SendVerdict reply(RawJson json);
  /// Answers that there is no reply: denied or failed; any other is taken for failed.
  void refuse(AskError why);

  /// Whether it has yet to be answered.
  [[nodiscard]] bool is_open() const { return way_ != nullptr; }
  /// As Request::remaining().
  [[nodiscard]] std::chrono::milliseconds remaining() const;

 private:
  friend class runtime::Requests;
  std::shared_ptr<runtime::AskWay> way_;
  std::shared_ptr<runtime::TargetState> asker_;
  std::uint64_t id_ = 0;
  std::chrono::steady_clock::time_point deadline_{};
};

/// What answers requests.
using RequestHandler = std::function<void(const Request&, Responder)>;

/// Asks, and waits for the end. What is not under way after all (is_under_way(verdict)) is a reply with
/// AskError::not_sent. If nobody polls a node with Threading::caller, it ends a second after the deadline. Errors:
/// would_block on the node's I/O thread, where the reply would have to come; out_of_memory.
[[nodiscard]] DISTFLOW_API Result<KeptReply> ask_and_wait(NodeRuntime& node, std::string_view target,
                                                          std::string_view json, const AskOptions& options = {});

}  // namespace distflow
