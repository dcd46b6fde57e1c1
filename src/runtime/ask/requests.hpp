// The requests that come to a node, and its handler for them.
//
// The thread that handlers run on, but where it says otherwise.
//   1. A request whose time is over does not reach the handler.
//   2. Each request is answered once: by the handler's Responder, or here, in a word.
//   3. Words go to nodes that the directory knows, and so many in a second. Any peer can write any `from` in a request,
//      and would have this node ask the registry for any name, or write to any node.
//   4. The name of an asker that is not known takes no place in the table of names, however long a handler keeps the
//      request.
// Use: requests.set_handler(handler); delivery calls handle(mail, members) by way of AskHooks.
#pragma once

#include <memory>
#include <string_view>

#include <distflow/ask.hpp>

#include "base/log.hpp"
#include "io/reactor.hpp"
#include "runtime/ask/ask_way.hpp"
#include "runtime/peers/directory.hpp"
#include "runtime/receive/delivery.hpp"
#include "runtime/send/target_table.hpp"

namespace distflow::runtime {

class Requests {
 public:
  /// All must outlive the Requests.
  Requests(io::Reactor& reactor, const Directory& directory, TargetTable& targets, Delivery& delivery,
           std::shared_ptr<AskWay> way)
      : reactor_(reactor), directory_(directory), targets_(targets), delivery_(delivery), way_(std::move(way)) {}

  /// The task that sets the handler, for Delivery::run_where_handlers_run(). May throw std::bad_alloc. Any thread.
  /// Until it has run, or is given up, awaits_handler().
  [[nodiscard]] std::function<void()> setting(RequestHandler handler);
  /// Lets go of it, and of what it holds. Only when none runs.
  void forget_handler() { const RequestHandler handler = std::exchange(handler_, nullptr); }

  void handle(const Mail& mail, const protocol::AskMembers& members);
  /// Whether what comes now has to wait: there is no handler, and one that was set before may be on its way here.
  [[nodiscard]] bool awaits_handler() const { return !handler_ && setting_.use_count() > 1; }

  // Loop thread.
  void note_received() {
    add_owned(way_->counters.received, 1);
    way_->counters.waiting.add_on_loop(1);
  }
  /// What note_received() has counted has to come again.
  void note_blocked() {
    add_owned(way_->counters.received, std::uint64_t{0} - 1);
    way_->counters.waiting.add_on_loop(-1);
  }
  void note_cancel() { add(way_->counters.cancels, 1); }
  /// There is no room for it: answered `busy`.
  void refuse(const Mail& mail);
  void drop(std::size_t count);

 private:
  static constexpr std::uint32_t kWordsMax = 10'000;  // in a second, of `busy` and of all others

  const TargetPtr& asker_of(const Mail& mail);
  void say(const Mail& mail, std::uint64_t id, protocol::AskWord word);
  void say_nothing(protocol::AskWord word);
  void hand_to_handler(const Mail& mail, std::uint64_t id, base::Instant deadline);

  io::Reactor& reactor_;
  const Directory& directory_;
  TargetTable& targets_;
  Delivery& delivery_;
  const std::shared_ptr<AskWay> way_;
  RequestHandler handler_;
  const std::shared_ptr<const char> setting_ =
      std::make_shared<const char>('\0');                    // each task that sets it shares this
  TargetPtr asker_;                                          // of the last request
  base::RateLimit word_limit_{kWordsMax, base::seconds(1)};  // of what handle() sends
  base::RateLimit busy_limit_{kWordsMax, base::seconds(1)};  // loop thread
};

}  // namespace distflow::runtime
