// An application for the matrix of calls: a node whose handlers, or whose captured objects, call everything there is.
//
// The test's thread and the one that handlers run on. An action that ends the handle may be the last thing that touches
// it: the test's thread leaves `node` alone while a handler may drop it.
// Use: auto app = std::make_shared<App>(action, event, count); app->start(options); app->set_handlers(); ...
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include <distflow/ask.hpp>
#include <distflow/group.hpp>
#include <distflow/node_runtime.hpp>
#include <distflow/topic.hpp>

#include "tests/support/loop.hpp"

namespace distflow::test {

inline constexpr const char* kEventPayload = "\"event\"";
inline constexpr const char* kOtherPayload = "\"other\"";

// What the peer is a member of, and subscribes to.
inline constexpr const char* kPeersGroup = "peers";
inline constexpr const char* kPeersTopic = "news";

enum class Event : std::uint8_t { message, request, published, join, leave };
inline constexpr Event kEvents[] = {Event::message, Event::request, Event::published, Event::join, Event::leave};
inline const char* to_string(Event event) {
  constexpr const char* names[] = {"message", "request", "published", "join", "leave"};
  return names[static_cast<int>(event)];
}

class App;

/// A public call, or some that belong together, as an application makes them where it should not matter.
struct Action {
  enum class Outcome : std::uint8_t {
    goes_on,     ///< each event acts
    may_miss,    ///< the same, but for what the loop hears of between the clearing and the setting of a handler
    may_stop,    ///< the node or the handler may be gone after the first
    drops,       ///< and so is the last handle
    throws_too,  ///< goes on, but is nothing for a destructor
  };
  const char* name;
  void (*perform)(App& app);
  Outcome outcome = Outcome::goes_on;
};

class App : public std::enable_shared_from_this<App> {
 public:
  App(const Action& action, Event event, int count) : action_(action), event_(event), count_(count) {}

  bool start(const NodeOptions& options) {
    Result<NodeRuntime> started = NodeRuntime::start(options);
    EXPECT_TRUE(started) << started.error().message();
    if (!started) return false;
    is_polled_ = options.threading == Threading::caller;
    has_thread_ = options.threading == Threading::dispatcher;
    alias = options.alias;
    node = *std::move(started);
    return true;
  }

  // Each holds this, and through it the node.
  [[nodiscard]] std::function<void(const Message&)> message_handler() {
    return [self = shared_from_this()](const Message& message) {
      if (message.payload == kEventPayload) return self->on_event(Event::message);
      ++self->others;
    };
  }
  [[nodiscard]] std::function<void(const Request&, Responder)> request_handler() {
    return [self = shared_from_this()](const Request& request, Responder responder) {
      self->request_in_hand = &request;
      if (request.payload == kEventPayload) self->on_event(Event::request);
      self->request_in_hand = nullptr;
      static_cast<void>(responder.reply(kOtherPayload));
    };
  }
  [[nodiscard]] std::function<void(const Message&)> topic_handler() {
    return [self = shared_from_this()](const Message& message) {
      if (message.payload == kEventPayload) return self->on_event(Event::published);
      ++self->others;
    };
  }
  [[nodiscard]] std::function<void(const PeerInfo&)> peer_handler(Event event) {
    return [self = shared_from_this(), event](const PeerInfo&) { self->on_event(event); };
  }
  void set_handlers() {
    node->on_message(message_handler());
    node->on_request(request_handler());
    node->on_peer_join(peer_handler(Event::join));
    node->on_peer_leave(peer_handler(Event::leave));
  }

  /// Until `done()`, which other threads bring about: turns the loop where that is the caller's.
  template <class Done>
  bool wait_for(Done done) {
    const auto turn = [this] {
      if (is_polled_ && node) {
        static_cast<void>(node->poll(std::chrono::milliseconds(5)));
      } else {
        std::this_thread::yield();
      }
    };
    return turn_until(turn, done);
  }

  /// Counts what the node must have accepted.
  SendVerdict counted(SendVerdict verdict) {
    if (is_under_way(verdict)) ++accepted;
    return verdict;
  }
  /// The callback of a request, and what counts it.
  [[nodiscard]] ReplyCallback end_of_ask() {
    return [self = shared_from_this()](const Reply&) { ++self->asks_ended; };
  }
  SendVerdict asked_with(SendVerdict verdict) {
    if (is_under_way(verdict)) ++asked;
    return verdict;
  }
  /// Of a call that may wait, but on the loop's thread. What a handler holds may go on any thread.
  void expect_blocks_on_loop(bool would_block, bool has_worked) {
    ++(would_block ? blocked : went_on);
    if (!is_in_handler_) return;
    EXPECT_EQ(would_block, !has_thread_);
    EXPECT_TRUE(!has_thread_ || has_worked || !node->is_running());
  }
  void perform() { action_.perform(*this); }
  [[nodiscard]] std::string unknown_name() { return "nobody" + std::to_string(++unknown_names_); }
  [[nodiscard]] bool has_acted() const {
    const bool may_miss = action_.outcome == Action::Outcome::may_miss && has_thread_ && event_ != Event::message;
    const bool is_one_enough =
        may_miss || action_.outcome == Action::Outcome::may_stop || action_.outcome == Action::Outcome::drops;
    return acted >= (is_one_enough ? 1 : count_);
  }

  std::optional<NodeRuntime> node;
  std::string alias;
  const Request* request_in_hand = nullptr;  // the one in its handler, on the thread that handlers run on
  std::atomic<std::uint64_t> accepted{0};
  std::atomic<std::uint64_t> asked{0};
  std::atomic<std::uint64_t> asks_ended{0};
  std::atomic<int> blocked{0};           // calls that were refused on the loop's thread
  std::atomic<int> went_on{0};           // the same calls elsewhere
  std::atomic<int> for_requests{0};      // requests made for the one in its handler
  std::atomic<bool> is_released{false};  // the test's thread no longer uses `node`
  std::atomic<int> acted{0};             // events
  std::atomic<int> others{0};            // messages

 private:
  void on_event(Event event) {
    if (event != event_) return;
    struct Acted {
      App& app;
      ~Acted() { ++app.acted; }
    };
    const Acted acted_at_the_end{*this};
    is_in_handler_ = true;
    struct Left {
      bool& is_in_handler;
      ~Left() { is_in_handler = false; }
    };
    const Left left{is_in_handler_};
    if (node) perform();
  }

  const Action action_;
  const Event event_;
  const int count_;
  bool is_polled_ = false;
  bool has_thread_ = false;
  bool is_in_handler_ = false;  // the thread that handlers run on
  std::atomic<int> unknown_names_{0};
};

/// What a handler has captured: acts as it is destroyed, and may hold the node until then.
struct Guard {
  Guard(std::shared_ptr<App> of, bool holds_node) : app(std::move(of)) {
    if (holds_node) own = app->node;
  }
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  ~Guard() {
    while (!app->is_released) std::this_thread::yield();  // the call that brought this about has returned
    if (app->node) {
      app->perform();
    } else {
      static_cast<void>(
          NodeRuntime::start({.pmd_port = 1, .start_pmd = false, .start_deadline = std::chrono::milliseconds(1)}));
    }
    ++app->acted;
  }

  std::shared_ptr<App> app;
  std::optional<NodeRuntime> own;
};

}  // namespace distflow::test
