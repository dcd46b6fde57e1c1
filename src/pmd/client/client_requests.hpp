// The requests that a client has made and that have no answer yet, with their deadlines.
//
// Loop thread only; does no I/O.
//   1. A request gets one answer, the PMD's or an error, from inside a later turn; but one marked `forget` may vanish.
//      It is off the table before its callback runs, which may make further requests.
//   2. Ids are never used twice, so that an answer that comes too late meets nothing.
//   3. add() and refuse() may throw std::bad_alloc, and have done nothing then. Answering needs no memory of the
//      table's. A callback that runs out of it is called once more, with Errc::out_of_memory, for which it must need
//      none.
// Use: RequestId id = requests.next_id(); requests.add(id, {...}); ... requests.answer(id, response);
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <distflow/result.hpp>

#include "base/timer_wheel.hpp"
#include "io/reactor.hpp"
#include "protocol/pmd_reply.hpp"

namespace distflow::pmd {

using RequestId = std::uint64_t;
using Answer = Result<protocol::Response>;

/// The text that stands for an id in a message, and back.
std::string to_text(RequestId id);
std::optional<RequestId> to_request_id(std::string_view text);

/// What becomes of a request when the connection that it went out on is lost.
enum class AcrossLoss {
  repeat,  ///< It goes out again on the next one: asking twice does no harm.
  fail,    ///< It fails: it may have been done already.
  forget,  ///< It vanishes: it was about that connection.
};

struct PendingRequest {
  std::string text;  ///< the message, as it goes into its frame
  AcrossLoss across_loss = AcrossLoss::fail;
  std::function<void(const Answer&)> on_answer;
  bool is_sent = false;
  base::Instant deadline{};
  Error why{};  ///< the answer, once it is owed
};

class ClientRequests {
 public:
  using OnAnswer = std::function<void(const Answer&)>;

  /// `reactor` must outlive the table.
  ClientRequests(io::Reactor& reactor, base::Duration timeout);
  ~ClientRequests();

  [[nodiscard]] RequestId next_id() { return ++last_id_; }
  /// Takes the request up; its time runs from now on. The reference is good until the table changes.
  PendingRequest& add(RequestId id, PendingRequest request);
  /// Answers a request that is not taken up.
  void refuse(OnAnswer on_answer, Error why);
  /// Nothing happens when no such request is on the table.
  void answer(RequestId id, const Answer& response);

  /// The connection is lost, because of `why`.
  void on_loss(Error why);
  /// Nothing more will be answered: everything fails, because of `why`.
  void fail_all(Error why);

  /// Calls `send(PendingRequest&)` for each request that is not sent, in order. It must not change the table.
  template <class Send>
  void for_each_unsent(Send&& send) {
    for (auto& [id, request] : pending_) {
      if (!request.is_sent) send(request);
    }
  }

  [[nodiscard]] std::size_t size() const { return pending_.size(); }
  /// Whether answers are yet to be delivered at the turn's end.
  [[nodiscard]] bool owes_answers() const { return !owed_.empty(); }

 private:
  using Pending = std::map<RequestId, PendingRequest>;  // in order of their deadlines, too: all have the same timeout

  void on_timeout();
  Pending::iterator owe(Pending::iterator request, Error why);
  void deliver_owed();
  void tell(const PendingRequest& request, const Answer& answer);
  void arm_timer();

  io::Reactor& reactor_;
  const base::Duration timeout_;
  RequestId last_id_ = 0;
  Pending pending_;
  Pending owed_;  // in the order of the requests
  base::Timer timer_;
  io::DeferredTask deliver_;
};

}  // namespace distflow::pmd
